import itertools

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.trust.calibration import (
    ErrorByChance,
    calibration_gap,
    calibration_text,
    discrimination,
    expected_calibration_error,
    fit_temperature,
    reliability,
    shared_luck,
    temperature_helps,
)
from eyebright.trust.intervals import grouped_interval, wilson_interval
from eyebright.trust.metrics import softmax

SEEDS = st.integers(0, 2**32 - 1)


def calibrated(seed: int, count: int = 4000, num_classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels sampled from the probabilities that the logits state."""
    stream = np.random.default_rng(seed)
    logits = 2 * stream.standard_normal((count, num_classes))
    noise = stream.gumbel(size=logits.shape)  # the greatest of logits + Gumbel noise is a draw from their softmax
    return logits, (logits + noise).argmax(axis=1)


def cross_entropy(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    """With one more image of unknown class, whose share of every target is spread over all classes."""
    unknown = 1 / (len(labels) + 1)
    targets = (1 - unknown) * np.eye(logits.shape[1])[labels] + unknown / logits.shape[1]
    return -(targets * np.log(softmax(logits / temperature))).sum(axis=1).mean()


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(0.25, 5))
def test_the_temperature_is_the_factor_that_calibrated_logits_were_multiplied_by(seed: int, factor: float) -> None:
    logits, labels = calibrated(seed)
    assert fit_temperature(factor * logits, labels) == pytest.approx(factor, rel=0.12)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(0.25, 5))
def test_the_temperature_is_proportional_to_the_logits(seed: int, factor: float) -> None:
    logits, labels = calibrated(seed, count=200)
    assert fit_temperature(factor * logits, labels) == pytest.approx(factor * fit_temperature(logits, labels), rel=1e-4)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_fitted_temperature_is_a_minimum_of_the_loss(seed: int) -> None:
    logits, labels = calibrated(seed, count=150)
    best = fit_temperature(3 * logits, labels)
    step = 0.01 * best
    below, at, above = (cross_entropy(3 * logits, labels, best + shift) for shift in (-step, 0, step))
    assert (above - below) / (2 * step) == pytest.approx(0, abs=1e-4)
    assert at < min(below, above)


@pytest.mark.parametrize("count", [1, 6, 300])
@pytest.mark.parametrize("margin", [1.0, 5.0])
def test_a_few_correct_predictions_do_not_give_full_confidence(count: int, margin: float) -> None:
    logits, labels = np.tile([margin, 0.0], (count, 1)), np.zeros(count, int)
    confidence = 1 - 1 / (
        2 * (count + 1)
    )  # the whole of a target but half of the share that is spread over two classes
    best = margin / np.log(confidence / (1 - confidence))
    assert fit_temperature(logits, labels) == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize(("margin", "limit"), [(-1.0, 20), (500.0, 20), (0.01, 0.05)])
def test_the_temperature_stays_within_its_range(margin: float, limit: float) -> None:
    logits, labels = np.tile([margin, 0.0], (10, 1)), np.zeros(10, int)
    assert fit_temperature(logits, labels) == pytest.approx(limit, rel=1e-3)


def test_huge_logits_do_not_overflow() -> None:
    logits, labels = calibrated(0, count=200)
    shifted = (logits * 1e3 + 1e6).astype(np.float32)
    assert 0.05 <= fit_temperature(shifted, labels) <= 20


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_temperature_changes_no_prediction(seed: int) -> None:
    logits, labels = calibrated(seed, count=50)
    warm = softmax(logits / fit_temperature(7 * logits, labels))
    assert np.array_equal(warm.argmax(axis=1), logits.argmax(axis=1))


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 20))
def test_the_calibration_error_matches_a_plain_loop_over_bins(seed: int, bins: int) -> None:
    stream = np.random.default_rng(seed)
    probabilities = stream.dirichlet(np.ones(3), 80)
    labels = stream.integers(0, 3, 80)
    error = 0.0
    for index in range(bins):
        inside = [
            (row.max(), float(row[label] == row.max()))
            for row, label in zip(probabilities, labels, strict=True)
            if index / bins < row.max() <= (index + 1) / bins
        ]
        if inside:
            confidence, accuracy = np.mean(inside, axis=0)
            error += len(inside) / len(labels) * abs(confidence - accuracy)
    assert expected_calibration_error(probabilities, labels, bins) == pytest.approx(error)


@pytest.mark.parametrize(("right", "error"), [(8, 0.0), (5, 0.3), (10, 0.2)])
def test_the_calibration_error_of_ten_predictions_at_80_percent(right: int, error: float) -> None:
    labels = np.array([0] * right + [1] * (10 - right))
    assert expected_calibration_error(np.tile([0.8, 0.2], (10, 1)), labels) == pytest.approx(error)


def test_gaps_of_different_bins_do_not_cancel() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4]])
    assert expected_calibration_error(probabilities, np.array([1, 0])) == pytest.approx((0.9 + 0.4) / 2)


def test_a_confidence_of_1_belongs_to_the_last_bin() -> None:
    assert expected_calibration_error(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1])) == pytest.approx(0.5)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_error_by_chance_is_that_over_all_outcomes_of_a_few_images(seed: int) -> None:
    confidence = np.random.default_rng(seed).uniform(0.1, 1, 8)
    outcomes = np.array(list(itertools.product([False, True], repeat=8)))
    chances = np.where(outcomes, confidence, 1 - confidence).prod(axis=1)
    errors = np.array([calibration_gap(confidence, outcome) for outcome in outcomes])
    found, mean = ErrorByChance.of(confidence, outcomes[0]), (chances * errors).sum()
    assert found.mean == pytest.approx(mean, abs=4 * np.sqrt((chances * (errors - mean) ** 2).sum() / 1000))
    assert chances[errors > found.limit].sum() <= 0.05 + 0.03
    assert chances[errors >= found.limit - 1e-12].sum() >= 0.05 - 0.03


def test_the_error_by_chance_of_many_images_is_that_of_normal_distributions() -> None:
    confidence = np.repeat([0.55, 0.75, 0.95], 50_000)  # the mean of |x| is sigma * sqrt(2 / pi)
    sigmas = np.sqrt(np.array([0.55 * 0.45, 0.75 * 0.25, 0.95 * 0.05]) / 50_000) / 3
    found = ErrorByChance.of(confidence, confidence > 0)
    assert found.mean == pytest.approx(np.sqrt(2 / np.pi) * sigmas.sum(), rel=0.05)
    drawn = np.abs(np.random.default_rng(1).standard_normal((100_000, 3)) * sigmas).sum(axis=1)
    assert found.limit == pytest.approx(np.quantile(drawn, 0.95), rel=0.05)


def test_the_error_by_chance_is_exceeded_in_5_percent_of_calibrated_draws_and_no_order_matters() -> None:
    stream, exceeded = np.random.default_rng(3), 0
    for _ in range(300):
        confidence = stream.beta(3, 1, 200)
        correct = stream.random(200) < confidence
        found = ErrorByChance.of(confidence, correct)
        exceeded += calibration_gap(confidence, correct) > found.limit
        assert found == ErrorByChance.of(stream.permutation(confidence), correct)
    assert 5 <= exceeded <= 27  # 15 +- 3 standard deviations


def films(seed: int, alike: float, overconfident: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidences, correctness and groups of 60 films of 10 images, correlated by a Gaussian copula."""
    stream, groups = np.random.default_rng(seed), np.arange(600) // 10

    def normals(share: float) -> np.ndarray:
        return np.sqrt(share) * stream.standard_normal(60)[groups] + np.sqrt(1 - share) * stream.standard_normal(600)

    confidence = 0.3 + 0.69 * scipy.stats.norm.cdf(normals(0.5))
    return confidence, scipy.stats.norm.cdf(normals(alike)) < confidence - overconfident, groups


@pytest.mark.parametrize(("alike", "independent"), [(0.0, 0.05), (0.5, 0.2), (0.9, 0.4)])
def test_of_films_a_calibrated_model_is_rarely_called_miscalibrated(alike: float, independent: float) -> None:
    """Where images are taken as independent, it is so in a fifth or more of the draws."""
    alarms = np.zeros(2)
    for seed in range(60):
        confidence, correct, groups = films(seed, alike)
        limits = [ErrorByChance.of(confidence, correct, each).limit for each in (groups, None)]
        alarms += calibration_gap(confidence, correct) > np.array(limits)
    assert alarms[0] <= 8  # of 60 with a chance of 5%: 3 +- 3 standard deviations
    assert alarms[1] >= 60 * independent - 12 and alarms[0] <= alarms[1] + 2


def test_of_films_a_model_that_is_too_sure_is_still_found_and_no_order_matters() -> None:
    found = 0
    for seed in range(20):
        confidence, correct, groups = films(seed, 0.3, overconfident=0.15)
        by_chance, order = ErrorByChance.of(confidence, correct, groups), np.random.default_rng(seed).permutation(600)
        found += calibration_gap(confidence, correct) > by_chance.limit
        assert by_chance == ErrorByChance.of(confidence[order], correct[order], 7 * groups[order])
    assert found >= 18


def test_images_without_company_are_independent_and_copies_share_their_luck() -> None:
    stream = np.random.default_rng(0)
    confidence = stream.uniform(0.2, 0.9, 400)
    correct = stream.random(400) < confidence
    alone = ErrorByChance.of(confidence, correct, stream.permutation(400))
    assert alone == ErrorByChance.of(confidence, correct) and shared_luck(confidence, correct, np.arange(400)) == 0
    five = np.repeat(confidence, 5), np.repeat(correct, 5), np.repeat(np.arange(400), 5)
    assert shared_luck(*five) == pytest.approx(1, abs=0.1)  # one image in five copies is still one image
    copied = ErrorByChance.of(*five)
    assert copied.mean == pytest.approx(alone.mean, rel=0.08) and copied.limit == pytest.approx(alone.limit, rel=0.1)
    assert shared_luck(five[0], stream.random(2000) < five[0], five[2]) < 0.1  # five answers of equal confidence


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.sampled_from([0.0, 1e-9, 1e-5]), st.integers(1, 300))
def test_a_model_that_is_rightly_sure_is_never_called_miscalibrated(seed: int, doubt: float, count: int) -> None:
    confidence = 1 - doubt * np.random.default_rng(seed).random(count)
    right = np.ones(count, bool)
    by_chance = ErrorByChance.of(confidence, right)
    assert calibration_text(calibration_gap(confidence, right), by_chance).startswith("No sign of miscalibration")
    assert calibration_text(calibration_gap(confidence, ~right), by_chance).startswith("Miscalibrated")


@settings(max_examples=8, deadline=None)
@given(SEEDS, st.integers(1, 20))
def test_a_reliability_diagram_matches_a_plain_loop_over_bins(seed: int, bins: int) -> None:
    stream = np.random.default_rng(seed)
    confidence, correct, groups = stream.random(80), stream.random(80) < 0.6, stream.integers(0, 9, 80)
    found, grouped = reliability(confidence, correct, bins=bins), reliability(confidence, correct, groups, bins=bins)
    assert sum(one.accuracy.of for one in found.bins) == 80
    for one, other in zip(found.bins, grouped.bins, strict=True):
        inside = [at for at in range(80) if one.low < confidence[at] <= one.high]
        right = sum(correct[inside])
        assert one.confidence == pytest.approx(np.mean(confidence[inside]))
        assert (one.accuracy.right, one.accuracy.of) == (right, len(inside)) and one.high - one.low < 1.01 / bins
        assert (one.accuracy.low, one.accuracy.high) == wilson_interval(right, len(inside))
        assert (other.accuracy.low, other.accuracy.high) == grouped_interval(correct[inside], groups[inside])
    gaps = [one.accuracy.of * abs(one.confidence - one.accuracy.value) / 80 for one in found.bins]
    assert found.error == pytest.approx(sum(gaps))
    assert found.by_chance == ErrorByChance.of(confidence, correct, bins=bins)
    assert grouped.by_chance == ErrorByChance.of(confidence, correct, groups, bins)


def test_discrimination_matches_the_roc_area_of_scikit_learn_and_widens_with_fewer_trials() -> None:
    stream = np.random.default_rng(0)
    right = stream.random(300) < 0.7
    sure = np.round(stream.random(300) + 0.3 * right, 2)  # with ties
    area, low, high = discrimination(sure, right)
    assert area == pytest.approx(sklearn.metrics.roc_auc_score(right, sure))
    assert low < area < high
    _, fewer, more = discrimination(sure, right, 30)
    assert fewer < low < high < more
    assert discrimination(sure, np.ones(300, bool)) == (0.5, 0, 1)


def test_the_interval_of_discrimination_holds_the_truth_in_95_percent() -> None:
    stream, held = np.random.default_rng(5), 0
    truth = 0.7602  # of two normals one standard deviation apart: Phi(1 / sqrt(2))
    for _ in range(200):
        right = stream.random(150) < 0.6
        _, low, high = discrimination(stream.normal(right, 1), right)
        held += low <= truth <= high
    assert held >= 180


@pytest.mark.parametrize(("factor", "expected"), [(1.0, False), (3.0, True), (0.3, True)])
def test_a_temperature_is_fitted_only_where_it_helps_on_other_images(factor: float, expected: bool) -> None:
    logits, labels = calibrated(1, count=300)
    assert temperature_helps(factor * logits, labels) == expected


def test_whether_a_temperature_helps_does_not_depend_on_the_order_of_the_images() -> None:
    stream = np.random.default_rng(5)
    for seed in range(20):
        logits, labels = calibrated(seed, count=60)
        groups, order = stream.integers(0, 15, 60), stream.permutation(60)
        for these in (None, groups):
            given = None if these is None else these[order] * 7
            assert temperature_helps(logits, labels, these) == temperature_helps(logits[order], labels[order], given)


def test_a_temperature_must_lower_the_loss_by_more_than_its_standard_error_over_groups() -> None:
    """The same images: alone they prove that it helps, in four groups of very different gain they do not."""
    logits, labels = calibrated(1, count=300)
    logits = np.where(np.arange(300)[:, None] < 75, 3 * logits, logits)  # only a quarter is overconfident
    assert temperature_helps(logits, labels)
    assert not temperature_helps(logits, labels, np.arange(300) // 75)


def test_one_image_or_one_group_cannot_tell_whether_a_temperature_helps() -> None:
    logits, labels = 9 * calibrated(2, count=40)[0], calibrated(2, count=40)[1]
    assert not temperature_helps(logits[:1], labels[:1])
    assert temperature_helps(logits, labels)
    assert not temperature_helps(logits, labels, np.zeros(40, int))
