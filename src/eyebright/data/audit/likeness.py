"""How far two pictures agree: their thumbnails laid on each other in the best of eight positions and a few crops."""

import math
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.neighbours import Thumbnails
from eyebright.data.audit.progress import Progress
from eyebright.data.pictures.prints import THUMBNAIL_SIDE

Number = TypeVar("Number", np.uint8, np.float32)
SURELY_WHOLE, SURELY_DETAIL = 0.99, 0.92  # above both a pair is one of copies however many others look like it
_BLOCK = 512
_CUTS = ((0, 0), (1, 1), (2, 2), (3, 3), (0, 2), (2, 0))  # of 32 rows or columns, taken from the two ends


def compare(
    thumbnails: Thumbnails, pairs: NDArray[np.int64], progress: Progress | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How far the pictures of each pair agree, laid on each other as well as may be.

    Args:
        thumbnails: `(N, 32, 32, 3)`, uint8.
        pairs: `(P, 2)`.
        progress: Called with the share that is done.

    Returns:
        Correlations of the whole and of the detail, both `(P,)`.
    """
    whole, detail = np.empty(len(pairs), np.float32), np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), _BLOCK):
        if progress:
            progress(start / len(pairs))
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


def _best_position(ones: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    target = standard(flat(halved(others)))
    alike = [np.einsum("nd,nd->n", standard(flat(position)), target)
             for position in positions_of(halved(ones))]  # fmt: skip
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
        np.einsum("nd,nd->n", *(standard(flat(change(side))) for side in (ones, others)))
        for change in (np.asarray, _detail)
    )
    return whole, detail


def _detail(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Light without its 3 x 3 blur, halved first: what a resize and a JPEG leave of detail, `(N, 14, 14)`."""
    grey = grey_of(halved(pictures))  # (N, 16, 16)
    rows = grey[:, :-2] + grey[:, 1:-1] + grey[:, 2:]
    return np.asarray(grey[:, 1:-1, 1:-1] - (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / 9)


def _best_cut(ones: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first picture of each pair, cut as lightly as makes it most like the second, enlarged to 32 x 32 again."""
    grey = grey_of(ones)
    smaller = np.concatenate([_enlarging(*cut).reshape(16, 2, THUMBNAIL_SIDE).mean(axis=1) for cut in _CUTS])
    every = (grey @ smaller.T).transpose(0, 2, 1) @ smaller.T  # (n, K * 16 across, K * 16 down)
    every = every.reshape(len(ones), len(_CUTS), 16, len(_CUTS), 16).transpose(1, 3, 0, 4, 2)
    target = standard(flat(grey_of(halved(others))))
    alike = [np.einsum("nd,nd->n", standard(flat(every[across, down])), target)
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


def standard(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean 0 and length 1 for each, so that products are correlations; 0 where there is nothing but the mean."""
    centred = points - points.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-3))


def halved(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(N, S, S, C)` to `(N, S / 2, S / 2, C)`, the mean of each four."""
    rows = pictures[:, ::2] + pictures[:, 1::2]
    return np.asarray((rows[:, :, ::2] + rows[:, :, 1::2]) / 4)


def grey_of(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(N, S, S, 3)` to `(N, S, S)`, the mean of the channels."""
    return np.asarray((pictures[..., 0] + pictures[..., 1] + pictures[..., 2]) / 3)


def flat(pictures: NDArray[Number]) -> NDArray[Number]:
    """`(N, ...)` to `(N, D)`, also of none."""
    return pictures.reshape(len(pictures), math.prod(pictures.shape[1:]))
