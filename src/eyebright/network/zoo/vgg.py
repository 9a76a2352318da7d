"""VGG: stages of 3x3 convolutions with a pool after each, and three dense layers.

Source: Simonyan and Zisserman 2014, "Very Deep Convolutional Networks for Large-Scale Image Recognition", table 1. Ours
differs as in torchvision, whose names and weights fit: there are variants with batch normalisation, and an adaptive
pool allows other image sizes.
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
from eyebright.network.zoo.blocks import normalized_input

_WIDTHS = (64, 128, 256, 512, 512)
_NEURONS = 4096


def _vgg(depths: tuple[int, ...], num_classes: int, input_size: int, channels: int, *, norm: bool = False) -> Network:
    """A network of five stages with `depths` convolutions, then three dense layers."""
    images, x = normalized_input(input_size, channels)
    number = 0
    for depth, width in zip(depths, _WIDTHS, strict=True):
        for _ in range(depth):
            x, number = _conv(x, width, number, norm=norm)
        x, number = MaxPool2d(2, name=f"features.{number}")(x), number + 1
    x = Flatten(name="flatten")(AdaptiveAvgPool2d(7, name="avgpool")(x))
    for index in (0, 3):
        x = Linear(_NEURONS, name=f"classifier.{index}", initializer="he_normal")(x)
        x = Dropout(0.5, name=f"classifier.{index + 2}")(ReLU(name=f"classifier.{index + 1}")(x))
    return Network(images, Linear(num_classes, name="classifier.6")(x))


def _conv(x: Node, width: int, number: int, *, norm: bool) -> tuple[Node, int]:
    """A convolution with its ReLU, and the number of the next layer."""
    x, number = Conv2d(width, 3, padding=1, name=f"features.{number}")(x), number + 1
    if norm:
        x, number = BatchNorm(name=f"features.{number}")(x), number + 1
    return ReLU(name=f"features.{number}")(x), number + 1


def vgg11(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """VGG-11, column A of table 1. Images need at least 32 pixels a side, as for the whole family."""
    return _vgg((1, 1, 2, 2, 2), num_classes, input_size, channels)


def vgg11_bn(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """VGG-11 with batch normalisation."""
    return _vgg((1, 1, 2, 2, 2), num_classes, input_size, channels, norm=True)


def vgg13(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """VGG-13, column B of table 1."""
    return _vgg((2, 2, 2, 2, 2), num_classes, input_size, channels)


def vgg13_bn(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """VGG-13 with batch normalisation."""
    return _vgg((2, 2, 2, 2, 2), num_classes, input_size, channels, norm=True)


def vgg16(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """VGG-16, column D of table 1."""
    return _vgg((2, 2, 3, 3, 3), num_classes, input_size, channels)


def vgg16_bn(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """VGG-16 with batch normalisation."""
    return _vgg((2, 2, 3, 3, 3), num_classes, input_size, channels, norm=True)


def vgg19(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """VGG-19, column E of table 1."""
    return _vgg((2, 2, 4, 4, 4), num_classes, input_size, channels)


def vgg19_bn(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """VGG-19 with batch normalisation."""
    return _vgg((2, 2, 4, 4, 4), num_classes, input_size, channels, norm=True)
