"""Unknown images: how unlike the training images an image is, and from where on a model gives no answer.

Sources: Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks"
(the Mahalanobis distance of features); Liu et al. 2020, "Energy-based Out-of-distribution Detection" (the energy). Ours
has one mean for all classes, features of length 1, and counts the energy only where it is above that of typical images:
see benchmarks/README.md for what else was measured.
"""

import math

import numpy as np
from numpy.typing import NDArray

from eyebright.network.answering import LEAST_LENGTH, Familiar

RANK = 64
KEPT = 0.95
"""Share of images like the training images that get an answer."""
FEW = 50
"""With fewer images the share that a limit keeps varies by more than three percentage points."""
_LEAST_VARIANCE = 1e-6  # of features of length 1, so that constant features have a distance
_LEAST_LIMIT = 1.0  # for constant features, which have no distance
_LEAST_SPREAD = 1e-4  # of energies: below it they are equal, and differ by the rounding of 32 bits
_MARGIN = 1.0001  # above the image that sets the limit, so that it gets an answer from every runtime


def fit_familiar(
    features: NDArray[np.floating], new_features: NDArray[np.floating], new_logits: NDArray[np.floating]
) -> Familiar:
    """Describe what familiar images have in common.

    Args:
        features: Of training images, `(N, features)`, N >= 1.
        new_features: Of images of the same kind that were not trained on, `(n, features)`, n >= 1.
        new_logits: Their logits divided by the temperature, `(n, classes)`.
    """
    mean, directions, variances, rest = fit_gaussian(unit(features))
    typical = Familiar(*(np.array(part, np.float32) for part in (mean, directions, variances, rest, 0, 0, 1)))
    distances, energies = distance_of(typical, new_features), energy_of(new_logits)
    median, spread = np.median(energies), energies.std()
    weight = distances.std() / spread if spread > _LEAST_SPREAD * max(abs(median), 1) else 0.0
    typical = typical._replace(energy_typical=_scalar(median), energy_weight=_scalar(weight))
    limit = max(kept_limit(unfamiliarity_of(typical, new_features, new_logits)), _LEAST_LIMIT)
    return typical._replace(limit=_scalar(limit * _MARGIN))


def fit_gaussian(
    points: NDArray[np.floating], rank: int = RANK
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Mean, directions, their variances, and the variance along all others, as the fields of `Familiar`.

    Args:
        points: `(N, features)`, N >= 1.
        rank: The most directions.

    The directions are the principal ones; the rest is the mean variance along all others, of which few points have none
    along most. Where all directions have the same variance, the only one is a row of zeros.
    """
    from scipy.linalg import eigh

    count, width = points.shape
    mean = points.mean(axis=0, dtype=np.float64)
    centred = (points - mean) / math.sqrt(max(count - 1, 1))
    wide = width > count  # then the products of images are fewer than those of features, with the same eigenvalues
    products = centred @ centred.T if wide else centred.T @ centred
    rank = min(rank, count - 1, width - 1)
    values, vectors = np.empty(0), np.empty((len(products), 0))
    if rank:
        values, vectors = eigh(products, subset_by_index=[len(products) - rank, len(products) - 1])
    rest = max((np.trace(products) - values.sum()) / max(width - rank, 1), _LEAST_VARIANCE)
    used = values > rest
    if not used.any():
        return mean, np.zeros((1, width)), np.array([rest]), float(rest)
    directions = (centred.T @ vectors[:, used]) / np.sqrt(values[used]) if wide else vectors[:, used]
    return mean, directions.T[::-1], values[used][::-1], float(rest)


def kept_limit(values: NDArray[np.floating], kept: float = KEPT) -> float:
    """The limit that a new value like these does not pass, with the probability `kept_share(len(values), kept)`.

    Source: Vovk et al. 2005, "Algorithmic Learning in a Random World" (split conformal prediction).
    """
    return float(np.sort(values)[_rank(len(values), kept) - 1])


def kept_share(count: int, kept: float = KEPT) -> float:
    """The expected share of new values below the limit that `count` values set: `kept`, or less where they are few.

    >>> [round(kept_share(count), 3) for count in (6, 19, 1000)]
    [0.857, 0.95, 0.95]
    """
    return _rank(count, kept) / (count + 1)


def _rank(count: int, kept: float) -> int:
    """The how manyth smallest of the values is the limit; the largest where they are too few."""
    return min(math.ceil((count + 1) * kept), count)


def unfamiliarity_of(
    familiar: Familiar, features: NDArray[np.floating], logits: NDArray[np.floating]
) -> NDArray[np.float64]:
    """How unlike the training images each image is, `(N,)`, 1 at the limit; the formula is that of `Familiar`.

    Args:
        familiar: What the training images have in common.
        features: `(N, features)`.
        logits: Divided by the temperature, `(N, classes)`.
    """
    excess = np.maximum(energy_of(logits) - familiar.energy_typical, 0)
    whole = distance_of(familiar, features) + familiar.energy_weight * excess
    return np.asarray(whole / familiar.limit, np.float64)


def distance_of(familiar: Familiar, features: NDArray[np.floating]) -> NDArray[np.float64]:
    """The squared Mahalanobis distance of features `(N, features)` to the mean, `(N,)`."""
    centred, directions = unit(features) - familiar.mean, familiar.directions.astype(np.float64)
    along = centred @ directions.T
    outside = centred - along @ directions
    return np.asarray((along**2 / familiar.variances).sum(axis=1) + (outside**2).sum(axis=1) / familiar.rest)


def energy_of(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """The energy -log(sum(exp(logits))) of logits `(N, classes)`, `(N,)`."""
    greatest = logits.max(axis=1).astype(np.float64)
    return np.asarray(-greatest - np.log(np.exp(logits - greatest[:, None]).sum(axis=1)), np.float64)


def unit(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """Features `(N, features)` scaled to length 1; zeros stay zeros."""
    length = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(features / np.maximum(length, LEAST_LENGTH), np.float64)


def _scalar(value: float) -> NDArray[np.float32]:
    return np.array(value, np.float32)
