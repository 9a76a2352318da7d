"""Answers only where they can be trusted: the confidence above which a promised share of the answers is correct.

Images are sorted by confidence. A promise is tested on the most confident of them, then on more and more, until a test
fails: so many tests in a fixed order break the promise no more often than one test does. Each test is exact, so that
it also holds for few images. The images must not have been used for any other choice, and must be independent.

Source: Angelopoulos et al. 2021, "Learn then Test: Calibrating Predictive Algorithms to Achieve Risk Control", section
2.3 (fixed sequence testing). Clopper and Pearson 1934, "The use of confidence or fiducial limits", for the bound.
Where we differ: a threshold is tested at each image instead of on a grid. Above the first threshold that breaks the
promise, images are independent of how many there are, so the chance of passing there is still at most that of a test.
"""

from bisect import bisect_left
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CHANCE = 0.05
"""The chance that a promise is broken, at most: delta."""
_MOST_IMAGES = 10**9


def error_bound(
    wrong: int | NDArray[np.int64], of: int | NDArray[np.int64], chance: float = CHANCE
) -> NDArray[np.float64]:
    """The largest share of wrong answers that is plausible where `wrong` of `of` are: Clopper and Pearson's bound.

    The true share is above it with a probability of at most `chance`. It is 1 where all are wrong, also for none.
    """
    from scipy.special import betaincinv

    k, n = np.asarray(wrong, np.float64), np.asarray(of, np.float64)
    bound = betaincinv(k + 1, np.maximum(n - k, 1.0), 1 - chance)
    return np.where(k >= n, 1.0, bound)


def least_images(risk: float, wrong: int = 0) -> int:
    """How many answers, of which `wrong` are wrong, show that at most a share `risk` of such answers is.

    >>> [least_images(risk) for risk in (0.05, 0.02, 0.01)]
    [59, 149, 299]
    """
    return bisect_left(range(_MOST_IMAGES), True, key=lambda of: bool(error_bound(wrong, of) <= risk))


def most_wrong(of: int, risk: float) -> int:
    """How many of `of` answers may be wrong, so that at most a share `risk` of such answers is; -1 if none may."""
    from scipy.stats import binom

    most = int(binom.ppf(CHANCE, of, risk))  # the least count with at least this chance, so the next one down is safe
    return most if binom.cdf(most, of, risk) <= CHANCE else most - 1


def first_tested(images: int, risk: float) -> int:
    """How many of the most confident of so many images are tested first.

    As many as pass with one mistake, where there are three times as many: one mistake is not the end then. Otherwise as
    many as pass with none: of few images, the most confident are too small a part to begin with more.
    """
    with_mistake = least_images(risk, wrong=1)
    return with_mistake if images >= 3 * with_mistake else least_images(risk)


def confidence_threshold(confidence: NDArray[np.floating], correct: NDArray[np.bool_], risk: float) -> float | None:
    """The lowest confidence from which on at most a share `risk` of the answers is wrong, as far as can be proven.

    With a probability of `CHANCE` at most, the true share of wrong answers is larger.

    Args:
        confidence: Of independent images that were used for no other choice, `(N,)`; `-inf` for one that is not to be
            answered whatever its confidence.
        correct: Whether the answer for each of them is correct, `(N,)`.
        risk: The share of wrong answers, above 0 and below 1.

    Returns:
        Answers of at least this confidence are given; None where not even the most confident can be promised.
    """
    order = np.argsort(-confidence, kind="stable")
    ranked, wrong = confidence[order], np.cumsum(~correct[order])
    ends = _ends(ranked)
    tested = ends[(ends + 1 >= first_tested(len(ranked), risk)) & np.isfinite(ranked[ends])]
    passed = error_bound(wrong[tested], tested + 1) <= risk
    count = len(passed) if passed.all() else int(passed.argmin())
    return float(ranked[tested[count - 1]]) if count else None


class RiskCoverage(NamedTuple):
    """What answering fewer images gains: one point for each threshold, from the highest to the lowest.

    Args:
        threshold: Images of at least this confidence are answered, `(K,)`.
        coverage: The share of images that is answered then, 0 to 1, `(K,)`.
        risk: The share of these answers that is wrong, 0 to 1, `(K,)`.
        area: The mean of the risk over all images, each taken as the last one that is answered; less is better.
    """

    threshold: NDArray[np.float64]
    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    area: float


def risk_coverage(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> RiskCoverage:
    """The risk-coverage curve of answers. Images with the same confidence are answered together or not at all.

    Args:
        confidence: `(N,)`, at least one image; `-inf` for one that is never answered.
        correct: Whether each answer is correct, `(N,)`.

    Source: Geifman and El-Yaniv 2017, "Selective Classification for Deep Neural Networks"; for the area, Geifman et al.
    2019, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", section 2.
    """
    order = np.argsort(-confidence, kind="stable")
    ranked, wrong = confidence[order].astype(np.float64), np.cumsum(~correct[order])
    ends = _ends(ranked)
    risk = wrong[ends] / (ends + 1)
    area = float((risk * np.diff(ends, prepend=-1)).sum() / len(ranked))
    shown = np.isfinite(ranked[ends])
    return RiskCoverage(ranked[ends][shown], ((ends + 1) / len(ranked))[shown], risk[shown], area)


def _ends(ranked: NDArray[np.floating]) -> NDArray[np.int64]:
    """The last position of each value in a sorted array: no threshold separates images with the same confidence."""
    return np.flatnonzero(np.append(ranked[1:] != ranked[:-1], len(ranked) > 0))
