"""Pictures unlike the rest: far from their nearest neighbours, as a frozen network sees them.

Distances between directions of features (after centring) are compared as logarithms, since they are positive and
skewed; what lies many robust deviations above the middle is told.

Source: Ramaswamy, Rastogi and Shim 2000 (distances to neighbours); Iglewicz and Hoaglin 1993 (robust deviations).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.audit.neighbours import nearest

NEIGHBOURS = 10
DEVIATIONS = 3.5  # Iglewicz and Hoaglin's
_MAD = 1.4826  # of normal values, the deviation over the median absolute one
_LEAST_SPREAD = 0.05  # of logarithms: where all are alike, 5 % more is within it
_FEWEST = 8  # below so many there is no rest to be unlike


class Outlier(NamedTuple):
    """A picture unlike the rest.

    Args:
        picture: Position of the picture.
        overall: Whether it is unlike all pictures, not only unlike those of its class.
        deviations: How many robust deviations it is farther from its neighbours than pictures usually are.
    """

    picture: int
    overall: bool
    deviations: float


def outliers(features: NDArray[np.float32], labels: NDArray[np.int64]) -> list[Outlier]:
    """Pictures unlike all others, then those unlike their class, each the farthest first.

    Args:
        features: `(N, D)`.
        labels: `(N,)`.
    """
    points = directions(features)
    everywhere = deviations(points)
    within = np.zeros(len(points))
    for label in np.unique(labels):
        here = np.flatnonzero(labels == label)
        within[here] = deviations(points[here])
    found = [Outlier(int(i), True, float(everywhere[i])) for i in np.flatnonzero(everywhere > DEVIATIONS)]
    only = np.flatnonzero((within > DEVIATIONS) & ~(everywhere > DEVIATIONS))
    found += [Outlier(int(i), False, float(within[i])) for i in only]
    return sorted(found, key=lambda one: (not one.overall, -one.deviations, one.picture))


def directions(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features about their mean, at length 1: `(N, D)`."""
    if not len(features):
        return features
    centred = features - features.mean(axis=0)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12), np.float32)


def deviations(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """How many robust deviations farther each point is from its neighbours than points usually are: `(N,)`.

    All are 0 where there are too few to tell.
    """
    if len(points) < _FEWEST:
        return np.zeros(len(points))
    distances = nearest(points, min(NEIGHBOURS, len(points) // 2))[0].astype(np.float64)
    far = np.log(distances.mean(axis=1) + 1e-6)
    from_middle = far - np.median(far)
    return np.asarray(from_middle / max(_MAD * float(np.median(np.abs(from_middle))), _LEAST_SPREAD))
