"""How similar two images are: the correlation of their thumbnails in the best of eight orientations and a few crops."""

import math
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.neighbours import ThumbnailArray
from eyebright.data.pictures.prints import THUMBNAIL_SIDE
from eyebright.system.progress import ReportShare, quiet_share

Number = TypeVar("Number", np.uint8, np.float32)
CERTAIN_WHOLE, CERTAIN_DETAIL = 0.99, 0.92  # above both, a pair is a near-duplicate whatever else looks like it
LEAST_CONTRAST = 4.0  # standard deviation of levels, 0 to 255: an image with less shows nothing to compare
_BLOCK = 512
_CROPS = ((0, 0), (1, 1), (2, 2), (3, 3), (0, 2), (2, 0))  # of 32 rows or columns, removed at the two ends


def compare(
    thumbnails: ThumbnailArray, pairs: NDArray[np.int64], report: ReportShare = quiet_share
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compare the two images of each pair in the orientation and crop in which they agree best.

    Args:
        thumbnails: `(N, 32, 32, 3)`, uint8.
        pairs: Positions of two images in each row, `(P, 2)`.
        report: Called with the share of the work that is done.

    Returns:
        Correlation of the whole images and of their fine detail, both `(P,)`.
    """
    whole, detail = np.empty(len(pairs), np.float32), np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), _BLOCK):
        report(start / len(pairs))
        block = slice(start, start + _BLOCK)
        ones, others = (thumbnails[pairs[block, side]].astype(np.float32) for side in (0, 1))
        ones = _best_orientation(ones, others)
        whole[block], detail[block] = _correlations(ones, others)
        unsure = np.flatnonzero((whole[block] < CERTAIN_WHOLE) | (detail[block] < CERTAIN_DETAIL))
        for one, other in ((ones[unsure], others[unsure]), (others[unsure], ones[unsure])):
            cropped = _correlations(_best_crop(one, other), other)
            better = cropped[0] > whole[block][unsure]
            whole[start + unsure[better]], detail[start + unsure[better]] = cropped[0][better], cropped[1][better]
    return whole, detail


def orientations(images: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """The eight orientations of square images `(N, S, S, C)`: four quarter-turns, each also mirrored."""
    for mirrored in (images, images[:, :, ::-1]):
        for turns in range(4):
            yield np.rot90(mirrored, turns, axes=(1, 2))


def standard(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Points `(N, D)` with mean 0 and length 1, so that dot products are correlations; constant points become 0."""
    centred = points - points.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-3))


def halved(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(N, S, S, C)` to `(N, S / 2, S / 2, C)`, the mean of each 2 x 2 pixels."""
    rows = images[:, ::2] + images[:, 1::2]
    return np.asarray((rows[:, :, ::2] + rows[:, :, 1::2]) / 4)


def without_orientation(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """What turning and mirroring do not change: mean and deviation of each place over the orientations, `(n, 60)`."""
    side = np.arange(4)
    rows, columns = (axis[np.triu_indices(4)] for axis in np.meshgrid(side, side, indexing="ij"))
    eight = np.stack([turned[:, rows, columns] for turned in orientations(small.reshape(-1, 8, 8, 3))])
    both = np.concatenate([eight.mean(axis=0), eight.std(axis=0)], axis=1)  # (n, 20, 3)
    return np.ascontiguousarray(flat(both))


def grey_of(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(N, S, S, 3)` to `(N, S, S)`, the mean of the channels."""
    return np.asarray((images[..., 0] + images[..., 1] + images[..., 2]) / 3)


def flat(images: NDArray[Number]) -> NDArray[Number]:
    """`(N, ...)` to `(N, D)`; N may be 0."""
    return images.reshape(len(images), math.prod(images.shape[1:]))


def _best_orientation(ones: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first image of each pair, in the orientation that correlates best with the second."""
    target = standard(flat(halved(others)))
    correlations = [np.einsum("nd,nd->n", standard(flat(turned)), target) for turned in orientations(halved(ones))]
    best = np.argmax(correlations, axis=0)
    found = ones.copy()
    for which, turned in enumerate(orientations(ones)):
        found[best == which] = turned[best == which]
    return found


def _correlations(
    ones: NDArray[np.float32], others: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Correlation of the whole images of each pair, and of their detail, both `(P,)`."""
    whole, detail = (
        np.einsum("nd,nd->n", *(standard(flat(change(side))) for side in (ones, others)))
        for change in (np.asarray, _detail)
    )
    return whole, detail


def _detail(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grey without its 3 x 3 blur, at half size: the detail that survives resizing and JPEG, `(N, 14, 14)`."""
    grey = grey_of(halved(images))  # (N, 16, 16)
    rows = grey[:, :-2] + grey[:, 1:-1] + grey[:, 2:]
    return np.asarray(grey[:, 1:-1, 1:-1] - (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / 9)


def _best_crop(ones: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first image of each pair, in the crop that correlates best with the second, enlarged to 32 x 32 again."""
    grey = grey_of(ones)
    smaller = np.concatenate([_enlarging(*crop).reshape(16, 2, THUMBNAIL_SIDE).mean(axis=1) for crop in _CROPS])
    every = (grey @ smaller.T).transpose(0, 2, 1) @ smaller.T  # (n, K * 16 across, K * 16 down)
    every = every.reshape(len(ones), len(_CROPS), 16, len(_CROPS), 16).transpose(1, 3, 0, 4, 2)
    target = standard(flat(grey_of(halved(others))))
    correlations = [
        np.einsum("nd,nd->n", standard(flat(every[across, down])), target)
        for across in range(len(_CROPS))
        for down in range(len(_CROPS))
    ]
    best = np.argmax(correlations, axis=0)
    enlarge = np.stack([_enlarging(*crop) for crop in _CROPS])  # (K, 32, 32)
    across, down = enlarge[best // len(_CROPS)], enlarge[best % len(_CROPS)]
    cropped = down[:, None] @ ones.transpose(0, 3, 1, 2) @ across[:, None].transpose(0, 1, 3, 2)
    return np.asarray(cropped.transpose(0, 2, 3, 1))


def _enlarging(first: int, last: int) -> NDArray[np.float32]:
    """The matrix that removes the first and last few of 32 places and interpolates the rest linearly: `(32, 32)`."""
    places = first + (np.arange(THUMBNAIL_SIDE) + 0.5) / THUMBNAIL_SIDE * (THUMBNAIL_SIDE - first - last) - 0.5
    distance = np.abs(np.clip(places, 0, THUMBNAIL_SIDE - 1)[:, None] - np.arange(THUMBNAIL_SIDE))
    return np.asarray(np.maximum(1 - distance, 0), np.float32)
