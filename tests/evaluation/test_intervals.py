import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.evaluation import evaluate, grouped_interval, wilson_interval


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
def test_the_wilson_interval_is_the_published_one(correct: int, count: int, low: float, high: float) -> None:
    """Source: Newcombe 1998, "Two-sided confidence intervals for the single proportion", Table I, method 3."""
    assert wilson_interval(correct, count) == pytest.approx((low, high), abs=5e-5)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5000), st.floats(0, 1))
def test_the_wilson_interval_is_that_of_scipy_holds_the_share_and_mirrors(count: int, share: float) -> None:
    correct = round(share * count)
    low, high = wilson_interval(correct, count)
    expected = scipy.stats.binomtest(correct, count).proportion_ci(0.95, "wilson")
    assert (low, high) == pytest.approx(tuple(expected), abs=1e-6)
    assert 0 <= low <= correct / count + 1e-12
    assert correct / count - 1e-12 <= high <= 1
    assert wilson_interval(count - correct, count) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_without_a_trial_the_wilson_interval_is_everything() -> None:
    assert wilson_interval(0, 0) == (0, 1)


def tracks(stream: np.random.Generator, count: int, *, share: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of groups of 1 to 15, each told right or wrong as a whole."""
    sizes = stream.integers(1, 16, count)
    return np.repeat(stream.random(count) < share, sizes), np.repeat(np.arange(count), sizes)


def test_the_interval_of_groups_is_scipys_bootstrap() -> None:
    correct, groups = tracks(np.random.default_rng(1), 60)
    sizes, right = np.bincount(groups), np.bincount(groups, weights=correct)
    found = scipy.stats.bootstrap(
        (right, sizes), lambda r, s, axis: r.sum(axis) / s.sum(axis), paired=True, method="percentile", rng=2,
        n_resamples=4000,
    ).confidence_interval  # fmt: skip
    assert grouped_interval(correct, groups) == pytest.approx((found.low, found.high), abs=0.02)


def test_it_holds_the_true_share_where_an_interval_of_single_pictures_does_not() -> None:
    stream = np.random.default_rng(3)
    drawn = [tracks(stream, 50) for _ in range(100)]
    grouped = [grouped_interval(*pictures) for pictures in drawn]
    single = [wilson_interval(int(correct.sum()), len(correct)) for correct, _ in drawn]
    held = [sum(low <= 0.8 <= high for low, high in intervals) for intervals in (grouped, single)]
    assert held[0] >= 85 > held[1]


def test_groups_of_one_picture_give_about_wilsons_interval() -> None:
    correct = np.arange(400) < 300
    found = grouped_interval(correct, np.random.default_rng(0).permutation(400))
    assert found == pytest.approx(wilson_interval(300, 400), abs=0.01)


@pytest.mark.parametrize("right", [True, False])
def test_where_all_are_alike_there_are_as_many_trials_as_groups(right: bool) -> None:
    correct, groups = np.full(60, right), np.repeat([4, 9, 2, 7], 15)
    assert grouped_interval(correct, groups) == wilson_interval(4 * right, 4)


def test_an_evaluation_says_how_many_groups_there_were() -> None:
    logarithms, labels = np.log([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.9, 0.1]]), np.array([0, 0, 1, 1])
    found = evaluate(logarithms, labels, ("a", "b"), groups=np.array([5, 5, 5, 8]))
    assert found.groups == 2
    assert found.interval == grouped_interval(np.array([True, True, True, False]), np.array([5, 5, 5, 8]))
    assert evaluate(logarithms, labels, ("a", "b")).groups == 0
