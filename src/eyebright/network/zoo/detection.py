"""Networks that find objects: EfficientNet-Lite0, a pyramid of its maps, and two towers on the finest of them.

Sources: Liu et al. 2020, "Training-Time-Friendly Network for Real-Time Object Detection" (one map without anchors: for
each pixel a score of each class and the distances to the four sides of its box), and Lin et al. 2017, "Feature Pyramid
Networks for Object Detection" (1x1 convolutions, enlargement and addition). Ours differs: convolutions of the pyramid
and the towers are depthwise 3x3 and 1x1.
"""

import math

import numpy as np

from eyebright.network import (
    Add,
    BatchNorm,
    Concat,
    Conv2d,
    Network,
    Node,
    ReLU6,
    Upsample,
    Weights,
    compare_weights,
    initial_weights,
)
from eyebright.network.zoo.efficientnet import lite_blocks
from eyebright.network.zoo.published import published_weights
from eyebright.system.errors import NetworkError
from eyebright.system.progress import Report, quiet

BACKBONE = "efficientnet_lite0"
"""The network whose published weights `lite0_detector` starts from."""
_CHANNELS, _BLOCKS = 96, 2  # of the pyramid; in each tower
_COARSEST = 32
_LAST_OF_STRIDE = {4: 2, 8: 4, 16: 10, 32: 15}  # the last block of EfficientNet-Lite0 with this stride
_RARE = 0.01  # the probability of an object at a pixel that a network starts from (Lin et al. 2017, "Focal Loss")


def lite0_detector(num_classes: int, *, input_size: int = 320, channels: int = 3, stride: int = 8) -> Network:
    """A detector of about 3.1 million weights. Its output is `(num_classes + 4, H / stride, W / stride)`.

    The first maps are the logits of the classes, the last four what `eyebright.network.detecting` turns into the
    distances to the left, top, right and bottom side of a box. The layers up to "_blocks.15" have the names of the
    published weights of EfficientNet-Lite0.

    Args:
        num_classes: Number of classes.
        input_size: Pixels a side, a multiple of 32.
        channels: 3 for colour, 1 for grey.
        stride: Pixels of the image for each pixel of the output: 4, 8 or 16.

    Raises:
        NetworkError: If the size is not a multiple of 32, or there is no such stride.
    """
    if input_size % _COARSEST or stride not in (4, 8, 16):
        raise NetworkError(
            f"expected an input_size that is a multiple of {_COARSEST} and a stride of 4, 8 or 16, "
            f"got {input_size} and {stride}"
        )
    images, blocks = lite_blocks(input_size, channels)
    x = _lateral(blocks, _COARSEST)
    while (step := input_size // x.shape[1]) > stride:
        finer = step // 2
        x = Add(name=f"merge{finer}")(_lateral(blocks, finer), Upsample(2, name=f"up{finer}")(x))
        x = _separable(x, name=f"smooth{finer}")
    logits = Conv2d(num_classes, 1, initializer="glorot_uniform", name="class_head")(_tower(x, "class_tower"))
    distances = Conv2d(4, 1, initializer="glorot_uniform", name="box_head")(_tower(x, "box_tower"))
    return Network(images, Concat(name="maps")(logits, distances))


def pyramid_inputs(network: Network) -> tuple[str, ...]:
    """The layers of the backbone that the pyramid of a `lite0_detector` reads, finest first: they decide its output."""
    laterals = [network.places.get(f"lateral{stride}") for stride in _LAST_OF_STRIDE]
    return tuple(place.inputs[0] for place in laterals if place)


def detector_weights(network: Network, seed: int = 0, *, report: Report = quiet) -> Weights:
    """The weights that a `lite0_detector` starts from: published ones for the backbone, initial ones for the rest.

    The probability of each class starts at 0.01 at each pixel, since almost no pixel has an object.

    Args:
        network: The network, for images of three channels.
        seed: Decides the initial weights.
        report: Receives the progress of a download.

    Raises:
        NetworkError: If the published weights do not fit the backbone.
        DownloadError: If they are not available; the message says what to install.
        MissingExtraError: If torch is not installed, which is needed to read them the first time.
    """
    published, weights = published_weights(BACKBONE, report=report), initial_weights(network, seed)
    weights |= {name: values for name, values in published.items() if name in weights}
    compare_weights(network, weights).assert_consumed()
    weights["class_head.bias"] = np.full_like(weights["class_head.bias"], -math.log(1 / _RARE - 1))
    return weights


def _lateral(blocks: list[Node], stride: int) -> Node:
    x = Conv2d(_CHANNELS, 1, bias=False, name=f"lateral{stride}")(blocks[_LAST_OF_STRIDE[stride]])
    return _norm(x, f"lateral{stride}_bn")


def _tower(x: Node, name: str) -> Node:
    for index in range(_BLOCKS):
        x = _separable(x, name=f"{name}.{index}")
    return x


def _separable(x: Node, *, name: str) -> Node:
    """A depthwise 3x3 and a 1x1 convolution."""
    channels = x.shape[0]
    x = Conv2d(channels, 3, padding="same", groups=channels, bias=False, name=f"{name}.depthwise")(x)
    x = Conv2d(channels, 1, bias=False, name=f"{name}.pointwise")(x)
    return ReLU6(name=f"{name}.relu")(_norm(x, f"{name}.bn"))


def _norm(x: Node, name: str) -> Node:
    return BatchNorm(eps=1e-3, momentum=0.1, name=name)(x)
