"""Shares and differences of shares with their 95% intervals: what the figures of an evaluation can prove.

Images that come in groups (one track, one patient) are not independent: their intervals resample whole groups.
"""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from eyebright.system.records import Record
from eyebright.system.text import interval, percent

CONFIDENCE = 0.95
_RESAMPLES = 2000
_SEED = 0


class Share(Record, frozen=True, kw_only=True):
    """A share of some images, with the interval that holds the true share with 95% confidence.

    Args:
        right: How many images have the property, for instance a correct prediction.
        of: How many images there are.
        low: Lower end of the interval, 0 to 1.
        high: Upper end of the interval, 0 to 1.
        groups: In how many groups the images come; 0 where each image is independent.
    """

    right: int
    of: int
    low: float
    high: float
    groups: int = 0

    @classmethod
    def from_counts(cls, right: int, of: int, *, among: int = 1) -> "Share":
        """The share of independent images.

        Args:
            right: How many images have the property.
            of: How many images there are.
            among: The share is picked from this many shares, for instance as the worst one. The interval is widened so
                that the intervals of all of them hold together with 95% confidence (Bonferroni).
        """
        low, high = wilson_interval(right, of, confidence=1 - (1 - CONFIDENCE) / among)
        return cls(right=right, of=of, low=low, high=high)

    @property
    def value(self) -> float:
        """The share itself, 0 to 1; 0 if there are no images."""
        return self.right / self.of if self.of else 0.0

    def __str__(self) -> str:
        return f"{percent(self.value)} ({interval(self.low, self.high)})"


class Difference(Record, frozen=True, kw_only=True):
    """How far one share lies above another one, with its 95% interval; -1 to 1."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        low, high = 100 * self.low, 100 * self.high
        return f"{100 * self.value:.1f} percentage points (95% interval {low:.1f} to {high:.1f})"


def wilson_interval(right: float, of: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Interval of a share, which also holds near 0 and 1 and for few images; (0, 1) for no images.

    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".
    """
    if of == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = right / of
    centre = share + z**2 / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z**2 / (4 * of**2))
    scale = 1 + z**2 / of
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)


def grouped_interval(
    right: NDArray[np.bool_], groups: NDArray[np.int64], *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Interval of a share of images that come in groups: whole groups are resampled with replacement.

    It is never narrower than Wilson's interval of independent images. Where all images are right or all are wrong,
    nothing varies, and the interval is Wilson's with one trial per group.

    Args:
        right: Whether each image has the property, `(N,)`, at least one image.
        groups: Group number of each image, `(N,)`.
        confidence: Probability that the interval holds the true share.

    Source: Field and Welsh 2007, "Bootstrapping clustered data" (the randomised cluster bootstrap).
    """
    independent = wilson_interval(int(right.sum()), len(right), confidence=confidence)
    share = float(right.mean())
    if share in (0.0, 1.0):
        count = len(np.unique(groups))
        return wilson_interval(round(share * count), count, confidence=confidence)
    low, high = _resampled(right, groups, confidence)
    return min(low, independent[0]), max(high, independent[1])


def mean_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """95% interval of the mean of values from 0 to 1, `(N,)`, at least one: they are resampled with replacement.

    Where they are all equal, nothing varies, and the interval is Wilson's.
    """
    if values.min() == values.max():
        return wilson_interval(float(values.sum()), len(values))
    return _resampled(values, np.arange(len(values)), CONFIDENCE)


def above_error(gains: NDArray[np.floating], groups: NDArray[np.int64] | None = None) -> bool:
    """Whether gains are above 0 on average, by more than their standard error.

    Args:
        gains: The gain of each image, `(N,)`.
        groups: Group number of each image, `(N,)`: a group counts as one; None if images are independent.

    Source: Breiman et al. 1984, "Classification and Regression Trees", section 3.4.3 (the rule of one standard error).
    """
    sums = gains if groups is None else np.bincount(np.unique(groups, return_inverse=True)[1], gains)
    return len(sums) > 1 and bool(sums.sum() > sums.std(ddof=1) * np.sqrt(len(sums)))


def share_of(right: NDArray[np.bool_], groups: NDArray[np.int64] | None = None, *, among: int = 1) -> Share:
    """The share of images for which `right` is true.

    Args:
        right: Whether each image has the property, `(N,)`.
        groups: Group number of each image, `(N,)`; None if images are independent.
        among: As for `Share.from_counts`.
    """
    if groups is None or not len(right):
        return Share.from_counts(int(right.sum()), len(right), among=among)
    low, high = grouped_interval(right, groups, confidence=1 - (1 - CONFIDENCE) / among)
    return Share(right=int(right.sum()), of=len(right), low=low, high=high, groups=len(np.unique(groups)))


def difference(one: Share, other: Share, correlation: float = 0.0) -> Difference:
    """How far `one` lies above `other`, computed from their intervals.

    Source: Newcombe 1998, "Interval estimation for the difference between independent proportions: comparison of
    eleven methods", method 10; with a correlation, the same author's "Improved confidence intervals for the difference
    between binomial proportions based on paired data", method 10. Both hold for any intervals of the single shares.
    """
    value = one.value - other.value
    below, above = (one.value - one.low, other.high - other.value), (one.high - one.value, other.value - other.low)
    low, high = value - _combined(*below, correlation), value + _combined(*above, correlation)
    return Difference(value=value, low=max(low, -1.0), high=min(high, 1.0))


def apart(one: Share, other: Share) -> Difference | None:
    """How far `one` lies above `other`, if their intervals have no value in common; else None."""
    return difference(one, other) if one.low > other.high or other.low > one.high else None


def paired_difference(
    after: NDArray[np.bool_], before: NDArray[np.bool_], groups: NDArray[np.int64] | None = None, *, among: int = 1
) -> Difference:
    """How far the share of the same images has risen.

    Args:
        after: Whether each image is right after the change, `(N,)`, at least one image.
        before: The same before the change, `(N,)`.
        groups: Group number of each image, `(N,)`; None if images are independent.
        among: As for `Share.from_counts`: of this many changes all intervals hold together.
    """
    now, then = (share_of(right, among=among) for right in (after, before))
    independent = difference(now, then, _correlation(after, before))
    if groups is None:
        return independent
    changes = after.astype(np.int64) - before.astype(np.int64)
    low, high = _resampled(changes, groups, 1 - (1 - CONFIDENCE) / among)
    return Difference(value=independent.value, low=min(low, independent.low), high=max(high, independent.high))


def _resampled(values: NDArray[np.generic], groups: NDArray[np.int64], confidence: float) -> tuple[float, float]:
    """Quantiles of the means that result when whole groups are resampled with replacement."""
    _, members = np.unique(groups, return_inverse=True)
    sizes, sums = np.bincount(members), np.bincount(members, weights=values)
    order = np.lexsort((sums, sizes))  # so that it does not matter how the groups are numbered
    sizes, sums = sizes[order], sums[order]
    stream = np.random.default_rng(_SEED)
    samples = (stream.integers(0, len(sizes), len(sizes)) for _ in range(_RESAMPLES))
    means = [sums[sample].sum() / sizes[sample].sum() for sample in samples]
    low, high = np.quantile(means, ((1 - confidence) / 2, (1 + confidence) / 2))
    return float(low), float(high)


def _correlation(after: NDArray[np.bool_], before: NDArray[np.bool_]) -> float:
    """Newcombe's phi of a 2 x 2 table: with a continuity correction where it is above 0."""
    both, first, second, none = np.bincount(2 * ~after + ~before, minlength=4).tolist()
    product = math.sqrt((both + first) * (second + none) * (both + second) * (first + none))
    if not product:
        return 0.0
    surplus: float = both * none - first * second
    return (max(surplus - len(after) / 2, 0) if surplus > 0 else surplus) / product


def _combined(one: float, other: float, correlation: float) -> float:
    return math.sqrt(max(one**2 - 2 * correlation * one * other + other**2, 0.0))
