"""Where the true accuracy lies, with 95 % confidence."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

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
