"""Nearest neighbours among many: exact, blocked matrix products in scikit-learn, nothing of N x N is ever held."""

import numpy as np
from numpy.typing import NDArray


def nearest(points: NDArray[np.float32], count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The nearest neighbours of each point among the others.

    Args:
        points: `(N, D)`.
        count: How many; fewer where there are not so many others.

    Returns:
        Distances (Euclidean) and positions, both `(N, min(count, N - 1))`, the nearest first.
    """
    count = min(count, len(points) - 1)
    if count < 1:
        return np.empty((len(points), 0), np.float32), np.empty((len(points), 0), np.int64)
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(points)
    distances, positions = search.kneighbors()  # without points of its own it leaves out each point itself
    return distances.astype(np.float32), positions.astype(np.int64)


def mutual_pairs(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs of points that are each among the other's neighbours: `(P, 2)`, the smaller position first, sorted."""
    count = len(positions)
    ones = np.repeat(np.arange(count), positions.shape[1])
    others = positions.reshape(-1)
    codes, counts = np.unique(np.minimum(ones, others) * count + np.maximum(ones, others), return_counts=True)
    mutual = codes[counts == 2]
    return np.stack([mutual // count, mutual % count], axis=1)  # (P, 2)


def principal(points: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """Points in the directions in which they vary most: `(N, min(dimensions, D))`."""
    if not len(points):
        return points
    centred = points - points.mean(axis=0)
    values, directions = np.linalg.eigh((centred.T @ centred).astype(np.float64))  # ascending
    return np.ascontiguousarray(centred @ directions[:, np.argsort(-values)[:dimensions]].astype(np.float32))
