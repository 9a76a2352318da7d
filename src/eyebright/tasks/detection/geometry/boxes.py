"""Boxes of one image: in pixels of the upright original, the same numbers whatever file they were read from.

The left upper corner of the image is (0, 0), its right lower one (width, height): a box around the first pixel is
(0, 0, 1, 1).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

DECIMALS = 2  # of a pixel: what all formats can express
Reason: TypeAlias = Literal[
    "no image", "not numbers", "unknown class", "other size", "no area", "outside", "over the edge", "twice",
    "difficult", "crowd",
]  # fmt: skip
REASONS: dict[Reason, str] = {
    "no image": "its image is missing or cannot be opened",
    "not numbers": "its corners are not four finite numbers",
    "unknown class": "it names no class of the set",
    "other size": "the file states another size than the image has",
    "no area": "it is at most one pixel wide or high",
    "outside": "it lies outside the image",
    "over the edge": "it goes over the edge by more than 1% of the side",
    "twice": "the same box with the same class is there already",
    "difficult": "marked as difficult: left out of training and evaluation",
    "crowd": "marked as a crowd: left out of training and evaluation",
}
"""Why a box is not used, in the order in which boxes are checked."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """The boxes of one image.

    Args:
        corners: x1, y1, x2, y2 of each, `(n, 4)`, float64; x to the right, y down.
        labels: For each the position of its class, `(n,)`, int64.
    """

    corners: NDArray[np.float64]
    labels: NDArray[np.int64]

    @classmethod
    def of(cls, corners: Sequence[Sequence[float]] | NDArray[np.float64], labels: Sequence[int]) -> "Boxes":
        """Boxes to a hundredth of a pixel and sorted by corners and class, so that equal sets are equal arrays."""
        exact = np.round(np.asarray(corners, np.float64).reshape(-1, 4), DECIMALS) + 0.0  # no negative zeros
        numbers = np.asarray(labels, np.int64)
        order = np.lexsort((numbers, *exact.T[::-1]))
        return cls(exact[order], numbers[order])

    def __post_init__(self) -> None:
        for name in ("corners", "labels"):
            own = getattr(self, name).copy()  # the caller's may be changed later
            own.flags.writeable = False
            object.__setattr__(self, name, own)

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> "Boxes":
        """Some of the boxes."""
        return Boxes(self.corners[chosen], self.labels[chosen])

    def moved(self, corners: NDArray[np.float64]) -> "Boxes":
        """The same objects at other corners, such as those in a resized image."""
        return replace(self, corners=corners)


NO_BOXES = Boxes.of([], [])


class Unused(NamedTuple):
    """A box that is not used.

    Args:
        image: The name of its image, or of the file with the labels where there is no image.
        reason: Why, a key of `REASONS`.
        box: The box as the file gives it, and details.
    """

    image: str
    reason: Reason
    box: str


def areas(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """The area of each box in square pixels, `(n,)`; 0 where the corners are in the wrong order."""
    sides = np.maximum(corners[:, 2:] - corners[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float64)


def iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of each box of one set with each of another, 0 to 1.

    Args:
        first: Corners, `(n, 4)`.
        second: Corners, `(m, 4)`.

    Returns:
        `(n, m)`; 0 where both have no area.
    """
    common = intersections(first, second)
    union = areas(first)[:, None] + areas(second)[None] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def intersections(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """The area that each box of one set shares with each of another, `(n, m)`; arguments as in `iou`."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float64)
