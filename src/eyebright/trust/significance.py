"""p-values and effect sizes: is a difference more than chance, and is it large enough to matter?

A p-value says how probable such a difference is by chance. With enough images it is tiny for any trifle, so each comes
with an effect size: the difference in standard deviations (Cohen's d), whatever is compared. Distributions that differ
by more than a shift get the shift of a normal distribution that would separate them as well.

Two samples are compared by permutation: images are dealt to the two at random, many times. Images in groups (one film,
one patient) are not independent: whole groups are dealt.

Source: Cohen 1988, "Statistical Power Analysis for the Behavioral Sciences" (sizes of effects); Szekely and Rizzo 2013,
"Energy statistics: a class of statistics based on distances".
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

SMALL, MEDIUM, LARGE = 0.2, 0.5, 0.8
"""Effect sizes as Cohen calls them, in standard deviations."""
Number = TypeVar("Number", bound=np.generic)
_DEALS = 999
_SEED = 0
_ROUNDING = 3e-5  # of sums of float32: samples that are equal differ by it
_LARGEST_GAP = 1 - 1e-6  # of distributions without overlap; a shift of 9.8 deviations
_LEVEL = 0.05


class Contrast(NamedTuple):
    """How two samples differ.

    Args:
        p_value: How probable a difference as large is by chance.
        effect: The difference, in standard deviations, without what chance alone gives; 0 or more.
    """

    p_value: float
    effect: float


def mcnemar(after: NDArray[np.bool_], before: NDArray[np.bool_], groups: NDArray[np.int64] | None = None) -> float:
    """The p-value of a change: how probable one as large, in either direction, is by chance alone.

    By chance, what changes is as often an improvement as not: each image that is right only once is a fair coin. Of
    images in groups, those of a group change together, so each group's surplus of improvements is one coin. The
    distribution of their sum is exact.

    Args:
        after: Whether each image is right after the change, `(N,)`.
        before: The same before the change, `(N,)`.
        groups: Group number of each image, `(N,)`; None if images are independent.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated proportions or percentages",
    with exact binomial probabilities; for groups, Fisher's randomisation of signs.
    """
    change = after.astype(np.int64) - before.astype(np.int64)
    _, members = np.unique(np.arange(len(change)) if groups is None else groups, return_inverse=True)
    surplus = np.bincount(members, weights=change).astype(np.int64)
    chances = np.ones(1)  # of each sum of the improvements
    for coin in np.abs(surplus[surplus != 0]).tolist():
        chances = np.concatenate([chances, np.zeros(coin)]) / 2 + np.concatenate([np.zeros(coin), chances]) / 2
    changes = 2 * np.arange(len(chances)) - (len(chances) - 1)
    return min(float(chances[np.abs(changes) >= abs(int(surplus.sum()))].sum()), 1.0)


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """p-values of several tests, corrected so that a false alarm in any of them is as improbable as it was in one.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1)
    return corrected


class Deals:
    """Two samples, dealt as they are and many times at random.

    Of each group, at most as many images are dealt as the groups of either sample usually have: the mean of a film
    varies less than a single image, so films and single images would not be exchangeable.

    Args:
        reference: Group number of each image of the first sample, `(n,)`.
        new: Group number of each image of the second, `(m,)`. No group is in both samples.
    """

    def __init__(self, reference: NDArray[np.int64], new: NDArray[np.int64]) -> None:
        most = min(map(_usual_size, (reference, new)))
        self._kept = _some_of_each(reference, most), _some_of_each(new, most)
        one, other = (groups[kept] for groups, kept in zip((reference, new), self._kept, strict=True))
        self.groups = len(np.unique(one)), len(np.unique(other))
        members = np.unique(np.concatenate([one, other + one.max(initial=-1) + 1]), return_inverse=True)[1]
        actual = np.arange(sum(self.groups)) >= self.groups[0]
        random = np.random.default_rng(_SEED).permuted(np.repeat(actual[None], _DEALS, axis=0), axis=1)
        is_new = np.concatenate([actual[None], random])[:, members]  # (deals, images)
        counts = [each.sum(axis=1, keepdims=True, dtype=np.float32) for each in (~is_new, is_new)]
        self._weights = np.where(is_new, 1 / counts[1], -1 / counts[0])  # float32: of a mean minus the other mean

    def distributions(self, reference: NDArray[np.floating], new: NDArray[np.floating]) -> Contrast:
        """Compare the distributions of a value (Kolmogorov and Smirnov's distance)."""
        values = self._both(reference, new)
        order = np.argsort(values, kind="stable")
        last = np.append(np.diff(values[order]) > 0, True)  # of values that are equal
        gaps = np.abs(np.cumsum(self._weights[:, order], axis=1)[:, last]).max(axis=1)
        return _contrast(gaps, shift_of)

    def shares(self, reference: NDArray[np.int64], new: NDArray[np.int64]) -> Contrast:
        """Compare the shares of classes, given the class of each image (chi squared).

        The effect is Cohen's w, times 5/3: so 0.1, 0.3 and 0.5, which are small, medium and large, are so here.
        """
        each = np.unique(self._both(reference, new), return_inverse=True)[1]
        gaps = self._weights @ np.eye(each.max() + 1, dtype=np.float32)[each]  # (deals, classes)
        together = np.bincount(each) / len(each)
        return _contrast(np.sqrt((gaps**2 / together).sum(axis=1)), lambda w: 5 / 3 * w)

    def rates(self, reference: NDArray[np.bool_], new: NDArray[np.bool_]) -> Contrast:
        """Compare how often something is true, also where that is rare (Cohen's h)."""
        true = self._both(reference, new)
        rates = [(np.clip(side * self._weights, 0, None) @ true).clip(0, 1) for side in (1, -1)]
        return _contrast(np.abs(2 * np.arcsin(np.sqrt(rates[0])) - 2 * np.arcsin(np.sqrt(rates[1]))), float)

    def points(self, reference: NDArray[np.floating], new: NDArray[np.floating]) -> Contrast:
        """Compare points, `(n, D)` and `(m, D)`: their mean and how they spread (energy distance).

        The effect is a shift of the mean. Let points have deviation 1 in each of D directions: a small shift by d makes
        the energy distance d^2 / (2 D) of the mean distance of two points.
        """
        from scipy.spatial.distance import cdist

        both, first = self._both(reference, new), len(self._kept[0])
        distances = cdist(both, both).astype(np.float32)
        energies = -np.einsum("dn,dn->d", self._weights @ distances, self._weights)
        typical = float(distances[:first, :first].mean()) or 1.0
        scale = math.sqrt(2 * reference.shape[1] / typical)
        return _contrast(np.sqrt(np.maximum(energies, 0)), lambda gap: scale * gap)

    def findable(self, tests: int) -> float:
        """The effect that one of several tests finds in more than four of five cases, in standard deviations.

        It is the shift whose distance of distributions is just significant; for images in groups, with one image each.
        """
        one, other = self.groups
        return shift_of(math.sqrt(math.log(2 * tests / _LEVEL) / 2 * (one + other) / (one * other)))

    def enough(self, tests: int, effect: float) -> int:
        """How many new images (or groups of them) find such an effect as `findable` does; 0 if no number does."""
        gap = 2 * NormalDist().cdf(effect / 2) - 1
        needed, one = math.log(2 * tests / _LEVEL) / 2 / gap**2, self.groups[0]  # at most 1 / (1 / one + 1 / other)
        return math.ceil(needed * one / (one - needed)) if one > needed else 0

    def _both(self, reference: NDArray[Number], new: NDArray[Number]) -> NDArray[Number]:
        """What is dealt of both samples."""
        return np.concatenate([reference[self._kept[0]], new[self._kept[1]]])


def _usual_size(groups: NDArray[np.int64]) -> int:
    """The median number of images in a group, rounded down, at least 1."""
    return max(int(np.median(np.unique(groups, return_counts=True)[1])), 1)


def _some_of_each(groups: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Positions of at most so many images of each group, chosen at random."""
    order = np.random.default_rng(_SEED).permutation(len(groups))
    by_group = order[np.argsort(groups[order], kind="stable")]
    starts = np.searchsorted(groups[by_group], groups[by_group])  # of each image's group
    return np.sort(by_group[np.arange(len(groups)) - starts < most])


def shift_of(gap: float) -> float:
    """The shift of a normal distribution, in its standard deviations, at which its distance from itself is `gap`."""
    return 2 * NormalDist().inv_cdf((1 + min(gap, _LARGEST_GAP)) / 2)


def _contrast(gaps: NDArray[np.floating], effect: Callable[[float], float]) -> Contrast:
    """The result for the distance as the samples are, followed by those of random deals."""
    found, dealt = float(gaps[0]), gaps[1:].astype(np.float64)
    larger = int((dealt >= found - _ROUNDING).sum())
    excess = math.sqrt(max(found**2 - float((dealt**2).mean()), 0.0))
    return Contrast((1 + larger) / (1 + len(dealt)), effect(excess))
