"""Calibration: the temperature, the calibration error, and how well confidence separates correct from wrong.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2 (temperature scaling) and eq. 3 (ECE).
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from eyebright.system.records import Record
from eyebright.trust.intervals import Share, above_error, share_of

BINS = 15
FOLDS = 5
_RANGE = (0.05, 20.0)
_DRAWS, _SEED, _AT_ONCE = 1000, 0, 1 << 20
_ROUNDING = 1e-6  # where all confidences are nearly 1, the error and its limit are the same sum in another order


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
    """Whether a fitted temperature lowers the loss on images that it was not fitted on, by more than a standard error.

    Each fifth of the images gets the temperature that was fitted on the others. On validation images of five data sets
    this rule did less harm than one that only asks for a lower loss and calibration error, and gained as much; see
    benchmarks/README.md.

    Args:
        logits: `(N, classes)`, of images that were not trained on.
        labels: The true classes, `(N,)`.
        groups: Group number of each image, `(N,)`: a group is in one fold, and counts as one; None if images are
            independent.
    """
    from scipy.special import log_softmax

    order = np.lexsort((logits.max(axis=1), labels))  # by content, so that it does not matter how images are listed
    members = np.arange(len(labels)) if groups is None else groups
    _, first, group = np.unique(members[order], return_index=True, return_inverse=True)
    number = first.argsort().argsort()[group]
    folds = np.empty(len(labels), np.int64)
    folds[order] = number % FOLDS
    if len(first) < 2:
        return False
    scaled = logits.astype(np.float64)
    for fold in np.unique(folds):
        scaled[folds == fold] /= fit_temperature(logits[folds != fold], labels[folds != fold])
    truth = np.arange(len(labels)), labels
    lower = log_softmax(scaled, axis=1)[truth] - log_softmax(logits, axis=1)[truth]
    return above_error(lower[order], number)


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
    which = _bin_of(confidence, bins)
    gaps = np.bincount(which, confidence, bins) - np.bincount(which, correct, bins)
    return float(np.abs(gaps).sum() / len(confidence))


def _bin_of(confidence: NDArray[np.floating], bins: int) -> NDArray[np.int64]:
    """The bin of each confidence; a bin holds its upper end and not its lower one."""
    which: NDArray[np.int64] = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return which


class ErrorByChance(Record, frozen=True, kw_only=True):
    """The expected calibration error that a perfectly calibrated model shows: above 0, since images are limited.

    Args:
        mean: Its mean, 0 to 1.
        limit: What it exceeds in 5% of the cases, 0 to 1.
    """

    mean: float
    limit: float

    @classmethod
    def of(
        cls,
        confidence: NDArray[np.floating],
        correct: NDArray[np.bool_],
        groups: NDArray[np.int64] | None = None,
        bins: int = BINS,
    ) -> Self:
        """The error by chance of a model with these confidences, simulated: each is right with just that probability.

        Images of one group are right or wrong together as often as they are found to be.

        Args:
            confidence: `(N,)`, 0 to 1, at least one image.
            correct: Whether each prediction is correct, `(N,)`; it only matters where images come in groups.
            groups: Group number of each image, `(N,)`; None if images are independent.
            bins: Number of bins.

        Source: Bröcker and Smith 2007, "Increasing the Reliability of Reliability Diagrams", section 3 (consistency
        resampling). The groups are ours.
        """
        order = np.argsort(confidence, kind="stable")  # so that it does not matter how images are listed
        together = 0.0 if groups is None else shared_luck(confidence, correct, groups)
        _, first, group = np.unique(order if groups is None else groups[order], return_index=True, return_inverse=True)
        group, confidence = first.argsort().argsort()[group], confidence[order].astype(np.float64)
        starts = np.flatnonzero(np.diff(_bin_of(confidence, bins), prepend=-1))
        stream, errors, size = np.random.default_rng(_SEED), list[float](), max(_AT_ONCE // len(confidence), 1)
        for done in range(0, _DRAWS, size):
            luck = stream.random((min(size, _DRAWS - done), len(confidence)))
            if together:
                shared = stream.random(luck.shape) < np.sqrt(together)
                luck = np.where(shared, stream.random((len(luck), len(first)))[:, group], luck)
            gaps = np.add.reduceat(confidence - (luck < confidence), starts, axis=1)
            errors += (np.abs(gaps).sum(axis=1) / len(confidence)).tolist()
        return cls(mean=float(np.mean(errors)), limit=float(np.quantile(errors, 0.95)))


def shared_luck(confidence: NDArray[np.floating], correct: NDArray[np.bool_], groups: NDArray[np.int64]) -> float:
    """How far images of one group are right or wrong together: 0 if they are independent, 1 if they share their luck.

    It is the covariance of pairs of images of one group, as a share of what it would be if one number decided for the
    whole group: if all images with a confidence above it were right, and all others wrong.

    Args:
        confidence: `(N,)`, 0 to 1.
        correct: Whether each prediction is correct, `(N,)`.
        groups: Group number of each image, `(N,)`.
    """
    order = np.lexsort((confidence, groups))
    sure = confidence[order].astype(np.float64)
    surplus: NDArray[np.float64] = correct[order] - sure
    _, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    less_sure = np.arange(len(order)) - np.repeat(starts, sizes)  # images of the group, of each image
    later = np.repeat(sizes, sizes) - 1 - less_sure

    def pairs(values: NDArray[np.float64]) -> float:
        """The sum of the products of two different images of a group."""
        return float((np.add.reduceat(values, starts) ** 2).sum() - (values**2).sum())

    most = 2 * float((sure * later).sum()) - pairs(sure)
    return min(max(pairs(surplus) / most, 0.0), 1.0) if most > _ROUNDING else 0.0


def calibration_text(error: float, by_chance: ErrorByChance) -> str:
    """Whether a calibration error is more than chance, as a sentence of at most 80 columns."""
    reference = f"by chance alone it is {by_chance.mean:.3f} on average, up to {by_chance.limit:.3f}"
    fine = error <= by_chance.limit + _ROUNDING
    return f"No sign of miscalibration: {reference}" if fine else f"Miscalibrated: {reference}"


class Bin(Record, frozen=True, kw_only=True):
    """The images of one range of confidences.

    Args:
        low: Lower end of the range, not in it.
        high: Upper end of the range, in it.
        confidence: Mean confidence of the images.
        accuracy: Share of the images that are predicted correctly, with its interval.
    """

    low: float
    high: float
    confidence: float
    accuracy: Share


class Reliability(Record, frozen=True, kw_only=True):
    """How far confidence and accuracy agree: what a reliability diagram shows.

    Args:
        bins: The ranges of equal width that have images, the least confident first.
        error: The expected calibration error.
        by_chance: The error that a perfectly calibrated model shows.
    """

    bins: tuple[Bin, ...]
    error: float
    by_chance: ErrorByChance


def reliability(
    confidence: NDArray[np.floating],
    correct: NDArray[np.bool_],
    groups: NDArray[np.int64] | None = None,
    *,
    bins: int = BINS,
) -> Reliability:
    """Compare confidence and accuracy in ranges of confidence.

    Args:
        confidence: `(N,)`, 0 to 1, at least one image.
        correct: Whether each prediction is correct, `(N,)`.
        groups: Group number of each image, `(N,)`; None if images are independent.
        bins: Number of ranges from 0 to 1.
    """
    which, found = _bin_of(confidence, bins), []
    for number in np.unique(which).tolist():
        here = which == number
        accuracy = share_of(correct[here], None if groups is None else groups[here])
        mean = float(confidence[here].mean())
        found.append(Bin(low=number / bins, high=(number + 1) / bins, confidence=mean, accuracy=accuracy))
    return Reliability(
        bins=tuple(found),
        error=calibration_gap(confidence, correct, bins),
        by_chance=ErrorByChance.of(confidence, correct, groups, bins),
    )


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
