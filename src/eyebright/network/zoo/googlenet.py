"""GoogLeNet: modules of four parallel branches with kernels of different sizes, whose channels are concatenated.

Source: Szegedy et al. 2014, "Going Deeper with Convolutions", table 1. As in torchvision, whose names and weights fit,
ours differs: batch normalisation after each convolution instead of local response normalisation, 3x3 kernels where the
paper has 5x5, dropout 0.2 instead of 0.4, and a pool of 2x2 before stage 5; the auxiliary classifiers are left out.
"""

from typing import NamedTuple

from eyebright.network import (
    BatchNorm,
    Concat,
    Conv2d,
    Dropout,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    Network,
    Node,
    ReLU,
)
from eyebright.network.zoo.blocks import normalized_input


class _Widths(NamedTuple):
    """Channels of a module: of each branch, and of the 1x1 convolutions before the larger kernels."""

    branch1: int
    reduce2: int
    branch2: int
    reduce3: int
    branch3: int
    branch4: int


_STAGES = {
    "3": {"a": _Widths(64, 96, 128, 16, 32, 32), "b": _Widths(128, 128, 192, 32, 96, 64)},
    "4": {
        "a": _Widths(192, 96, 208, 16, 48, 64),
        "b": _Widths(160, 112, 224, 24, 64, 64),
        "c": _Widths(128, 128, 256, 24, 64, 64),
        "d": _Widths(112, 144, 288, 32, 64, 64),
        "e": _Widths(256, 160, 320, 32, 128, 128),
    },
    "5": {"a": _Widths(256, 160, 320, 32, 128, 128), "b": _Widths(384, 192, 384, 48, 128, 128)},
}


def googlenet(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """Nine inception modules in three stages. Images need at least 15 pixels a side."""
    images, x = normalized_input(input_size, channels, scale=(127.5, 127.5))  # as the published weights expect
    x = _conv(x, 64, 7, stride=2, padding=3, name="conv1")
    x = MaxPool2d(3, 2, ceil_mode=True, name="maxpool1")(x)
    x = _conv(x, 64, 1, name="conv2")
    x = _conv(x, 192, 3, padding=1, name="conv3")
    x = MaxPool2d(3, 2, ceil_mode=True, name="maxpool2")(x)
    x = _stage(x, "3")
    x = MaxPool2d(3, 2, ceil_mode=True, name="maxpool3")(x)
    x = _stage(x, "4")
    x = MaxPool2d(2, 2, ceil_mode=True, name="maxpool4")(x)
    x = _stage(x, "5")
    x = Dropout(0.2, name="dropout")(GlobalAvgPool2d(name="avgpool")(x))
    return Network(images, Linear(num_classes, name="fc")(x))


def _stage(x: Node, number: str) -> Node:
    for letter, widths in _STAGES[number].items():
        x = _inception(x, widths, name=f"inception{number}{letter}")
    return x


def _inception(x: Node, widths: _Widths, *, name: str) -> Node:
    """Four parallel branches: 1x1, 3x3, 3x3 and a pool."""
    branch1 = _conv(x, widths.branch1, 1, name=f"{name}.branch1")
    branch2 = _conv(x, widths.reduce2, 1, name=f"{name}.branch2.0")
    branch2 = _conv(branch2, widths.branch2, 3, padding=1, name=f"{name}.branch2.1")
    branch3 = _conv(x, widths.reduce3, 1, name=f"{name}.branch3.0")
    branch3 = _conv(branch3, widths.branch3, 3, padding=1, name=f"{name}.branch3.1")
    branch4 = MaxPool2d(3, 1, 1, ceil_mode=True, name=f"{name}.branch4.0")(x)
    branch4 = _conv(branch4, widths.branch4, 1, name=f"{name}.branch4.1")
    return Concat(name=f"{name}.concat")(branch1, branch2, branch3, branch4)


def _conv(x: Node, width: int, kernel_size: int, *, stride: int = 1, padding: int = 0, name: str) -> Node:
    x = Conv2d(width, kernel_size, stride, padding, bias=False, name=f"{name}.conv")(x)
    return ReLU(name=f"{name}.relu")(BatchNorm(eps=1e-3, name=f"{name}.bn")(x))
