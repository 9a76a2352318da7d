"""Detecting: what a graph computes after the maps of a detector. Plain numbers, from which `network.onnx` makes nodes.

For each pixel of its output a detector gives a logit for each class and four numbers for the sides of a box. The score
of a class is the sigmoid of its logit. The distance from the centre of the pixel to a side is `stride * exp(number)`
pixels of the input, so that an error counts in proportion to the size of the box (Tian et al. 2019, "FCOS: Fully
Convolutional One-Stage Object Detection").
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.network.graph import Network
from eyebright.system.errors import NetworkError

SCORES, BOXES = "scores", "boxes"
"""The outputs of a detector's graph."""
BOX_CHANNELS = 4
"""Maps for the sides of boxes: left, upper, right and lower. They come after those of the classes."""
LARGEST = 6.0
"""The largest number that counts: e^6 times the stride is more than any image has pixels, and its square is finite."""


class Detecting(NamedTuple):
    """How a graph comes from maps to scores and boxes.

    Args:
        stride: Pixels of the input for each pixel of the maps, along each side.
    """

    stride: int = 8


def detecting_of(network: Network) -> Detecting:
    """How the maps of a network become scores and boxes.

    Raises:
        NetworkError: If the network is not a detector: its output is not a map for each class and four for the sides,
            each a whole number of times smaller than the images.
    """
    shape, images = network.output_shape, network.input_shape
    sides = list(zip(images[1:], shape[1:], strict=True)) if len(shape) == len(images) == 3 else []
    strides = {size // count for size, count in sides}
    if shape[0] <= BOX_CHANNELS or len(strides) != 1 or any(size % count for size, count in sides):
        raise NetworkError(
            f"the network gives {shape} for images of {images}, but a detector gives maps "
            "(classes + 4, height / stride, width / stride)"
        )
    return Detecting(strides.pop())


def centres(detecting: Detecting, height: int, width: int) -> NDArray[np.float32]:
    """The centre of each pixel of the maps in pixels of the input, as x, y, x, y: `(4, height, width)`."""
    down, across = (np.mgrid[:height, :width] + 0.5) * detecting.stride
    return np.stack([across, down, across, down]).astype(np.float32)


def outward(detecting: Detecting) -> NDArray[np.float32]:
    """By what the exponentials are multiplied, `(4, 1, 1)`: the left and upper sides lie before the centre."""
    return np.float32(detecting.stride) * np.array([-1, -1, 1, 1], np.float32).reshape(BOX_CHANNELS, 1, 1)


def detected(maps: NDArray[np.float32], detecting: Detecting) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The scores and boxes that the graph of a detector gives, as formulas.

    Args:
        maps: The output of the network, `(N, classes + 4, height, width)`.
        detecting: What comes after it.

    Returns:
        Scores `(N, classes, height, width)`, 0 to 1; boxes `(N, 4, height, width)`, x1, y1, x2, y2 in pixels of the
        input.
    """
    logits, sides = maps[:, :-BOX_CHANNELS], maps[:, -BOX_CHANNELS:]
    scores = np.asarray(1 / (1 + np.exp(-logits)), np.float32)
    reach = np.exp(np.minimum(sides, np.float32(LARGEST)))
    return scores, centres(detecting, *maps.shape[2:]) + outward(detecting) * reach
