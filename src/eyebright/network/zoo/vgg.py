"""VGG: nothing but 3x3 convolutions, pooled by two, deeper than anything before.

Source: Simonyan and Zisserman 2014, "Very Deep Convolutional Networks for Large-Scale Image Recognition", table 1; the
forms with batch normalisation and all names are torchvision's, whose weights fit.
"""

from eyebright.network import (
    AdaptiveAvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Network,
    Node,
    ReLU,
)
from eyebright.network.zoo.blocks import entrance

_WIDTHS = (64, 128, 256, 512, 512)
_NEURONS = 4096


def _vgg(depths: tuple[int, ...], num_classes: int, input_size: int, channels: int, *, norm: bool = False) -> Network:
    """So many convolutions in each of five stages, then three dense layers."""
    pictures, x = entrance(input_size, channels)
    number = 0
    for depth, width in zip(depths, _WIDTHS, strict=True):
        for _ in range(depth):
            x, number = _conv(x, width, number, norm=norm)
        x, number = MaxPool2d(2, name=f"features.{number}")(x), number + 1
    x = Flatten(name="flatten")(AdaptiveAvgPool2d(7, name="avgpool")(x))
    for index in (0, 3):
        x = Linear(_NEURONS, name=f"classifier.{index}", initializer="he_normal")(x)
        x = Dropout(0.5, name=f"classifier.{index + 2}")(ReLU(name=f"classifier.{index + 1}")(x))
    return Network(pictures, Linear(num_classes, name="classifier.6")(x))


def _conv(x: Node, width: int, number: int, *, norm: bool) -> tuple[Node, int]:
    """A convolution with its ReLU, and the number of the layer after them."""
    x, number = Conv2d(width, 3, padding=1, name=f"features.{number}")(x), number + 1
    if norm:
        x, number = BatchNorm(name=f"features.{number}")(x), number + 1
    return ReLU(name=f"features.{number}")(x), number + 1


def vgg11(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """Column A of table 1. Pictures of at least 32 pixels a side, as for all of the family."""
    return _vgg((1, 1, 2, 2, 2), num_classes, input_size, channels)


def vgg11_bn(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """Column A with batch normalisation."""
    return _vgg((1, 1, 2, 2, 2), num_classes, input_size, channels, norm=True)


def vgg13(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """Column B."""
    return _vgg((2, 2, 2, 2, 2), num_classes, input_size, channels)


def vgg13_bn(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """Column B with batch normalisation."""
    return _vgg((2, 2, 2, 2, 2), num_classes, input_size, channels, norm=True)


def vgg16(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """Column D."""
    return _vgg((2, 2, 3, 3, 3), num_classes, input_size, channels)


def vgg16_bn(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """Column D with batch normalisation."""
    return _vgg((2, 2, 3, 3, 3), num_classes, input_size, channels, norm=True)


def vgg19(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """Column E."""
    return _vgg((2, 2, 4, 4, 4), num_classes, input_size, channels)


def vgg19_bn(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """Column E with batch normalisation."""
    return _vgg((2, 2, 4, 4, 4), num_classes, input_size, channels, norm=True)
