"""Nearest neighbours among many: blocked matrix products in scikit-learn, nothing of N x N is ever held.

Among more than `MOST_EXACT` points all pairs would take minutes. There each point looks only into the `PROBES` cells
whose centres lie nearest to it, of as many cells as the square root of N. Two points that lie close together, which is
what is looked for here, are found as surely as before: the cell of the one is among the nearest of the other.

Thumbnails of many pictures: an array of `(N, 32, 32, 3)`, or what reads parts of one when they are asked for.
"""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.progress import Progress

MOST_EXACT = 50_000
PROBES = 8
_FEW = 512  # points for which one matrix of all distances is faster than to begin a search
_SAMPLE = 16_384  # points by which directions are learned
_BLOCK = 2_048

Points = NDArray[np.float32]
Found = tuple[NDArray[np.float32], NDArray[np.int64]]


def nearest(points: Points, count: int, progress: Progress | None = None) -> Found:
    """The nearest neighbours of each point among the others.

    Args:
        points: `(N, D)`.
        count: How many; fewer where there are not so many others.
        progress: Called with the share that is done.

    Returns:
        Distances (Euclidean) and positions, both `(N, min(count, N - 1))`, the nearest first.
    """
    count = min(count, len(points) - 1)
    if count < 1:
        return np.empty((len(points), 0), np.float32), np.empty((len(points), 0), np.int64)
    if len(points) <= _FEW:
        return _among_few(points, count)
    if len(points) > MOST_EXACT:
        return _among_many(points, count, progress)
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(points)
    distances, positions = search.kneighbors()  # without points of its own it leaves out each point itself
    return distances.astype(np.float32), positions.astype(np.int64)


def neighbour_pairs(positions: NDArray[np.int64], *, mutual: bool) -> NDArray[np.int64]:
    """Pairs of points of which one is among the other's neighbours, or where `mutual` each is: `(P, 2)`, the smaller
    position first, sorted.
    """
    count = len(positions)
    ones = np.repeat(np.arange(count), positions.shape[1])
    others = positions.reshape(-1)
    codes, counts = np.unique(np.minimum(ones, others) * count + np.maximum(ones, others), return_counts=True)
    codes = codes[counts > mutual]
    return np.stack([codes // count, codes % count], axis=1)  # (P, 2)


def principal(made: Callable[[NDArray[np.int64]], Points], count: int, dimensions: int) -> Points:
    """Points in the directions in which they vary most: `(count, min(dimensions, D))`.

    Args:
        made: Gives the points at positions, `(n, D)`; it is asked for a few at a time, so that all need not be held.
        count: How many there are; directions are learned from up to 16,384 of them, evenly spread.
        dimensions: How many directions.
    """
    which = np.arange(count)[:: max(-(-count // _SAMPLE), 1)]
    if not len(which):
        return made(which)
    some = np.concatenate([made(which[block]) for block in blocks(len(which), _BLOCK)])
    mean = some.mean(axis=0)
    some -= mean
    values, directions = np.linalg.eigh((some.T @ some).astype(np.float64))  # ascending
    del some
    chosen = directions[:, np.argsort(-values)[:dimensions]].astype(np.float32)
    points = np.empty((count, chosen.shape[1]), np.float32)
    for block in blocks(count, _BLOCK):
        points[block] = (made(block) - mean) @ chosen
    return points


def blocks(count: int, size: int) -> Iterator[NDArray[np.int64]]:
    """Positions from 0 to `count`, so many at a time."""
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def _among_few(points: Points, count: int) -> Found:
    """All distances at once; by differences, since threads of a product would cost more than they bring."""
    from scipy.spatial.distance import cdist

    distances = cdist(points, points).astype(np.float32)
    np.fill_diagonal(distances, np.inf)
    near = np.argpartition(distances, count - 1, axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(distances, near, axis=1), axis=1, kind="stable")
    near = np.take_along_axis(near, order, axis=1)
    return np.take_along_axis(distances, near, axis=1), near.astype(np.int64)


def _among_many(points: Points, count: int, progress: Progress | None) -> Found:
    """As the module says: cells around some of the points, and for each point only the nearest cells."""
    centres = points[:: max(int(np.sqrt(len(points))), 1)]
    _, cells = _search(centres, points, min(PROBES, len(centres)))  # (N, PROBES), its own first
    order = np.argsort(cells[:, 0], kind="stable")
    members = np.split(order, np.cumsum(np.bincount(cells[:, 0], minlength=len(centres)))[:-1])
    distances = np.full((len(points), count), np.inf, np.float32)
    positions = np.full((len(points), count), -1, np.int32)
    for cell, here in enumerate(members):
        askers = np.flatnonzero((cells == cell).any(axis=1))
        if len(here):
            _keep_nearest(points, here, askers, distances, positions)
        if progress:
            progress((cell + 1) / len(centres))
    alone = np.flatnonzero((positions < 0).any(axis=1))  # their cells hold too few
    if len(alone):
        _keep_nearest(points, np.arange(len(points)), alone, distances, positions)
    return distances, positions.astype(np.int64)


def _keep_nearest(
    points: Points,
    here: NDArray[np.int64],
    askers: NDArray[np.int64],
    distances: NDArray[np.float32],
    positions: NDArray[np.int32],
) -> None:
    """Put those of the points `here` into the lists of the askers that are nearer than what stands there."""
    count = distances.shape[1]
    found, which = _search(points[here], points[askers], min(count + 1, len(here)))
    every = np.concatenate([positions[askers], here[which]], axis=1)
    apart = np.concatenate([distances[askers], found], axis=1)
    apart[every == askers[:, None]] = np.inf
    best = np.argsort(apart, axis=1, kind="stable")[:, :count]
    distances[askers] = np.take_along_axis(apart, best, axis=1)
    positions[askers] = np.where(np.isfinite(distances[askers]), np.take_along_axis(every, best, axis=1), -1)


def _search(points: Points, asked: Points, count: int) -> Found:
    from sklearn.neighbors import NearestNeighbors

    found, which = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(points).kneighbors(asked)
    return found.astype(np.float32), which.astype(np.int64)


class Thumbnails(Protocol):
    """What is needed of them; arrays have it, and `Pack.thumbnails`."""

    def __len__(self) -> int: ...

    def __getitem__(self, positions: Any, /) -> NDArray[np.uint8]: ...


class Chosen:
    """Some of them, in another order."""

    def __init__(self, thumbnails: Thumbnails, which: NDArray[np.int64]) -> None:
        self._thumbnails, self._which = thumbnails, which

    def __len__(self) -> int:
        return len(self._which)

    def __getitem__(self, positions: Any, /) -> NDArray[np.uint8]:
        return self._thumbnails[self._which[positions]]
