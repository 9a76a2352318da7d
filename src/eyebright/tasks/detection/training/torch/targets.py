"""What the maps of a detector should be: for each class a hill at the centre of each box, and the boxes themselves.

Source: Liu et al. 2020, "Training-Time-Friendly Network for Real-Time Object Detection", section 3: the hill is a
Gaussian whose deviations are `SPREAD / 6` of the sides of the box; pixels within it learn the box, weighted by the hill
and by the logarithm of the area. Where boxes overlap, a pixel learns the smaller one.
"""

import math

import numpy as np
from numpy.typing import NDArray

from eyebright.tasks.detection.geometry.boxes import areas

SPREAD = 0.54
NOT_LEARNED = 0.999
"""The height of a hill where nothing is learned: of a region that does not count."""
EXTRA = 5
"""Maps beside those of the classes: x1, y1, x2, y2, and the weight of the box."""
_NARROWEST = 0.2  # pixels of the maps


def targets(
    corners: NDArray[np.float64],
    labels: NDArray[np.int64],
    ignored: NDArray[np.float64],
    *,
    num_classes: int,
    size: int,
    stride: int,
) -> NDArray[np.float32]:
    """The target maps of one image.

    Args:
        corners: x1, y1, x2, y2 of each box in pixels of the square image, `(n, 4)`.
        labels: The class of each, `(n,)`.
        ignored: Corners of the regions that do not count, `(m, 4)`.
        num_classes: Number of classes.
        size: Pixels of the maps along each side.
        stride: Pixels of the image for each of them.

    Returns:
        `(num_classes + 5, size, size)`: a hill of height 1 for each box, then x1, y1, x2, y2 of the box that a pixel
        learns, and its weight, 0 where it learns none.
    """
    maps = np.zeros((num_classes + EXTRA, size, size), np.float32)
    for x1, y1, x2, y2 in ignored / stride:
        maps[:num_classes, _pixels(y1, y2, size), _pixels(x1, x2, size)] = NOT_LEARNED
    weight = maps[-1]
    area = areas(corners)
    for index in np.argsort(-area, kind="stable").tolist():
        hill = _hill(corners[index] / stride, size)
        np.maximum(maps[labels[index]], hill, out=maps[labels[index]])
        inside = hill > 0
        weight[inside] = (hill * (math.log1p(max(area[index], 1.0)) / hill.sum()))[inside]
        maps[num_classes:-1, inside] = corners[index][:, None]
    return maps


def _hill(corners: NDArray[np.float64], size: int) -> NDArray[np.float32]:
    """A Gaussian within the inner part of a box in pixels of the maps, 1 at the pixel of the centre."""
    lines = []
    for low, high in (corners[[1, 3]], corners[[0, 2]]):
        centre = min(int((low + high) / 2), size - 1)
        distance = np.arange(size) - centre
        line = np.exp(-(distance**2) / (2 * max(SPREAD * (high - low) / 6, _NARROWEST) ** 2))
        lines.append(line * (np.abs(distance) <= int(SPREAD / 2 * (high - low))))
    hill: NDArray[np.float32] = np.outer(*lines).astype(np.float32)
    return hill


def _pixels(low: float, high: float, size: int) -> slice:
    return slice(max(math.floor(low), 0), min(math.ceil(high), size))
