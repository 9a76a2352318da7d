"""What the maps of a detector should be: a heatmap for each class, and the boxes themselves.

Source: Liu et al. 2020, "Training-Time-Friendly Network for Real-Time Object Detection", section 3: each box is
a Gaussian in the heatmap of its class, with deviations of `SPREAD / 6` of its sides. Pixels within it learn the box,
weighted by the Gaussian and by the logarithm of the area. Where boxes overlap, a pixel learns the smaller one.
"""

import math

import numpy as np
from numpy.typing import NDArray

from eyebright.tasks.detection.geometry.boxes import areas

SPREAD = 0.54
NOT_LEARNED = 0.999
"""The value of a heatmap where nothing is learned: in a region that does not count."""
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
        `(num_classes + 5, size, size)`: the heatmaps, 1 at the centre of each box; then x1, y1, x2, y2 of the box
        that a pixel learns, and its weight, 0 where it learns none.
    """
    maps = np.zeros((num_classes + EXTRA, size, size), np.float32)
    for x1, y1, x2, y2 in ignored / stride:
        maps[:num_classes, _pixels(y1, y2, size), _pixels(x1, x2, size)] = NOT_LEARNED
    weight = maps[-1]
    area = areas(corners)
    for index in np.argsort(-area, kind="stable").tolist():
        gaussian = _gaussian(corners[index] / stride, size)
        np.maximum(maps[labels[index]], gaussian, out=maps[labels[index]])
        inside = gaussian > 0
        weight[inside] = (gaussian * (math.log1p(max(area[index], 1.0)) / gaussian.sum()))[inside]
        maps[num_classes:-1, inside] = corners[index][:, None]
    return maps


def _gaussian(corners: NDArray[np.float64], size: int) -> NDArray[np.float32]:
    """A Gaussian within the inner part of a box in pixels of the maps, 1 at the pixel of the centre."""
    lines = []
    for low, high in (corners[[1, 3]], corners[[0, 2]]):
        centre = min(int((low + high) / 2), size - 1)
        distance = np.arange(size) - centre
        line = np.exp(-(distance**2) / (2 * max(SPREAD * (high - low) / 6, _NARROWEST) ** 2))
        lines.append(line * (np.abs(distance) <= int(SPREAD / 2 * (high - low))))
    gaussian: NDArray[np.float32] = np.outer(*lines).astype(np.float32)
    return gaussian


def _pixels(low: float, high: float, size: int) -> slice:
    return slice(max(math.floor(low), 0), min(math.ceil(high), size))
