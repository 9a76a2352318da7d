import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.trust.calibration import expected_calibration_error, fit_temperature
from eyebright.trust.metrics import softmax

SEEDS = st.integers(0, 2**32 - 1)


def calibrated(seed: int, count: int = 4000, num_classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from just the probabilities that they state."""
    stream = np.random.default_rng(seed)
    logits = 2 * stream.standard_normal((count, num_classes))
    noise = stream.gumbel(size=logits.shape)  # the greatest of logits + Gumbel noise is a draw from their softmax
    return logits, (logits + noise).argmax(axis=1)


def cross_entropy(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    """With one more picture whose share of every target is spread over all classes, as the docstring promises."""
    unknown = 1 / (len(labels) + 1)
    targets = (1 - unknown) * np.eye(logits.shape[1])[labels] + unknown / logits.shape[1]
    return -(targets * np.log(softmax(logits / temperature))).sum(axis=1).mean()


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(0.25, 5))
def test_the_factor_by_which_calibrated_logits_were_multiplied_is_found(seed: int, factor: float) -> None:
    logits, labels = calibrated(seed)
    assert fit_temperature(factor * logits, labels) == pytest.approx(factor, rel=0.12)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(0.25, 5))
def test_temperature_grows_with_the_logits(seed: int, factor: float) -> None:
    logits, labels = calibrated(seed, count=200)
    assert fit_temperature(factor * logits, labels) == pytest.approx(factor * fit_temperature(logits, labels), rel=1e-4)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_loss_has_no_slope_at_the_fitted_temperature_and_rises_beside_it(seed: int) -> None:
    logits, labels = calibrated(seed, count=150)
    best = fit_temperature(3 * logits, labels)
    step = 0.01 * best
    below, at, above = (cross_entropy(3 * logits, labels, best + shift) for shift in (-step, 0, step))
    assert (above - below) / (2 * step) == pytest.approx(0, abs=1e-4)
    assert at < min(below, above)


@pytest.mark.parametrize("count", [1, 6, 300])
@pytest.mark.parametrize("margin", [1.0, 5.0])
def test_pictures_all_told_right_do_not_give_certainty(count: int, margin: float) -> None:
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


def test_huge_logits_overflow_nothing() -> None:
    logits, labels = calibrated(0, count=200)
    shifted = (logits * 1e3 + 1e6).astype(np.float32)
    assert 0.05 <= fit_temperature(shifted, labels) <= 20


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_temperature_changes_no_answer(seed: int) -> None:
    logits, labels = calibrated(seed, count=50)
    warm = softmax(logits / fit_temperature(7 * logits, labels))
    assert np.array_equal(warm.argmax(axis=1), logits.argmax(axis=1))


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 20))
def test_calibration_error_is_that_of_a_plain_loop_over_bins(seed: int, bins: int) -> None:
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
def test_calibration_error_of_ten_answers_at_80_percent(right: int, error: float) -> None:
    labels = np.array([0] * right + [1] * (10 - right))
    assert expected_calibration_error(np.tile([0.8, 0.2], (10, 1)), labels) == pytest.approx(error)


def test_errors_of_different_bins_do_not_cancel() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4]])
    assert expected_calibration_error(probabilities, np.array([1, 0])) == pytest.approx((0.9 + 0.4) / 2)


def test_full_certainty_belongs_to_the_last_bin() -> None:
    assert expected_calibration_error(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1])) == pytest.approx(0.5)
