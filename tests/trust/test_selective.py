import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.trust.selective import (
    CHANCE,
    confidence_threshold,
    error_bound,
    least_images,
    most_wrong,
    risk_coverage,
)

sampled = settings(max_examples=60, deadline=None)


@st.composite
def answers(draw):
    """Confidences with many ties, and whether each answer is correct."""
    count = draw(st.integers(1, 400))
    stream = np.random.default_rng(draw(st.integers(0, 10**6)))
    confidence = stream.choice(np.linspace(0, 1, draw(st.sampled_from([2, 20, 10_000]))), count)
    return confidence, stream.random(count) < confidence ** draw(st.floats(0, 1))


def by_brute_force(confidence, correct, risk) -> float | None:
    """Test one threshold after the other with the binomial test of scipy, from the highest confidence down."""
    faultless, with_mistake = (
        next(count for count in range(1, 999) if scipy.stats.binom.cdf(wrong, count, risk) <= CHANCE)
        for wrong in (0, 1)
    )
    found, first = None, with_mistake if len(confidence) >= 3 * with_mistake else faultless
    for threshold in sorted(set(confidence.tolist()), reverse=True):
        answered = confidence >= threshold
        if answered.sum() < first:
            continue
        wrong = int((answered & ~correct).sum())
        if scipy.stats.binomtest(wrong, int(answered.sum()), risk, "less").pvalue > CHANCE:
            break
        found = threshold
    return found


@pytest.mark.parametrize(("risk", "count"), [(0.05, 59), (0.02, 149), (0.01, 299)])
def test_so_many_faultless_answers_are_needed_and_one_less_is_not_enough(risk: float, count: int) -> None:
    assert least_images(risk) == count
    assert error_bound(0, count) <= risk < error_bound(0, count - 1)
    all_right = np.ones(count, np.bool_)
    assert confidence_threshold(np.full(count, 0.9), all_right, risk) == 0.9
    assert confidence_threshold(np.full(count - 1, 0.9), all_right[1:], risk) is None


@sampled
@given(st.integers(1, 3000), st.floats(0, 1))
def test_the_bound_is_that_of_scipy_and_1_where_all_are_wrong(count: int, share: float) -> None:
    wrong = round(share * count)
    expected = scipy.stats.binomtest(wrong, count).proportion_ci(1 - 2 * CHANCE, "exact").high
    assert error_bound(wrong, count) == pytest.approx(expected, abs=1e-9)
    assert error_bound(count, count) == error_bound(0, 0) == 1


@sampled
@given(st.integers(1, 3000), st.floats(0.001, 0.5))
def test_most_wrong_is_the_last_count_whose_bound_keeps_the_risk(count: int, risk: float) -> None:
    passing = np.flatnonzero(error_bound(np.arange(count + 1), np.full(count + 1, count)) <= risk)
    assert most_wrong(count, risk) == (passing[-1] if len(passing) else -1)


@sampled
@given(answers(), st.sampled_from([0.3, 0.1, 0.05]))
def test_the_threshold_is_that_of_testing_one_after_the_other(answers, risk: float) -> None:
    assert confidence_threshold(*answers, risk) == by_brute_force(*answers, risk)


@sampled
@given(answers(), st.sampled_from([0.3, 0.1, 0.05]))
def test_the_order_of_images_does_not_matter(answers, risk: float) -> None:
    confidence, correct = answers
    order = np.random.default_rng(0).permutation(len(correct))
    threshold = confidence_threshold(confidence, correct, risk)
    assert confidence_threshold(confidence[order], correct[order], risk) == threshold


def test_one_mistake_among_the_most_confident_is_not_the_end_where_there_are_images_enough() -> None:
    correct = np.ones(279, np.bool_)
    correct[0] = False
    confidence = np.linspace(1, 0.5, 279)
    assert least_images(0.05, wrong=1) == 93
    assert confidence_threshold(confidence, correct, 0.05) == 0.5
    assert confidence_threshold(confidence[:278], correct[:278], 0.05) is None


def test_all_wrong_a_single_image_and_none_are_promised_nothing() -> None:
    assert confidence_threshold(np.linspace(0, 1, 500), np.zeros(500, np.bool_), 0.5) is None
    assert confidence_threshold(np.ones(1), np.ones(1, np.bool_), 0.05) is None
    assert confidence_threshold(np.empty(0), np.empty(0, np.bool_), 0.05) is None


def test_an_image_that_is_not_to_be_answered_is_not_counted() -> None:
    confidence = np.append(np.linspace(0.9, 1, 59), np.full(41, -np.inf))
    correct = np.append(np.ones(59, np.bool_), np.zeros(41, np.bool_))
    assert confidence_threshold(confidence, correct, 0.05) == pytest.approx(0.9)
    assert risk_coverage(confidence, correct).coverage[-1] == pytest.approx(0.59)


@pytest.mark.parametrize("risk", [0.05, 0.1])
def test_the_promise_is_broken_in_at_most_5_percent_of_draws_where_the_plain_threshold_breaks_it(risk: float) -> None:
    """Confidences that are calibrated, so that the risk above any threshold is known."""
    stream = np.random.default_rng(7)
    population = np.sort(1 - 0.5 * stream.random(100_000) ** 2)[::-1]
    true_risk = np.cumsum(1 - population) / np.arange(1, len(population) + 1)
    broken, plainly_broken = 0, 0
    for _ in range(400):
        confidence = stream.choice(population, 300)
        correct = stream.random(300) < confidence
        threshold = confidence_threshold(confidence, correct, risk)
        broken += threshold is not None and true_risk[np.searchsorted(-population, -threshold)] > risk
        curve = risk_coverage(confidence, correct)
        plain = curve.threshold[np.flatnonzero(curve.risk <= risk)[-1:]]
        plainly_broken += any(true_risk[np.searchsorted(-population, -plain)] > risk)
    assert broken <= scipy.stats.binom.ppf(0.999, 400, CHANCE)
    assert plainly_broken > 100


def test_the_curve_of_six_images_by_hand_with_a_tie() -> None:
    curve = risk_coverage(np.array([0.9, 0.8, 0.8, 0.6, 0.5, 0.5]), np.array([1, 1, 0, 1, 0, 0], np.bool_))
    assert curve.threshold.tolist() == [0.9, 0.8, 0.6, 0.5]
    assert curve.coverage == pytest.approx([1 / 6, 3 / 6, 4 / 6, 1])
    assert curve.risk == pytest.approx([0, 1 / 3, 1 / 4, 3 / 6])
    assert curve.area == pytest.approx((0 + 2 / 3 + 1 / 4 + 2 * 3 / 6) / 6)


@sampled
@given(answers())
def test_the_curve_ends_with_all_images_and_the_error_of_all(answers) -> None:
    confidence, correct = answers
    curve = risk_coverage(confidence, correct)
    assert (np.diff(curve.threshold) < 0).all() and (np.diff(curve.coverage) > 0).all()
    assert curve.coverage[-1] == 1 and curve.risk[-1] == pytest.approx(1 - correct.mean())
    for threshold, coverage, risk in list(zip(*curve[:3], strict=True))[::7]:
        answered = confidence >= threshold
        assert coverage == pytest.approx(answered.mean()) and risk == pytest.approx(1 - correct[answered].mean())
