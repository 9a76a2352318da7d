"""Nearest neighbours among many points, such as the thumbnails of a data set, without a matrix of N x N.

Among more than `MOST_EXACT` points, comparing all pairs would take minutes. There each point is compared only with the
points of `PROBES` cells: the cells with the nearest centres, of as many cells as the square root of N. Two points that
lie close together, as near-duplicates do, are still found: the cell of one is among the nearest cells of the other.
"""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from eyebright.system.progress import ReportShare, quiet_share

MOST_EXACT = 50_000
PROBES = 8
_FEW = 512  # points for which one matrix of all distances is faster than starting a search
_SAMPLE = 16_384  # points that the principal directions are computed from
_BLOCK = 2_048

Points = NDArray[np.float32]
Found = tuple[NDArray[np.float32], NDArray[np.int64]]


class ThumbnailArray(Protocol):
    """Thumbnails of N images, `(N, 32, 32, 3)`, uint8: an array, or a reader such as `Pack.thumbnails`."""

    def __len__(self) -> int: ...

    def __getitem__(self, positions: Any, /) -> NDArray[np.uint8]: ...


class Selected:
    """Some of the thumbnails, in a given order, without copying them.

    Args:
        thumbnails: All thumbnails.
        positions: Positions of the selected ones, `(n,)`.
    """

    def __init__(self, thumbnails: ThumbnailArray, positions: NDArray[np.int64]) -> None:
        self._thumbnails, self._positions = thumbnails, positions

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, positions: Any, /) -> NDArray[np.uint8]:
        return self._thumbnails[self._positions[positions]]


def blocks(count: int, size: int) -> Iterator[NDArray[np.int64]]:
    """Positions from 0 to `count` in blocks of `size`."""
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def members_of(labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Positions of the images of each class, in order."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def nearest(points: Points, count: int, report: ReportShare = quiet_share) -> Found:
    """The nearest neighbours of each point among the others.

    Args:
        points: `(N, D)`.
        count: How many neighbours; fewer where there are not so many other points.
        report: Called with the share of the work that is done.

    Returns:
        Euclidean distances and positions, both `(N, min(count, N - 1))`, the nearest first.
    """
    count = min(count, len(points) - 1)
    if count < 1:
        return np.empty((len(points), 0), np.float32), np.empty((len(points), 0), np.int64)
    if len(points) <= _FEW:
        return _among_few(points, count)
    if len(points) > MOST_EXACT:
        return _among_many(points, count, report)
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(points)
    distances, positions = search.kneighbors()  # without an argument, no point is its own neighbour
    return distances.astype(np.float32), positions.astype(np.int64)


def neighbour_pairs(positions: NDArray[np.int64], *, mutual: bool) -> NDArray[np.int64]:
    """Pairs of points, one of them a neighbour of the other.

    Args:
        positions: Neighbours of each point, `(N, count)`, as `nearest` returns them.
        mutual: Whether each of the two must be a neighbour of the other.

    Returns:
        `(P, 2)`, the smaller position first, sorted.
    """
    count = len(positions)
    ones = np.repeat(np.arange(count), positions.shape[1])
    others = positions.reshape(-1)
    codes, counts = np.unique(np.minimum(ones, others) * count + np.maximum(ones, others), return_counts=True)
    codes = codes[counts > mutual]
    return np.stack([codes // count, codes % count], axis=1)  # (P, 2)


def principal(points_at: Callable[[NDArray[np.int64]], Points], count: int, dimensions: int) -> Points:
    """Points in the directions of highest variance: `(count, min(dimensions, D))`.

    Args:
        points_at: Returns the points at some positions, `(n, D)`. It is called with a few positions at a time, so that
            not all points need to fit in memory.
        count: Number of points. The directions are computed from up to 16,384 of them, evenly spread.
        dimensions: Number of directions.
    """
    sample = np.arange(count)[:: max(-(-count // _SAMPLE), 1)]
    if not len(sample):
        return points_at(sample)
    centred = np.concatenate([points_at(sample[block]) for block in blocks(len(sample), _BLOCK)])
    mean = centred.mean(axis=0)
    centred -= mean
    values, directions = np.linalg.eigh((centred.T @ centred).astype(np.float64))  # ascending
    del centred
    chosen = directions[:, np.argsort(-values)[:dimensions]].astype(np.float32)
    points = np.empty((count, chosen.shape[1]), np.float32)
    for block in blocks(count, _BLOCK):
        points[block] = (points_at(block) - mean) @ chosen
    return points


def _among_few(points: Points, count: int) -> Found:
    """All distances at once; from differences, since for few points the threads of a matrix product cost more."""
    from scipy.spatial.distance import cdist

    distances = cdist(points, points).astype(np.float32)
    np.fill_diagonal(distances, np.inf)
    near = np.argpartition(distances, count - 1, axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(distances, near, axis=1), axis=1, kind="stable")
    near = np.take_along_axis(near, order, axis=1)
    return np.take_along_axis(distances, near, axis=1), near.astype(np.int64)


def _among_many(points: Points, count: int, report: ReportShare) -> Found:
    """Cells around some of the points; each point is compared with the points of its nearest cells."""
    centres = points[:: max(int(np.sqrt(len(points))), 1)]
    _, cells = _search(centres, points, min(PROBES, len(centres)))  # (N, PROBES), a point's own cell first
    order = np.argsort(cells[:, 0], kind="stable")
    members = np.split(order, np.cumsum(np.bincount(cells[:, 0], minlength=len(centres)))[:-1])
    distances = np.full((len(points), count), np.inf, np.float32)
    positions = np.full((len(points), count), -1, np.int32)
    for cell, here in enumerate(members):
        if len(here):
            _keep_nearest(points, here, np.flatnonzero((cells == cell).any(axis=1)), distances, positions)
        report((cell + 1) / len(centres))
    lacking = np.flatnonzero((positions < 0).any(axis=1))  # their cells hold too few points
    if len(lacking):
        _keep_nearest(points, np.arange(len(points)), lacking, distances, positions)
    return distances, positions.astype(np.int64)


def _keep_nearest(
    points: Points,
    here: NDArray[np.int64],
    queries: NDArray[np.int64],
    distances: NDArray[np.float32],
    positions: NDArray[np.int32],
) -> None:
    """Update the neighbours of the queries, in place, with those of the points `here` that are nearer."""
    count = distances.shape[1]
    found, which = _search(points[here], points[queries], min(count + 1, len(here)))
    every = np.concatenate([positions[queries], here[which]], axis=1)
    apart = np.concatenate([distances[queries], found], axis=1)
    apart[every == queries[:, None]] = np.inf
    best = np.argsort(apart, axis=1, kind="stable")[:, :count]
    distances[queries] = np.take_along_axis(apart, best, axis=1)
    positions[queries] = np.where(np.isfinite(distances[queries]), np.take_along_axis(every, best, axis=1), -1)


def _search(points: Points, queries: Points, count: int) -> Found:
    from sklearn.neighbors import NearestNeighbors

    found, which = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(points).kneighbors(queries)
    return found.astype(np.float32), which.astype(np.int64)
