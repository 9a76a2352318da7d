"""Shares with their intervals, and how far two of them lie apart: what a judgement may claim, and what it may not."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from eyebright.codec import Record
from eyebright.evaluation.intervals import grouped_interval, paired_grouped_interval, wilson_interval

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
