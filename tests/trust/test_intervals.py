import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.trust.intervals import (
    Share,
    above_error,
    apart,
    difference,
    grouped_interval,
    mean_interval,
    paired_difference,
    share_of,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("correct", "count", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (0, 10, 0.0, 0.2775),
    ],
)
def test_the_wilson_interval_matches_the_published_table(correct: int, count: int, low: float, high: float) -> None:
    """Source: Newcombe 1998, "Two-sided confidence intervals for the single proportion", Table I, method 3."""
    assert wilson_interval(correct, count) == pytest.approx((low, high), abs=5e-5)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5000), st.floats(0, 1))
def test_the_wilson_interval_matches_scipy_holds_the_share_and_is_symmetric(count: int, share: float) -> None:
    correct = round(share * count)
    low, high = wilson_interval(correct, count)
    expected = scipy.stats.binomtest(correct, count).proportion_ci(0.95, "wilson")
    assert (low, high) == pytest.approx(tuple(expected), abs=1e-6)
    assert 0 <= low <= correct / count + 1e-12
    assert correct / count - 1e-12 <= high <= 1
    assert wilson_interval(count - correct, count) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_without_images_the_wilson_interval_is_everything() -> None:
    assert wilson_interval(0, 0) == (0, 1)


def tracks(stream: np.random.Generator, count: int, *, share: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """Images in groups of 1 to 15; all images of a group are right or all are wrong."""
    sizes = stream.integers(1, 16, count)
    return np.repeat(stream.random(count) < share, sizes), np.repeat(np.arange(count), sizes)


def test_the_interval_of_groups_matches_the_bootstrap_of_scipy() -> None:
    correct, groups = tracks(np.random.default_rng(1), 60)
    sizes, right = np.bincount(groups), np.bincount(groups, weights=correct)
    found = scipy.stats.bootstrap(
        (right, sizes), lambda r, s, axis: r.sum(axis) / s.sum(axis), paired=True, method="percentile", rng=2,
        n_resamples=4000,
    ).confidence_interval  # fmt: skip
    assert grouped_interval(correct, groups) == pytest.approx((found.low, found.high), abs=0.02)


def test_the_interval_of_groups_holds_the_true_share_where_wilsons_does_not() -> None:
    stream = np.random.default_rng(3)
    drawn = [tracks(stream, 50) for _ in range(100)]
    grouped = [grouped_interval(*pictures) for pictures in drawn]
    single = [wilson_interval(int(correct.sum()), len(correct)) for correct, _ in drawn]
    held = [sum(low <= 0.8 <= high for low, high in intervals) for intervals in (grouped, single)]
    assert held[0] >= 85 > held[1]


def test_groups_of_one_image_give_about_wilsons_interval() -> None:
    correct = np.arange(400) < 300
    found = grouped_interval(correct, np.random.default_rng(0).permutation(400))
    assert found == pytest.approx(wilson_interval(300, 400), abs=0.01)


def test_the_interval_of_groups_is_never_narrower_than_wilsons() -> None:
    """Half of every group is right, so that resampling groups changes nothing."""
    correct, groups = np.tile([True, False], 100), np.repeat(np.arange(20), 10)
    assert grouped_interval(correct, groups) == wilson_interval(100, 200)


@pytest.mark.parametrize("right", [True, False])
def test_where_all_images_are_right_or_wrong_each_group_is_one_trial(right: bool) -> None:
    correct, groups = np.full(60, right), np.repeat([4, 9, 2, 7], 15)
    assert grouped_interval(correct, groups) == wilson_interval(4 * right, 4)


def test_the_difference_matches_newcombes_example_of_independent_proportions() -> None:
    """Newcombe 1998, table II, first column, method 10: 56/70 - 48/80."""
    found = difference(Share.from_counts(56, 70), Share.from_counts(48, 80))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_the_worst_of_many_shares_has_the_wider_interval_of_bonferroni() -> None:
    one, worst = Share.from_counts(30, 50), Share.from_counts(30, 50, among=20)
    expected = scipy.stats.binomtest(30, 50).proportion_ci(1 - 0.05 / 20, "wilson")
    assert (worst.low, worst.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert worst.low < one.low < one.high < worst.high
    groups, right = np.repeat(np.arange(20), 5), np.random.default_rng(0).random(100) < 0.7
    grouped, wide = share_of(right, groups), share_of(right, groups, among=20)
    assert (grouped.low, grouped.high) == grouped_interval(right, groups)
    assert wide.low < grouped.low < grouped.high < wide.high
    assert grouped.groups == 20


def test_a_share_of_no_images_may_be_anything() -> None:
    empty = share_of(np.zeros(0, bool), np.zeros(0, np.int64))
    assert (empty.value, empty.low, empty.high) == (0, 0, 1)


def test_shares_and_differences_are_written_with_their_intervals() -> None:
    low, high = wilson_interval(30, 50)
    assert str(Share.from_counts(30, 50)) == f"60.0% (95% interval {100 * low:.1f}-{100 * high:.1f}%)"
    found = difference(Share.from_counts(56, 70), Share.from_counts(48, 80))
    assert str(found) == "20.0 percentage points (95% interval 5.2 to 33.4)"


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_a_paired_difference_lies_in_its_interval_and_changes_sign_with_the_order(
    both: int, first: int, second: int, no: int
) -> None:
    if not both + first + second + no:
        return
    after = np.repeat([True, True, False, False], [both, first, second, no])
    before = np.repeat([True, False, True, False], [both, first, second, no])
    found, turned = paired_difference(after, before), paired_difference(before, after)
    assert found.value == pytest.approx((first - second) / len(after))
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_a_paired_difference_uses_newcombes_correlation_with_its_continuity_correction() -> None:
    """Both right 20, only after 12, only before 2, both wrong 16: phi is (20 * 16 - 12 * 2 - 50 / 2) / sqrt(...)."""
    after = np.repeat([True, True, False, False], [20, 12, 2, 16])
    before = np.repeat([True, False, True, False], [20, 12, 2, 16])
    phi = 271 / np.sqrt(32 * 18 * 22 * 28)
    one, other = (scipy.stats.binomtest(right, 50).proportion_ci(0.95, "wilson") for right in (32, 22))
    below = np.sqrt((0.64 - one.low) ** 2 - 2 * phi * (0.64 - one.low) * (other.high - 0.44) + (other.high - 0.44) ** 2)
    above = np.sqrt((one.high - 0.64) ** 2 - 2 * phi * (one.high - 0.64) * (0.44 - other.low) + (0.44 - other.low) ** 2)
    found = paired_difference(after, before)
    assert (found.low, found.high) == pytest.approx((0.2 - below, 0.2 + above))


def test_a_paired_interval_is_narrower_than_an_unpaired_one_and_holds_the_truth() -> None:
    stream, held = np.random.default_rng(1), 0
    for _ in range(300):
        before = stream.random(120) < 0.6
        after = np.where(before, stream.random(120) < 0.9, stream.random(120) < 0.4)  # truth: 0.6*0.9+0.4*0.4-0.6 = 0.1
        found = paired_difference(after, before)
        held += found.low <= 0.1 <= found.high
        apart = difference(share_of(after), share_of(before))
        assert found.high - found.low <= apart.high - apart.low + 1e-12
    assert 0.92 <= held / 300 <= 0.99


def test_a_paired_difference_of_groups_has_a_wider_interval() -> None:
    stream = np.random.default_rng(2)
    groups = np.repeat(np.arange(30), 10)
    before = np.repeat(stream.random(30) < 0.5, 10)
    after = np.repeat(stream.random(30) < 0.8, 10)
    alone, grouped = paired_difference(after, before), paired_difference(after, before, groups)
    assert grouped.value == alone.value
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)  # a tenth as many independent images


def test_how_groups_are_numbered_does_not_change_the_interval() -> None:
    stream = np.random.default_rng(1)
    groups, right = stream.integers(0, 12, 60), stream.random(60) < 0.7
    renamed, order = stream.permutation(1000)[groups], stream.permutation(60)
    assert grouped_interval(right[order], renamed[order]) == grouped_interval(right, groups)


def test_shares_are_apart_where_their_intervals_have_no_value_in_common() -> None:
    low, high = (Share.from_counts(right, 648) for right in (460, 515))  # 67.4-74.3%, 76.2-82.5%
    assert low.high < high.low
    assert apart(high, low) == difference(high, low)
    assert apart(low, high).value == pytest.approx(-55 / 648)
    assert apart(Share.from_counts(46, 65), Share.from_counts(51, 65)) is None


def test_the_interval_of_one_change_among_many_is_wider_but_has_the_same_middle_value() -> None:
    stream = np.random.default_rng(8)
    before, after, groups = stream.random(300) < 0.8, stream.random(300) < 0.7, np.arange(300) // 3
    for these in (None, groups):
        one, many = (paired_difference(after, before, these, among=among) for among in (1, 12))
        assert many.value == one.value and many.low < one.low < one.high < many.high
    ends = [share_of(after, among=12), share_of(before, among=12)]
    together = paired_difference(after, before, among=12)
    assert together.low >= difference(*ends, -1.0).low and together.high <= difference(*ends, -1.0).high


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation_for_many_values():
    values = np.random.default_rng(0).beta(2, 5, 400)
    low, high = mean_interval(values)
    error = values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.2 * error)
    assert mean_interval(np.ones(10)) == wilson_interval(10, 10)


@pytest.mark.parametrize("shift", [-0.2, 0.0, 0.05, 0.1, 0.2, 0.5])
def test_gains_are_above_their_error_where_the_t_statistic_is_above_1(shift: float) -> None:
    gains = np.random.default_rng(3).normal(shift, 1, 120)
    groups = np.arange(120) // 5
    assert above_error(gains) == (scipy.stats.ttest_1samp(gains, 0).statistic > 1)
    assert above_error(gains, groups) == (scipy.stats.ttest_1samp(gains.reshape(24, 5).sum(axis=1), 0).statistic > 1)
    assert not above_error(gains, np.zeros(120, np.int64)) and not above_error(np.ones(1))
