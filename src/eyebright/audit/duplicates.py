"""Copies of pictures: exact ones by digest; near ones (re-encoded, rescaled, turned, mirrored, cropped) by sight.

Near copies are looked for in two steps. Each thumbnail gives a description that turning and mirroring do not change;
neighbours in it are candidates. A candidate counts when the two thumbnails, laid on each other in the best of eight
positions and a few crops, agree as a whole and in their fine detail (two photographs of a bright sky agree as a whole),
and agree far better than either does with the others that look like it (so do two boots on white, or two faces).
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from eyebright.audit.neighbours import nearest, principal
from eyebright.pictures.prints import THUMBNAIL_SIDE

Number = TypeVar("Number", np.uint8, np.float32)
CANDIDATES = 8  # neighbours looked at for each picture; larger families of copies chain
WHOLE, DETAIL = 0.96, 0.75  # least correlation of two copies' thumbnails, and of them without a 3 x 3 blur
SURELY_WHOLE, SURELY_DETAIL = 0.99, 0.92  # above both a pair is one of copies however many others look like it
CROWD = 0.35  # otherwise it differs by at most this part of what the middle one of its candidates does
_FIRST_LOOK = 0.8  # least correlation at 8 x 8 in one of the eight positions, where a light crop already costs much
_LEAST_CONTRAST = 4.0  # standard deviation below which a thumbnail shows nothing that could be compared
_DIMENSIONS = 16
_BLOCK = 512
_CUTS = ((0, 0), (1, 1), (2, 2), (3, 3), (0, 2), (2, 0))  # of 32 rows or columns, taken from the two ends


class Pairs(NamedTuple):
    """Pictures that show the same.

    Args:
        pairs: `(P, 2)`, positions, the smaller first, sorted.
        likeness: How far their thumbnails agree, `(P,)`, 0 to 1.
    """

    pairs: NDArray[np.int64]
    likeness: NDArray[np.float32]


def exact_copies(digests: Sequence[bytes]) -> list[NDArray[np.int64]]:
    """Positions of pictures of one content, a set for each content that comes twice or more; "" is no content."""
    holders: dict[bytes, list[int]] = {}
    for position, digest in enumerate(digests):
        if digest:
            holders.setdefault(digest, []).append(position)
    return [np.array(positions) for positions in holders.values() if len(positions) > 1]


def near_copies(thumbnails: NDArray[np.uint8]) -> Pairs:
    """Pairs of pictures that are copies of each other, perhaps re-encoded, rescaled, turned, mirrored, lightly cropped.

    Args:
        thumbnails: Small pictures, `(N, 32, 32, 3)`, uint8; of different contents, since many exact copies of one would
            hide its near ones.
    """
    pairs, at_first, crowd = _candidates(thumbnails)
    pairs, at_first = pairs[at_first >= _FIRST_LOOK], at_first[at_first >= _FIRST_LOOK]
    whole, detail = compare(thumbnails, pairs)
    apart = (1 - whole) <= CROWD * crowd[pairs].min(axis=1)
    copies = (whole >= WHOLE) & (detail >= DETAIL) & apart | (whole >= SURELY_WHOLE) & (detail >= SURELY_DETAIL)
    return Pairs(pairs[copies], whole[copies])


def clusters(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of the set of each of `count` pictures, `(count,)`, where pairs `(P, 2)` are in one set."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(edges, directed=False)[1].astype(np.int64)


def compare(thumbnails: NDArray[np.uint8], pairs: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How far the pictures of each pair agree, laid on each other as well as may be.

    Args:
        thumbnails: `(N, 32, 32, 3)`, uint8.
        pairs: `(P, 2)`.

    Returns:
        Correlations of the whole and of the detail, both `(P,)`.
    """
    whole, detail = np.empty(len(pairs), np.float32), np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), _BLOCK):
        block = slice(start, start + _BLOCK)
        ones, others = (thumbnails[pairs[block, side]].astype(np.float32) for side in (0, 1))
        ones = _best_position(ones, others)
        whole[block], detail[block] = _agreement(ones, others)
        unsure = np.flatnonzero((whole[block] < SURELY_WHOLE) | (detail[block] < SURELY_DETAIL))
        for one, other in ((ones[unsure], others[unsure]), (others[unsure], ones[unsure])):
            cut = _agreement(_best_cut(one, other), other)
            better = cut[0] > whole[block][unsure]
            whole[start + unsure[better]], detail[start + unsure[better]] = cut[0][better], cut[1][better]
    return whole, detail


def positions_of(thumbnails: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """The eight positions of square pictures `(N, S, S, C)`: four quarter-turns, each as it is and mirrored."""
    for mirrored in (thumbnails, thumbnails[:, :, ::-1]):
        for turns in range(4):
            yield np.rot90(mirrored, turns, axes=(1, 2))


def _candidates(
    thumbnails: NDArray[np.uint8],
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Neighbours without regard to position: pairs `(P, 2)`, their correlation at 8 x 8 in the best of the eight
    positions `(P,)`, and for each picture how far, 1 - correlation, the middle one of its candidates is `(N,)`.
    """
    crowd = np.zeros(len(thumbnails), np.float32)
    telling = np.flatnonzero(_flat(thumbnails).std(axis=1) >= _LEAST_CONTRAST)
    squares = np.concatenate([np.empty((0, 8, 8, 3), np.float32), *(
        _halved(_halved(thumbnails[telling[start : start + _BLOCK]].astype(np.float32)))
        for start in range(0, len(telling), _BLOCK)
    )])  # fmt: skip
    small = _standard(squares.reshape(len(telling), 8 * 8 * 3))
    _, neighbours = nearest(principal(_unturned(small), _DIMENSIONS), CANDIDATES)
    ones, others = np.repeat(np.arange(len(telling)), neighbours.shape[1]), neighbours.reshape(-1)
    best = np.full(len(ones), -1, np.float32)
    for start in range(0, len(ones), 16 * _BLOCK):
        block = slice(start, start + 16 * _BLOCK)
        target = small[others[block]]
        for position in positions_of(small[ones[block]].reshape(-1, 8, 8, 3)):
            alike = np.einsum("nd,nd->n", _flat(position), target)
            best[block] = np.maximum(best[block], alike)
    if neighbours.shape[1]:
        crowd[telling] = 1 - np.median(best.reshape(neighbours.shape), axis=1)
    pairs = np.stack([telling[np.minimum(ones, others)], telling[np.maximum(ones, others)]], axis=1)
    pairs, first = np.unique(pairs, axis=0, return_index=True)
    return pairs, best[first], crowd


def _unturned(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """What turning and mirroring leave the same: mean and deviation over the eight positions of each place."""
    side = np.arange(4)
    rows, columns = (axis[np.triu_indices(4)] for axis in np.meshgrid(side, side, indexing="ij"))
    eight = np.stack([position[:, rows, columns] for position in positions_of(small.reshape(-1, 8, 8, 3))])
    both = np.concatenate([eight.mean(axis=0), eight.std(axis=0)], axis=1)  # (N, 20, 3)
    return np.ascontiguousarray(_flat(both))


def _best_position(ones: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    target = _standard(_flat(_halved(others)))
    alike = [np.einsum("nd,nd->n", _standard(_flat(position)), target)
             for position in positions_of(_halved(ones))]  # fmt: skip
    best = np.argmax(alike, axis=0)
    turned = ones.copy()
    for which, position in enumerate(positions_of(ones)):
        turned[best == which] = position[best == which]
    return turned


def _agreement(
    ones: NDArray[np.float32], others: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Correlation of the pictures of each pair, and that of their detail, both `(P,)`."""
    whole, detail = (
        np.einsum("nd,nd->n", *(_standard(_flat(change(side))) for side in (ones, others)))
        for change in (np.asarray, _detail)
    )
    return whole, detail


def _detail(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Light without its 3 x 3 blur, halved first: what a resize and a JPEG leave of detail, `(N, 14, 14)`."""
    grey = _halved(pictures).mean(axis=3)  # (N, 16, 16)
    rows = grey[:, :-2] + grey[:, 1:-1] + grey[:, 2:]
    return np.asarray(grey[:, 1:-1, 1:-1] - (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / 9)


def _best_cut(ones: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first picture of each pair, cut as lightly as makes it most like the second, enlarged to 32 x 32 again."""
    grey = ones.mean(axis=3)
    halved = np.concatenate([_enlarging(*cut).reshape(16, 2, THUMBNAIL_SIDE).mean(axis=1) for cut in _CUTS])
    every = (grey @ halved.T).transpose(0, 2, 1) @ halved.T  # (n, K * 16 across, K * 16 down)
    every = every.reshape(len(ones), len(_CUTS), 16, len(_CUTS), 16).transpose(1, 3, 0, 4, 2)
    target = _standard(_flat(_halved(others).mean(axis=3)))
    alike = [np.einsum("nd,nd->n", _standard(_flat(every[across, down])), target)
             for across in range(len(_CUTS)) for down in range(len(_CUTS))]  # fmt: skip
    best = np.argmax(alike, axis=0)
    enlarge = np.stack([_enlarging(*cut) for cut in _CUTS])  # (K, 32, 32)
    across, down = enlarge[best // len(_CUTS)], enlarge[best % len(_CUTS)]
    cut = down[:, None] @ ones.transpose(0, 3, 1, 2) @ across[:, None].transpose(0, 1, 3, 2)
    return np.asarray(cut.transpose(0, 2, 3, 1))


def _enlarging(first: int, last: int) -> NDArray[np.float32]:
    """Linear interpolation of `THUMBNAIL_SIDE` places without the first and last few: `(32, 32)`."""
    places = first + (np.arange(THUMBNAIL_SIDE) + 0.5) / THUMBNAIL_SIDE * (THUMBNAIL_SIDE - first - last) - 0.5
    distance = np.abs(np.clip(places, 0, THUMBNAIL_SIDE - 1)[:, None] - np.arange(THUMBNAIL_SIDE))
    return np.asarray(np.maximum(1 - distance, 0), np.float32)


def _standard(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean 0 and length 1 for each, so that products are correlations; 0 where there is nothing but the mean."""
    centred = points - points.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-3))


def _halved(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(N, S, S, C)` to `(N, S / 2, S / 2, C)`, the mean of each four."""
    count, side, _, channels = pictures.shape
    return np.asarray(pictures.reshape(count, side // 2, 2, side // 2, 2, channels).mean(axis=(2, 4)))


def _flat(pictures: NDArray[Number]) -> NDArray[Number]:
    """`(N, ...)` to `(N, D)`, also of none."""
    return pictures.reshape(len(pictures), math.prod(pictures.shape[1:]))
