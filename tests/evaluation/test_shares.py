import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.evaluation.intervals import grouped_interval, wilson_interval
from eyebright.evaluation.shares import counted, difference, paired_difference, share_of


def test_newcombes_example_of_independent_proportions() -> None:
    """Newcombe 1998, table II, first column, method 10: 56/70 - 48/80."""
    found = difference(counted(56, 70), counted(48, 80))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_the_worst_of_many_has_a_wider_interval_which_is_bonferronis() -> None:
    one, worst = counted(30, 50), counted(30, 50, among=20)
    expected = scipy.stats.binomtest(30, 50).proportion_ci(1 - 0.05 / 20, "wilson")
    assert (worst.low, worst.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert worst.low < one.low < one.high < worst.high
    groups, right = np.repeat(np.arange(20), 5), np.random.default_rng(0).random(100) < 0.7
    grouped, wide = share_of(right, groups), share_of(right, groups, among=20)
    assert (grouped.low, grouped.high) == grouped_interval(right, groups)
    assert wide.low < grouped.low < grouped.high < wide.high
    assert grouped.groups == 20


def test_a_share_of_nothing_may_be_anything() -> None:
    empty = share_of(np.zeros(0, bool), np.zeros(0, np.int64))
    assert (empty.value, empty.low, empty.high) == (0, 0, 1)


def test_a_share_reads_as_people_write_it() -> None:
    low, high = wilson_interval(30, 50)
    assert str(counted(30, 50)) == f"60.0% (95 % interval {low:.1%} to {high:.1%})"
    assert str(difference(counted(56, 70), counted(48, 80))) == "20.0 points (95 % interval 5.2 to 33.4)"


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_a_paired_difference_holds_its_value_and_turns_with_the_sides(
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


def test_a_paired_interval_is_narrower_than_that_of_strangers_and_holds_the_truth() -> None:
    stream, held = np.random.default_rng(1), 0
    for _ in range(300):
        before = stream.random(120) < 0.6
        after = np.where(before, stream.random(120) < 0.9, stream.random(120) < 0.4)  # truth: 0.6*0.9+0.4*0.4-0.6 = 0.1
        found = paired_difference(after, before)
        held += found.low <= 0.1 <= found.high
        apart = difference(share_of(after), share_of(before))
        assert found.high - found.low <= apart.high - apart.low + 1e-12
    assert 0.92 <= held / 300 <= 0.99


def test_pairs_in_groups_are_drawn_together() -> None:
    stream = np.random.default_rng(2)
    groups = np.repeat(np.arange(30), 10)
    before = np.repeat(stream.random(30) < 0.5, 10)
    after = np.repeat(stream.random(30) < 0.8, 10)
    alone, grouped = paired_difference(after, before), paired_difference(after, before, groups)
    assert grouped.value == alone.value
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)  # a tenth as many trials
