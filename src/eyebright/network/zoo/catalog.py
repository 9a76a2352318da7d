"""The catalogue of named networks: where each comes from, and what was new in it."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from eyebright.network import Network
from eyebright.network.zoo.alexnet import alexnet, alexnet_owt
from eyebright.network.zoo.densenet import densenet121, densenet161, densenet169, densenet201
from eyebright.network.zoo.efficientnet import efficientnet_lite0, efficientnet_lite1, efficientnet_lite2
from eyebright.network.zoo.googlenet import googlenet
from eyebright.network.zoo.resnet import resnet18, resnet34, resnet50, resnet101, resnet152
from eyebright.network.zoo.small import compact, flowers_cnn, lenet5, mlp, nin
from eyebright.network.zoo.vgg import vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn
from eyebright.system import text
from eyebright.system.errors import NetworkError

Builder: TypeAlias = Callable[..., Network]


class NamedNetwork(NamedTuple):
    """A named network.

    Args:
        build: Its function, with the arguments `num_classes`, `input_size` and `channels`.
        year: The year of its publication.
        paper: First author and title; empty for those of tutorials.
        brought: What was new in it.
        num_classes: Number of classes as published.
        input_size: Pixels a side as published.
        channels: Number of channels as published.
    """

    build: Builder
    year: int
    paper: str
    brought: str
    num_classes: int = 1000
    input_size: int = 224
    channels: int = 3

    def as_published(self) -> Network:
        """The network for the number of classes and the image size of its paper."""
        return self.build(self.num_classes, input_size=self.input_size, channels=self.channels)


_VGG = "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition"
_RESNET = "He et al., Deep Residual Learning for Image Recognition"
_DENSENET = "Huang et al., Densely Connected Convolutional Networks"
_LITE = "Tan and Le, EfficientNet: Rethinking Model Scaling (Lite variant by TensorFlow)"

NETWORKS: dict[str, NamedNetwork] = {
    "mlp": NamedNetwork(mlp, 1986, "", "dense layers only: every neuron sees every pixel",
                        num_classes=10, input_size=28, channels=1),
    "lenet5": NamedNetwork(lenet5, 1998, "LeCun et al., Gradient-Based Learning Applied to Document Recognition",
                           "convolution and pooling: few weights, shared by all positions",
                           num_classes=10, input_size=32, channels=1),
    "alexnet": NamedNetwork(alexnet, 2012,
                            "Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks",
                            "ReLU, dropout, trained on two GPUs", input_size=227),
    "nin": NamedNetwork(nin, 2013, "Lin et al., Network In Network",
                        "1x1 convolutions; global pooling, no dense layer"),
    "alexnet_owt": NamedNetwork(alexnet_owt, 2014,
                                "Krizhevsky, One weird trick for parallelizing convolutional neural networks",
                                "AlexNet without groups, for one GPU"),
    "vgg11": NamedNetwork(vgg11, 2014, _VGG, "only 3x3 kernels, many layers"),
    "vgg11_bn": NamedNetwork(vgg11_bn, 2015, _VGG, "with batch normalisation"),
    "vgg13": NamedNetwork(vgg13, 2014, _VGG, "two more layers"),
    "vgg13_bn": NamedNetwork(vgg13_bn, 2015, _VGG, "with batch normalisation"),
    "vgg16": NamedNetwork(vgg16, 2014, _VGG, "three more layers; the most used variant"),
    "vgg16_bn": NamedNetwork(vgg16_bn, 2015, _VGG, "with batch normalisation"),
    "vgg19": NamedNetwork(vgg19, 2014, _VGG, "three more layers"),
    "vgg19_bn": NamedNetwork(vgg19_bn, 2015, _VGG, "with batch normalisation"),
    "googlenet": NamedNetwork(googlenet, 2014, "Szegedy et al., Going Deeper with Convolutions",
                              "parallel branches of several kernel sizes; few weights"),
    "resnet18": NamedNetwork(resnet18, 2015, _RESNET, "skip connections that add: much deeper networks train"),
    "resnet34": NamedNetwork(resnet34, 2015, _RESNET, "twice as many blocks"),
    "resnet50": NamedNetwork(resnet50, 2015, _RESNET, "bottlenecks: 1x1, 3x3, 1x1"),
    "resnet101": NamedNetwork(resnet101, 2015, _RESNET, "deeper"),
    "resnet152": NamedNetwork(resnet152, 2015, _RESNET, "deeper"),
    "densenet121": NamedNetwork(densenet121, 2016, _DENSENET, "each layer reads the outputs of all layers before it"),
    "densenet161": NamedNetwork(densenet161, 2016, _DENSENET, "wider"),
    "densenet169": NamedNetwork(densenet169, 2016, _DENSENET, "deeper"),
    "densenet201": NamedNetwork(densenet201, 2016, _DENSENET, "deeper"),
    "efficientnet_lite0": NamedNetwork(efficientnet_lite0, 2020, _LITE, "depthwise convolutions, few operations"),
    "efficientnet_lite1": NamedNetwork(efficientnet_lite1, 2020, _LITE, "deeper", input_size=240),
    "efficientnet_lite2": NamedNetwork(efficientnet_lite2, 2020, _LITE, "wider and deeper", input_size=260),
    "compact": NamedNetwork(compact, 2018, "Page, How to train your ResNet",
                            "trains from scratch in minutes, for small images", num_classes=10, input_size=32),
    "flowers_cnn": NamedNetwork(flowers_cnn, 2020, "", "three convolutions, two dense layers, for a few classes",
                                num_classes=5, input_size=180),
}  # fmt: skip


def named_network(name: str) -> NamedNetwork:
    """The entry of this name; a `NetworkError` that suggests the nearest name if there is none."""
    if name not in NETWORKS:
        raise NetworkError(f"unknown network {name!r}: {text.nearest(name, list(NETWORKS))}")
    return NETWORKS[name]


def build(name: str, *, num_classes: int, input_size: int, channels: int = 3) -> Network:
    """Build a named network.

    Args:
        name: A name from `NETWORKS`.
        num_classes: Number of classes.
        input_size: Pixels a side of the square images.
        channels: 3 for colour, 1 for grey.

    Raises:
        NetworkError: If the name is unknown, or the images are too small for the network.
    """
    return named_network(name).build(num_classes, input_size=input_size, channels=channels)
