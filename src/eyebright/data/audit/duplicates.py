"""Copies of pictures: exact ones by digest; near ones (re-encoded, rescaled, turned, mirrored, cropped) by sight.

Near copies are looked for in two steps. Each thumbnail gives a description that turning and mirroring do not change;
neighbours in it are candidates. A candidate counts when the two thumbnails, laid on each other in the best of eight
positions and a few crops, agree as a whole and in their fine detail (two photographs of a bright sky agree as a whole),
and agree far better than either does with the others that look like it (so do two boots on white, or two faces).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.likeness import SURELY_DETAIL, SURELY_WHOLE, compare, flat, halved, positions_of, standard
from eyebright.data.audit.neighbours import Chosen, Thumbnails, blocks, nearest, principal
from eyebright.data.audit.progress import Progress, part
from eyebright.data.digests import Digests

CANDIDATES = 8  # neighbours looked at for each picture; larger families of copies chain
WHOLE, DETAIL = 0.96, 0.75  # least correlation of two copies' thumbnails, and of them without a 3 x 3 blur
CROWD = 0.35  # otherwise it differs by at most this part of what the middle one of its candidates does
_FIRST_LOOK = 0.8  # least correlation at 8 x 8 in one of the eight positions, where a light crop already costs much
_SHAPE = 0.5  # the same without the colour of the whole, which all pictures of a microscope share
_LEAST_CONTRAST = 4.0  # standard deviation below which a thumbnail shows nothing that could be compared
_DIMENSIONS = 16
_BLOCK = 2_048


class Pairs(NamedTuple):
    """Pictures that show the same.

    Args:
        pairs: `(P, 2)`, positions, the smaller first, sorted.
        likeness: How far their thumbnails agree, `(P,)`, 0 to 1.
    """

    pairs: NDArray[np.int64]
    likeness: NDArray[np.float32]


class Copies(NamedTuple):
    """Copies, exact and near ones.

    Args:
        first: The first picture of each one's content, `(N,)`.
        near: Near copies among these.
    """

    first: NDArray[np.int64]
    near: Pairs

    @property
    def exact(self) -> NDArray[np.int64]:
        """Pairs of the first picture of a content and each further one, `(P, 2)`."""
        further = np.flatnonzero(self.first != np.arange(len(self.first)))
        return np.stack([self.first[further], further], axis=1)

    @property
    def pairs(self) -> NDArray[np.int64]:
        """Pairs that connect all copies of each picture, `(P, 2)`."""
        return np.concatenate([self.exact, self.near.pairs])


def copies(thumbnails: Thumbnails, digests: Sequence[bytes], progress: Progress | None = None) -> Copies:
    """All copies among pictures; whatever the order of these, the same.

    Args:
        thumbnails: Small pictures, `(N, 32, 32, 3)`, uint8.
        digests: Content of each picture, N times 16 bytes.
        progress: Called with the share that is done.
    """
    _, single, content = np.unique(Digests.of(digests).ranks(), return_index=True, return_inverse=True)
    near = near_copies(Chosen(thumbnails, single), progress)
    return Copies(single[content], Pairs(single[near.pairs], near.likeness))


def exact_copies(digests: Sequence[bytes]) -> list[NDArray[np.int64]]:
    """Positions of pictures of one content, a set for each content that comes twice or more; "" is no content."""
    known = Digests.of(digests)
    ranks = known.ranks()
    order = np.argsort(ranks, kind="stable")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(ranks[order])) + 1])
    ends = np.append(starts[1:], len(order))
    sets = [order[starts[run] : ends[run]] for run in np.flatnonzero(ends - starts > 1).tolist()]
    return sorted((one for one in sets if known[int(one[0])]), key=lambda one: int(one[0]))


def near_copies(thumbnails: Thumbnails, progress: Progress | None = None) -> Pairs:
    """Pairs of pictures that are copies of each other, perhaps re-encoded, rescaled, turned, mirrored, lightly cropped.

    Args:
        thumbnails: Small pictures, `(N, 32, 32, 3)`, uint8; of different contents, since many exact copies of one would
            hide its near ones.
        progress: Called with the share that is done.
    """
    pairs, crowd = _candidates(thumbnails, part(progress, 0, 0.5))
    whole, detail = compare(thumbnails, pairs, part(progress, 0.5, 1))
    apart = (1 - whole) <= CROWD * crowd[pairs].min(axis=1)
    copies = (whole >= WHOLE) & (detail >= DETAIL) & apart | (whole >= SURELY_WHOLE) & (detail >= SURELY_DETAIL)
    return Pairs(pairs[copies], whole[copies])


def clusters(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of the set of each of `count` pictures, `(count,)`, where pairs `(P, 2)` are in one set."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(edges, directed=False)[1].astype(np.int64)


def chains(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs `(P, 2)` that connect the pictures of each group; `groups` has its number, -1 for none, `(N,)`."""
    grouped = np.flatnonzero(groups >= 0)
    _, first, group = np.unique(groups[grouped], return_index=True, return_inverse=True)
    return np.stack([grouped[first][group], grouped], axis=1)


def _candidates(thumbnails: Thumbnails, progress: Progress | None) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Neighbours without regard to position which agree at 8 x 8 in the best of the eight positions: pairs `(P, 2)`;
    and for each picture how far, 1 - correlation, the middle one of its neighbours is `(N,)`.
    """
    crowd = np.zeros(len(thumbnails), np.float32)
    telling, small = _telling(thumbnails)
    described = principal(lambda where: _unturned(small.of(where)), len(telling), _DIMENSIONS)
    _, neighbours = nearest(described, CANDIDATES, part(progress, 0, 0.7))
    found = [np.empty((0, 2), np.int64)]
    for block in blocks(len(telling) if neighbours.shape[1] else 0, _BLOCK):
        others = neighbours[block].reshape(-1)
        ones = np.repeat(block, neighbours.shape[1])
        every = small.of(others).reshape(len(block), -1, 8 * 8 * 3)
        alike = _best(small.of(block), every)  # (n, CANDIDATES)
        crowd[telling[block]] = 1 - np.median(alike, axis=1)
        near = np.flatnonzero(alike >= _FIRST_LOOK)
        shapes = _best(_colourless(small.of(ones[near])), _colourless(small.of(others[near]))[:, None])[:, 0]
        near = near[shapes >= _SHAPE]
        pairs = np.stack([telling[ones[near]], telling[others[near]]], axis=1)
        found.append(np.sort(pairs, axis=1))
        if progress:
            progress(0.7 + 0.3 * (block[-1] + 1) / len(telling))
    codes = np.unique(np.concatenate(found) @ [len(thumbnails), 1])
    return np.stack(np.divmod(codes, max(len(thumbnails), 1)), axis=1), crowd


class _Small(NamedTuple):
    """Pictures at 8 x 8, `(N, 192)`, float16."""

    values: NDArray[np.float16]

    def of(self, where: NDArray[np.int64]) -> NDArray[np.float32]:
        """Some of them with mean 0 and length 1."""
        return standard(self.values[where].astype(np.float32))


def _telling(thumbnails: Thumbnails) -> tuple[NDArray[np.int64], _Small]:
    """Positions of the pictures that show something, and these at 8 x 8."""
    telling, small, done = np.empty(len(thumbnails), np.int64), np.empty((len(thumbnails), 8 * 8 * 3), np.float16), 0
    for block in blocks(len(thumbnails), _BLOCK):
        full = thumbnails[block]
        showing = flat(full).std(axis=1, dtype=np.float32) >= _LEAST_CONTRAST
        place = slice(done, done := done + int(showing.sum()))
        telling[place] = block[showing]
        small[place] = flat(halved(halved(full[showing].astype(np.float32))))
    return telling[:done], _Small(small[:done])


def _best(ones: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlation of pictures at 8 x 8, `(n, 192)`, each in the best of its eight positions, with others of each,
    `(n, K, 192)`: `(n, K)`.
    """
    eight = np.stack([flat(position) for position in positions_of(ones.reshape(-1, 8, 8, 3))], axis=2)  # (n, 192, 8)
    return np.asarray((others @ eight).max(axis=2))


def _colourless(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pictures at 8 x 8 without the mean of each channel, of length 1 again."""
    pictures = small.reshape(-1, 8 * 8, 3)
    return standard(flat(pictures - pictures.mean(axis=1, keepdims=True)))


def _unturned(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """What turning and mirroring leave the same: mean and deviation over the eight positions of each place."""
    side = np.arange(4)
    rows, columns = (axis[np.triu_indices(4)] for axis in np.meshgrid(side, side, indexing="ij"))
    eight = np.stack([position[:, rows, columns] for position in positions_of(small.reshape(-1, 8, 8, 3))])
    both = np.concatenate([eight.mean(axis=0), eight.std(axis=0)], axis=1)  # (N, 20, 3)
    return np.ascontiguousarray(flat(both))
