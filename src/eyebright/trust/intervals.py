"""Where the true accuracy lies, with 95 % confidence.

Shares with their intervals, and how far two of them lie apart: what a judgement may claim, and what it may not.
"""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from eyebright.system.records import Record

_DRAWS = 2000
_SEED = 0
_Z = NormalDist().inv_cdf(0.975)


def wilson_interval(correct: int, count: int, z: float = _Z) -> tuple[float, float]:
    """Interval that holds the true share with 95 % confidence, also near 0 and 1 and for few trials.

    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".
    """
    if count == 0:
        return 0.0, 1.0
    share = correct / count
    centre = share + z**2 / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    scale = 1 + z**2 / count
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)


def grouped_interval(
    correct: NDArray[np.bool_], groups: NDArray[np.int64], *, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of the accuracy where pictures come in groups, which are told right or wrong together.

    Whole groups are drawn again and again, with replacement; 95 % of the accuracies that come out lie within. It is
    never narrower than if every picture stood for itself and, where all are right or all wrong, so that nothing
    varies, that of as many trials as there are groups.

    Args:
        correct: Whether each picture was told right, `(N,)`, at least one.
        groups: The number of each picture's group, `(N,)`.
        confidence: How surely the interval holds the true accuracy.

    Source: Field and Welsh 2007, "Bootstrapping clustered data" (the randomised cluster bootstrap).
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    alone = wilson_interval(int(correct.sum()), len(correct), z)
    share = float(correct.mean())
    if share in (0.0, 1.0):
        count = len(np.unique(groups))
        return wilson_interval(round(share * count), count, z)
    low, high = _redrawn(correct, groups, confidence)
    return min(low, alone[0]), max(high, alone[1])


def paired_grouped_interval(
    after: NDArray[np.bool_], before: NDArray[np.bool_], groups: NDArray[np.int64]
) -> tuple[float, float]:
    """Interval of how much the accuracy on the same pictures has risen, by drawing whole groups; see
    `grouped_interval`.
    """
    return _redrawn(after.astype(np.int64) - before.astype(np.int64), groups, 0.95)


def _redrawn(values: NDArray[np.generic], groups: NDArray[np.int64], confidence: float) -> tuple[float, float]:
    """Where so many of the means lie that come out when whole groups are drawn with replacement."""
    _, members = np.unique(groups, return_inverse=True)
    sizes, sums = np.bincount(members), np.bincount(members, weights=values)
    stream = np.random.default_rng(_SEED)
    draws = (stream.integers(0, len(sizes), len(sizes)) for _ in range(_DRAWS))
    means = [sums[drawn].sum() / sizes[drawn].sum() for drawn in draws]
    low, high = np.quantile(means, ((1 - confidence) / 2, (1 + confidence) / 2))
    return float(low), float(high)


CONFIDENCE = 0.95


class Share(Record, frozen=True, kw_only=True):
    """A share of some pictures: `right` of `of`, and the interval in which the true share lies with 95 % confidence.

    `groups` tells in how many groups they come; 0 where each stands for itself.
    """

    right: int
    of: int
    low: float
    high: float
    groups: int = 0

    @property
    def value(self) -> float:
        """The share itself, 0 to 1; 0 of no pictures."""
        return self.right / self.of if self.of else 0.0

    def __str__(self) -> str:
        return f"{self.value:.1%} (95 % interval {self.low:.1%} to {self.high:.1%})"


class Difference(Record, frozen=True, kw_only=True):
    """How far one share lies above another, with its 95 % interval; -1 to 1."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        low, high = 100 * self.low, 100 * self.high
        return f"{100 * self.value:.1f} points (95 % interval {low:.1f} to {high:.1f})"


def counted(right: int, of: int, *, among: int = 1) -> Share:
    """The share of so many pictures.

    Args:
        right: How many of them have it.
        of: How many there are.
        among: From how many such shares this one is picked, as the worst: its interval is widened so that those of all
            hold together with 95 % confidence (Bonferroni).
    """
    low, high = wilson_interval(right, of, _z(among))
    return Share(right=right, of=of, low=low, high=high)


def share_of(right: NDArray[np.bool_], groups: NDArray[np.int64] | None = None, *, among: int = 1) -> Share:
    """The share of pictures that are right; where they come in groups (a number for each), by drawing whole groups."""
    if groups is None or not len(right):
        return counted(int(right.sum()), len(right), among=among)
    low, high = grouped_interval(right, groups, confidence=1 - (1 - CONFIDENCE) / among)
    return Share(right=int(right.sum()), of=len(right), low=low, high=high, groups=len(np.unique(groups)))


def difference(one: Share, other: Share, correlation: float = 0.0) -> Difference:
    """How far `one` lies above `other`, from their intervals.

    Source: Newcombe 1998, "Interval estimation for the difference between independent proportions: comparison of
    eleven methods", method 10; with a correlation, the same author's "Improved confidence intervals for the difference
    between binomial proportions based on paired data", method 10. Both hold for any intervals of the single shares.
    """
    value = one.value - other.value
    down, up = (one.value - one.low, other.high - other.value), (one.high - one.value, other.value - other.low)
    low, high = value - _across(*down, correlation), value + _across(*up, correlation)
    return Difference(value=value, low=max(low, -1.0), high=min(high, 1.0))


def paired_difference(
    after: NDArray[np.bool_], before: NDArray[np.bool_], groups: NDArray[np.int64] | None = None
) -> Difference:
    """How many more of the same pictures are right after than before, as a share of them.

    Args:
        after: Whether each picture is right, `(N,)`, at least one.
        before: The same of the one that it is compared with.
        groups: The number of each picture's group, where they come in groups.
    """
    alone = difference(share_of(after), share_of(before), _correlation(after, before))
    if groups is None:
        return alone
    low, high = paired_grouped_interval(after, before, groups)
    return Difference(value=alone.value, low=min(low, alone.low), high=max(high, alone.high))


def _correlation(after: NDArray[np.bool_], before: NDArray[np.bool_]) -> float:
    """Newcombe's phi of a 2 x 2 table: with a correction for continuity where it is above 0."""
    both, first, second, none = np.bincount(2 * ~after + ~before, minlength=4).tolist()
    product = math.sqrt((both + first) * (second + none) * (both + second) * (first + none))
    if not product:
        return 0.0
    surplus: float = both * none - first * second
    return (max(surplus - len(after) / 2, 0) if surplus > 0 else surplus) / product


def _across(one: float, other: float, correlation: float) -> float:
    return math.sqrt(max(one**2 - 2 * correlation * one * other + other**2, 0.0))


def _z(among: int) -> float:
    return NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / (2 * among))
