"""Calibration: the temperature, the calibration error, and how well confidence separates correct from wrong.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2 (temperature scaling) and eq. 3 (ECE).
"""

import numpy as np
from numpy.typing import NDArray

BINS = 15
FOLDS = 5
_RANGE = (0.05, 20.0)


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """The temperature: dividing the logits by it gives the lowest cross-entropy.

    One image of unknown class is added, so that its share of every target is spread over all classes. Otherwise six
    correct predictions out of six would give a confidence of 100%; with hundreds of images the effect is negligible.
    Source: Platt 1999, "Probabilistic Outputs for Support Vector Machines", section 2.2, for the idea of these targets.

    Args:
        logits: `(N, classes)`, of images that were not trained on.
        labels: The true classes, `(N,)`.

    Returns:
        A number from 0.05 to 20; above 1 where the network is overconfident.
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


def temperature_helps(
    logits: NDArray[np.floating], labels: NDArray[np.int64], groups: NDArray[np.int64] | None = None
) -> bool:
    """Whether a fitted temperature lowers both loss and calibration error on images that it was not fitted on.

    Each fifth of the images gets the temperature that was fitted on the others.

    Args:
        logits: `(N, classes)`, of images that were not trained on.
        labels: The true classes, `(N,)`.
        groups: Group number of each image, `(N,)`: a group is in one fold; None if images are independent.
    """
    from scipy.special import log_softmax

    order = np.lexsort((logits.max(axis=1), labels))  # by content, so that it does not matter how images are listed
    members = np.arange(len(labels)) if groups is None else groups
    _, first, group = np.unique(members[order], return_index=True, return_inverse=True)
    folds = np.empty(len(labels), np.int64)
    folds[order] = first.argsort().argsort()[group] % FOLDS
    if len(np.unique(folds)) < 2:
        return False
    scaled = logits.astype(np.float64)
    for fold in np.unique(folds):
        scaled[folds == fold] /= fit_temperature(logits[folds != fold], labels[folds != fold])
    before, after = log_softmax(logits, axis=1), log_softmax(scaled, axis=1)
    truth = np.arange(len(labels)), labels
    lower_error = expected_calibration_error(np.exp(after), labels) <= expected_calibration_error(
        np.exp(before), labels
    )
    return lower_error and bool(after[truth].mean() > before[truth].mean())


def expected_calibration_error(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], bins: int = BINS
) -> float:
    """Mean distance between confidence and accuracy, over bins of equal width, weighted by their number of images.

    Args:
        probabilities: `(N, classes)`, 0 to 1.
        labels: The true classes, `(N,)`.
        bins: Number of bins.
    """
    return calibration_gap(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels, bins)


def calibration_gap(confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = BINS) -> float:
    """The same as `expected_calibration_error`, from confidences and correctness, both `(N,)`."""
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(which, confidence, bins) - np.bincount(which, correct, bins)
    return float(np.abs(gaps).sum() / len(confidence))


def discrimination(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], trials: int | None = None
) -> tuple[float, float, float]:
    """How well confidence separates correct from wrong predictions: the area under the ROC curve.

    It is the share of pairs of a correct and a wrong prediction in which the correct one has the higher confidence:
    0.5 where confidence means nothing, 1 where it separates them perfectly.

    Args:
        confidence: `(N,)`, 0 to 1.
        right: Whether each prediction is correct, `(N,)`.
        trials: Number of independent images, where they come in groups; N by default.

    Returns:
        The area and both ends of its 95% interval; 0.5, 0 and 1 if all predictions are correct or all are wrong.

    Source: Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating characteristic (ROC)
    curve", for the standard error.
    """
    from scipy.stats import rankdata

    hits, misses = int(right.sum()), int((~right).sum())
    if not hits or not misses:
        return 0.5, 0.0, 1.0
    area = float((rankdata(confidence)[right].sum() - hits * (hits + 1) / 2) / (hits * misses))
    scale = (trials or len(right)) / len(right)
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (hits * scale - 1) * (one - area**2) + (misses * scale - 1) * (two - area**2)
    error = 1.96 * np.sqrt(max(spread, 0.0) / (hits * misses * scale**2))
    return area, max(area - error, 0.0), min(area + error, 1.0)
