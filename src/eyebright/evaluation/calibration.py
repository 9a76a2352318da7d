"""Confidence that can be believed: one temperature, and how far confidence and accuracy lie apart.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2 (temperature scaling) and eq. 3 (ECE).
"""

import numpy as np
from numpy.typing import NDArray

BINS = 15
_RANGE = (0.05, 20.0)


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """The temperature by which to divide the logits so that the cross-entropy is least.

    To the pictures comes one more, of which nothing is known: its share of every target is spread over all classes. So
    six pictures out of six told right do not give certainty, while the effect on hundreds is below their noise.
    Source: Platt 1999, "Probabilistic Outputs for Support Vector Machines", section 2.2, for the idea of such targets.

    Args:
        logits: `(N, classes)`, of pictures that were not learned from.
        labels: The true classes, `(N,)`.

    Returns:
        A number from 0.05 to 20; above 1 where the network is too sure of itself.
    """
    from scipy.optimize import minimize_scalar  # half a second, and only training fits a temperature

    logits = logits.astype(np.float64)
    unknown = 1 / (len(labels) + 1)
    truth = (1 - unknown) * logits[np.arange(len(labels)), labels] + unknown * logits.mean(axis=1)
    greatest = logits.max(axis=1, keepdims=True)

    def loss(log_temperature: float) -> float:
        inverse = np.exp(-log_temperature)
        normalizer = np.log(np.exp((logits - greatest) * inverse).sum(axis=1)) + greatest[:, 0] * inverse
        return float((normalizer - truth * inverse).mean())

    found = minimize_scalar(loss, bounds=tuple(np.log(_RANGE)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def expected_calibration_error(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], bins: int = BINS
) -> float:
    """Mean distance between confidence and accuracy, over bins of equal width in confidence, weighted by their
    pictures.

    Args:
        probabilities: `(N, classes)`.
        labels: The true classes, `(N,)`.
        bins: Number of bins.
    """
    return calibration_gap(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels, bins)


def calibration_gap(confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = BINS) -> float:
    """As `expected_calibration_error`, of the confidence of each picture and whether it was told right, both `(N,)`."""
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(which, confidence, bins) - np.bincount(which, correct, bins)
    return float(np.abs(gaps).sum() / len(confidence))
