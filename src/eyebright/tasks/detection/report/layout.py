"""Where the labels of boxes stand in a picture: not on each other, not over its edge, hiding as little as possible."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eyebright.tasks.detection.geometry.boxes import intersections

_PREFERENCE = 0.01  # what a place costs more than the one before it, as a share of the label


def place_labels(
    boxes: NDArray[np.float64], sizes: Sequence[Sequence[tuple[float, float]]], width: float, height: float
) -> list[tuple[int, float, float] | None]:
    """Places for the labels of boxes, the most important box first.

    A label stands at its box: above, below, beside, or in a corner. Of the places that are free, it takes the one that
    hides least of all boxes; where no place is free, its next form is tried.

    Args:
        boxes: `(n, 4)`, x1 y1 x2 y2, in pixels of the picture.
        sizes: For each box, the width and height of the forms of its label in pixels, the preferred one first.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.

    Returns:
        For each box, which form of its label is used, and its left and top; None where none has room.
    """
    taken = np.zeros((0, 4))
    places: list[tuple[int, float, float] | None] = []
    for box, forms in zip(boxes, sizes, strict=True):
        places.append(None)
        for form, size in enumerate(forms):
            labels = _candidates(box, size, width, height)
            labels = labels[~(intersections(labels, taken) > 0).any(axis=1)]
            if len(labels):
                hidden = intersections(labels, boxes).sum(axis=1) / (size[0] * size[1])
                best = labels[int(np.argmin(hidden + _PREFERENCE * np.arange(len(labels))))]
                taken = np.vstack([taken, best])
                places[-1] = form, float(best[0]), float(best[1])
                break
    return places


def _candidates(
    box: NDArray[np.float64], size: tuple[float, float], width: float, height: float
) -> NDArray[np.float64]:
    """The places of a label at its box, `(k, 4)`, the preferred one first; those that are within the picture."""
    (x1, y1, x2, y2), (wide, high) = box, size
    across = np.clip([x1, x2 - wide], 0, max(width - wide, 0))  # along the box it is shifted into the picture
    down = np.clip([y1, y2 - high], 0, max(height - high, 0))
    above_and_below = [(left, top) for top in (y1 - high, y2) for left in across]
    beside = [(left, top) for left in (x2, x1 - wide) for top in down]
    within = [(left, top) for top in (y1, y2 - high) for left in across]
    corners = np.array(above_and_below + beside + within)
    found = np.concatenate([corners, corners + size], axis=1)
    return found[(corners >= 0).all(axis=1) & (found[:, 2] <= width) & (found[:, 3] <= height)]
