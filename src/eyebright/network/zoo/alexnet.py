"""AlexNet: five convolutions and three dense layers, as published in 2012 and in its simpler form of 2014."""

from eyebright.network import (
    AdaptiveAvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    Network,
    ReLU,
)
from eyebright.network.layer import Layer
from eyebright.network.zoo.blocks import normalized_input

_NEURONS = 4096


def alexnet(num_classes: int = 1000, *, input_size: int = 227, channels: int = 3) -> Network:
    """AlexNet of 2012, for images of 224, 227 or 240 pixels a side; others of at least 67 work too.

    Source: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks", section 3.5 and
    figure 2. The halves that ran on two GPUs are convolutions of two groups. The paper says 224 pixels, but the 55 x 55
    positions of its first kernel need 227, or 224 with padding.
    """
    padding = 2 if input_size == 224 else 0
    layers: list[Layer] = [
        Conv2d(96, 11, 4, padding, name="conv1"),
        ReLU(name="relu1"),
        _response_norm("norm1"),
        MaxPool2d(3, 2, name="pool1"),
        Conv2d(256, 5, 1, 2, groups=2, name="conv2"),
        ReLU(name="relu2"),
        _response_norm("norm2"),
        MaxPool2d(3, 2, name="pool2"),
        Conv2d(384, 3, 1, 1, name="conv3"),
        ReLU(name="relu3"),
        Conv2d(384, 3, 1, 1, groups=2, name="conv4"),
        ReLU(name="relu4"),
        Conv2d(256, 3, 1, 1, groups=2, name="conv5"),
        ReLU(name="relu5"),
        MaxPool2d(3, 2, name="pool5"),
        Flatten(name="flatten"),
        Linear(_NEURONS, name="fc6", initializer="he_normal"),
        ReLU(name="relu6"),
        Dropout(0.5, name="drop6"),
        Linear(_NEURONS, name="fc7", initializer="he_normal"),
        ReLU(name="relu7"),
        Dropout(0.5, name="drop7"),
        Linear(num_classes, name="fc8"),
    ]
    return _chain(layers, input_size, channels)


def alexnet_owt(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """AlexNet of 2014: no groups, fewer filters, no normalisation. Images need at least 63 pixels a side.

    Source: Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks", footnote 1. As in
    torchvision, whose names and weights fit, ours differs: the fourth convolution has 256 filters instead of 384,
    dropout comes before the first two dense layers, and an adaptive pool allows other image sizes.
    """
    layers: list[Layer] = [
        Conv2d(64, 11, 4, 2, name="features.0"),
        ReLU(name="features.1"),
        MaxPool2d(3, 2, name="features.2"),
        Conv2d(192, 5, 1, 2, name="features.3"),
        ReLU(name="features.4"),
        MaxPool2d(3, 2, name="features.5"),
        Conv2d(384, 3, 1, 1, name="features.6"),
        ReLU(name="features.7"),
        Conv2d(256, 3, 1, 1, name="features.8"),
        ReLU(name="features.9"),
        Conv2d(256, 3, 1, 1, name="features.10"),
        ReLU(name="features.11"),
        MaxPool2d(3, 2, name="features.12"),
        AdaptiveAvgPool2d(6, name="avgpool"),
        Flatten(name="flatten"),
        Dropout(0.5, name="classifier.0"),
        Linear(_NEURONS, name="classifier.1", initializer="he_normal"),
        ReLU(name="classifier.2"),
        Dropout(0.5, name="classifier.3"),
        Linear(_NEURONS, name="classifier.4", initializer="he_normal"),
        ReLU(name="classifier.5"),
        Linear(num_classes, name="classifier.6"),
    ]
    return _chain(layers, input_size, channels)


def _response_norm(name: str) -> Layer:
    """The paper's n = 5, k = 2, beta = 0.75 and alpha = 1e-4; our alpha is divided by n, hence 5e-4."""
    return LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0, name=name)


def _chain(layers: list[Layer], input_size: int, channels: int) -> Network:
    images, x = normalized_input(input_size, channels)
    for layer in layers:
        x = layer(x)
    return Network(images, x)
