"""Duplicates: exact ones by digest; near-duplicates (re-encoded, resized, turned, mirrored, cropped) by comparison.

Near-duplicates are found in two steps. Each thumbnail gets a description that does not change when the image is turned
or mirrored; its nearest neighbours are candidates. A candidate is a near-duplicate if the two thumbnails, in the best
of eight orientations and a few crops, agree as a whole and in fine detail (two photographs of a bright sky agree as a
whole), and agree far better than either does with its other candidates (many boots on white look alike).

Images of one shot in other crops, light and colours are found by registration (`eyebright.data.audit.registration`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.neighbours import Selected, ThumbnailArray, blocks, nearest, principal
from eyebright.data.audit.registration import find_shots
from eyebright.data.audit.similarity import (
    CERTAIN_DETAIL,
    CERTAIN_WHOLE,
    LEAST_CONTRAST,
    compare,
    flat,
    halved,
    orientations,
    standard,
    without_orientation,
)
from eyebright.data.digests import Digests
from eyebright.system.progress import ReportShare, part_of, quiet_share

CANDIDATES = 8  # neighbours compared with each image; larger sets of duplicates are found as chains
WHOLE, DETAIL = 0.96, 0.75  # least correlation of the thumbnails of two near-duplicates, and of their detail
CROWD = 0.35  # most difference (1 - correlation) of two near-duplicates, over that of an image's median candidate
_COARSE = 0.8  # least correlation of candidates at 8 x 8 in one of the orientations: a light crop costs much there
_COARSE_SHAPE = 0.5  # the same without the mean colour, which all images of a microscope share
_DIMENSIONS = 16
_BLOCK = 2_048


class Pairs(NamedTuple):
    """Pairs of near-duplicates.

    Args:
        pairs: Positions of two images in each row, the smaller first, sorted, `(P, 2)`.
        similarity: Correlation of their thumbnails, `(P,)`, 0 to 1.
    """

    pairs: NDArray[np.int64]
    similarity: NDArray[np.float32]


class Duplicates(NamedTuple):
    """Exact duplicates and near-duplicates.

    Args:
        first: Position of the first image with the same content as each image, `(N,)`.
        near: Near-duplicates among the first images of each content.
    """

    first: NDArray[np.int64]
    near: Pairs

    @property
    def exact(self) -> NDArray[np.int64]:
        """Pairs of the first image of a content and each further one, `(P, 2)`."""
        further = np.flatnonzero(self.first != np.arange(len(self.first)))
        return np.stack([self.first[further], further], axis=1)

    @property
    def pairs(self) -> NDArray[np.int64]:
        """Pairs that connect all duplicates of each image, exact and near, `(P, 2)`."""
        return np.concatenate([self.exact, self.near.pairs])


def find_duplicates(
    thumbnails: ThumbnailArray, digests: Sequence[bytes], report: ReportShare = quiet_share
) -> Duplicates:
    """Find all duplicates; the result does not depend on the order of the images.

    Args:
        thumbnails: `(N, 32, 32, 3)`, uint8.
        digests: Digest of each image's content, N times 16 bytes.
        report: Called with the share of the work that is done.
    """
    _, single, content = np.unique(Digests.of(digests).ranks(), return_index=True, return_inverse=True)
    near = find_near_duplicates(Selected(thumbnails, single), report)
    return Duplicates(single[content], Pairs(single[near.pairs], near.similarity))


def exact_duplicates(digests: Sequence[bytes]) -> list[NDArray[np.int64]]:
    """Positions of the images of each content that occurs at least twice, in order; "" is no content."""
    known = Digests.of(digests)
    ranks = known.ranks()
    order = np.argsort(ranks, kind="stable")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(ranks[order])) + 1])
    ends = np.append(starts[1:], len(order))
    sets = [order[starts[run] : ends[run]] for run in np.flatnonzero(ends - starts > 1).tolist()]
    return sorted((one for one in sets if known[int(one[0])]), key=lambda one: int(one[0]))


def find_near_duplicates(thumbnails: ThumbnailArray, report: ReportShare = quiet_share) -> Pairs:
    """Find pairs of near-duplicates.

    Args:
        thumbnails: `(N, 32, 32, 3)`, uint8, of different contents: many exact duplicates of one image would take the
            places of its other candidates.
        report: Called with the share of the work that is done.
    """
    pairs, crowd = _candidates(thumbnails, part_of(report, 0, 0.25))
    whole, detail = compare(thumbnails, pairs, part_of(report, 0.25, 0.5))
    distinct = (1 - whole) <= CROWD * crowd[pairs].min(axis=1)
    near = (whole >= WHOLE) & (detail >= DETAIL) & distinct | (whole >= CERTAIN_WHOLE) & (detail >= CERTAIN_DETAIL)
    shots, agreement = find_shots(thumbnails, part_of(report, 0.5, 1))
    every = np.concatenate([pairs[near], shots])
    unique, first = np.unique(every, axis=0, return_index=True)
    return Pairs(unique, np.concatenate([whole[near], agreement])[first])


def _candidates(thumbnails: ThumbnailArray, report: ReportShare) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Pairs to compare, `(P, 2)`: neighbours in any orientation that agree at 8 x 8 in the best of the eight.

    Also the difference, 1 - correlation, between each image and the median of its neighbours, `(N,)`.
    """
    crowd = np.zeros(len(thumbnails), np.float32)
    shown, small = _with_contrast(thumbnails)
    described = principal(lambda where: without_orientation(_at(small, where)), len(shown), _DIMENSIONS)
    _, neighbours = nearest(described, CANDIDATES, part_of(report, 0, 0.7))
    found = [np.empty((0, 2), np.int64)]
    for block in blocks(len(shown) if neighbours.shape[1] else 0, _BLOCK):
        others = neighbours[block].reshape(-1)
        ones = np.repeat(block, neighbours.shape[1])
        correlations = _best_correlation(_at(small, block), _at(small, others).reshape(len(block), -1, 8 * 8 * 3))
        crowd[shown[block]] = 1 - np.median(correlations, axis=1)
        near = np.flatnonzero(correlations >= _COARSE)
        shapes = [_colourless(_at(small, where[near])) for where in (ones, others)]
        near = near[_best_correlation(shapes[0], shapes[1][:, None])[:, 0] >= _COARSE_SHAPE]
        pairs = np.stack([shown[ones[near]], shown[others[near]]], axis=1)
        found.append(np.sort(pairs, axis=1))
        report(0.7 + 0.3 * (block[-1] + 1) / len(shown))
    codes = np.unique(np.concatenate(found) @ [len(thumbnails), 1])
    return np.stack(np.divmod(codes, max(len(thumbnails), 1)), axis=1), crowd


def _with_contrast(thumbnails: ThumbnailArray) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
    """Positions of the n images that show something, `(n,)`, and these images at 8 x 8, `(n, 192)`."""
    shown, small, done = np.empty(len(thumbnails), np.int64), np.empty((len(thumbnails), 8 * 8 * 3), np.float16), 0
    for block in blocks(len(thumbnails), _BLOCK):
        full = thumbnails[block]
        enough = flat(full).std(axis=1, dtype=np.float32) >= LEAST_CONTRAST
        place = slice(done, done := done + int(enough.sum()))
        shown[place] = block[enough]
        small[place] = flat(halved(halved(full[enough].astype(np.float32))))
    return shown[:done], small[:done]


def _at(small: NDArray[np.float16], where: NDArray[np.int64]) -> NDArray[np.float32]:
    """Some of the images at 8 x 8, with mean 0 and length 1, `(n, 192)`."""
    return standard(small[where].astype(np.float32))


def _best_correlation(ones: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlation in the best orientation of images at 8 x 8, `(n, 192)`, with K others each, `(n, K, 192)`."""
    eight = np.stack([flat(turned) for turned in orientations(ones.reshape(-1, 8, 8, 3))], axis=2)  # (n, 192, 8)
    return np.asarray((others @ eight).max(axis=2))


def _colourless(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images at 8 x 8 without the mean of each channel, with length 1 again, `(n, 192)`."""
    images = small.reshape(-1, 8 * 8, 3)
    return standard(flat(images - images.mean(axis=1, keepdims=True)))
