"""Average precision, as COCO has it, with its interval by resampling images or groups of images.

What meets what is decided once, in `matching.py`: a sample only counts some images more often and others not at all.

Source: Lin et al. 2014, "Microsoft COCO", and pycocotools 2.0.11, to which the tests compare: the mean over 101 recalls
of the best precision that has at least that recall. Field and Welsh 2007, "Bootstrapping clustered data", for the
interval.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from eyebright.system.records import Record
from eyebright.system.text import interval, percent
from eyebright.tasks.detection.trust.matching import HIT, IGNORED, MISS, OVERLAPS, SIZES, Matches
from eyebright.trust.intervals import CONFIDENCE, wilson_interval

_RECALLS = np.linspace(0.0, 1.0, 101)
_RESAMPLES, _SEED = 200, 0
_AT_ONCE = 1 << 20  # detections in the samples that are counted together


class Estimate(Record, frozen=True, kw_only=True):
    """An average precision with its 95% interval, all 0 to 1."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{percent(self.value)} ({interval(self.low, self.high)})"


def average_precision(
    matches: Matches, num_classes: int, weights: NDArray[np.int32] | None = None
) -> NDArray[np.float64]:
    """The average precision of each class, `(R, sizes, overlaps, classes)`, 0 to 1; NaN for a class without boxes.

    Args:
        matches: What meets what.
        num_classes: Number of classes.
        weights: How often each image counts in each of R samples, `(R, N)`; by default once, in one sample.
    """
    weights = np.ones((1, matches.images), np.int32) if weights is None else weights
    result = np.full((len(weights), len(SIZES), len(OVERLAPS), num_classes), np.nan)
    for label in range(num_classes):
        here = np.flatnonzero(matches.label == label)
        ranked = here[np.argsort(-matches.score[here], kind="stable")]
        for size in range(len(SIZES)):
            boxes = matches.box_image[matches.counted[size] & (matches.box_label == label)]
            outcome = matches.outcome[size][:, ranked]
            used = (outcome != IGNORED).any(axis=0)
            outcome, images = outcome[:, used], matches.image[ranked[used]]
            for at in _chunks(len(weights), len(images)) if len(boxes) else ():
                result[at, size, :, label] = _areas(outcome, weights[at][:, images], weights[at][:, boxes].sum(axis=1))
    return result


def _areas(outcome: NDArray[np.int8], weight: NDArray[np.int32], boxes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Average precision `(R, overlaps)` of one class: of its ranked detections `(overlaps, D)`, and `(R, D)`."""
    areas = np.full((len(weight), len(outcome)), np.nan)
    never = (outcome == MISS).all(axis=0)  # most of them, and the same ones for each overlap
    before_never = _counts(weight, np.flatnonzero(never))
    for number, each in enumerate(outcome):
        hits, misses = np.flatnonzero(each == HIT), np.flatnonzero((each == MISS) & ~never)
        right = weight[:, hits].cumsum(axis=1)
        wrong = before_never(hits) + _counts(weight, misses)(hits)
        precision = right / np.maximum(right + wrong, 1)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        for row in np.flatnonzero(boxes).tolist():
            reached = np.searchsorted(right[row] / boxes[row], _RECALLS)
            areas[row, number] = best[row, reached[reached < len(hits)]].sum() / len(_RECALLS)
    return areas


def _counts(weight: NDArray[np.int32], misses: NDArray[np.int64]) -> Callable[[NDArray[np.int64]], NDArray[np.integer]]:
    """What counts the misses before each of some detections, `(R, n)`."""
    sums = np.pad(weight[:, misses].cumsum(axis=1), ((0, 0), (1, 0)))
    return lambda hits: sums[:, np.searchsorted(misses, hits)]


def _chunks(samples: int, detections: int) -> Iterator[slice]:
    step = max(_AT_ONCE // max(detections, 1), 1)
    return (slice(at, at + step) for at in range(0, samples, step))


class Precisions(NamedTuple):
    """Average precisions of some images, and of samples of them.

    Args:
        whole: `(sizes, overlaps, classes)`, see `average_precision`.
        samples: The same of each sample, `(R, sizes, overlaps, classes)`.
        groups: In how many independent groups the images come.
    """

    whole: NDArray[np.float64]
    samples: NDArray[np.float64]
    groups: int

    @classmethod
    def of(cls, matches: Matches, num_classes: int, groups: NDArray[np.int64] | None = None) -> Self:
        """Average precisions of all images and of 200 samples.

        Args:
            matches: What meets what.
            num_classes: Number of classes.
            groups: Group number of each image, `(N,)`: whole groups are drawn; None if images are independent.
        """
        members = np.arange(matches.images) if groups is None else np.unique(groups, return_inverse=True)[1]
        count = int(members.max()) + 1
        stream = np.random.default_rng(_SEED)
        drawn = stream.multinomial(count, np.full(count, 1 / count), _RESAMPLES)[:, members].astype(np.int32)
        return cls(
            average_precision(matches, num_classes)[0], average_precision(matches, num_classes, drawn), count
        )  # fmt: skip

    def mean(self, size: str = "all", *, first: bool = False, label: int | None = None) -> Estimate | None:
        """The mean over overlaps and classes with its interval; None where there are no boxes.

        A class that a sample has no boxes of counts there as in all images: left out, it would make the mean another
        one, far higher where it is rare and hard.

        Args:
            size: A key of `SIZES`.
            first: Only the first overlap, 0.5.
            label: Only this class.
        """
        at = (list(SIZES).index(size), slice(1 if first else None), slice(None) if label is None else [label])
        whole, samples = self.whole[at], self.samples[(slice(None), *at)]
        known = ~np.isnan(whole[0])
        if not known.any():
            return None
        value = float(whole[:, known].mean())
        means = np.where(np.isnan(samples), whole, samples)[:, :, known].mean(axis=(1, 2))
        low, high = np.quantile(means, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)).tolist()
        if low == high:  # nothing varies: as a share with one trial in each group
            low, high = wilson_interval(value * self.groups, self.groups)
        return Estimate(value=value, low=min(low, value), high=max(high, value))
