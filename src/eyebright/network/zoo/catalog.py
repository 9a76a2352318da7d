"""All named networks: where they come from, and what each brought."""

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


class Named(NamedTuple):
    """A named network.

    Args:
        build: Builds it for a number of classes, an `input_size` and a number of `channels`.
        year: When it was published.
        paper: First author and title; empty for those of textbooks.
        brought: What was new.
        num_classes: As published.
        input_size: Pixels a side, as published.
        channels: As published.
    """

    build: Builder
    year: int
    paper: str
    brought: str
    num_classes: int = 1000
    input_size: int = 224
    channels: int = 3

    def as_published(self) -> Network:
        """The network for the classes and pictures of its paper."""
        return self.build(self.num_classes, input_size=self.input_size, channels=self.channels)


_VGG = "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition"
_RESNET = "He et al., Deep Residual Learning for Image Recognition"
_DENSENET = "Huang et al., Densely Connected Convolutional Networks"
_LITE = "Tan and Le, EfficientNet: Rethinking Model Scaling (Lite form by TensorFlow)"

NETWORKS: dict[str, Named] = {
    "mlp": Named(mlp, 1986, "", "dense layers only: every pixel has a weight to every neuron",
                 num_classes=10, input_size=28, channels=1),
    "lenet5": Named(lenet5, 1998, "LeCun et al., Gradient-Based Learning Applied to Document Recognition",
                    "convolution and pooling: few weights, used everywhere",
                    num_classes=10, input_size=32, channels=1),
    "alexnet": Named(alexnet, 2012,
                     "Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks",
                     "ReLU, dropout, two towers on two graphics cards", input_size=227),
    "nin": Named(nin, 2013, "Lin et al., Network In Network", "1x1 convolutions; global pooling, no dense layer"),
    "alexnet_owt": Named(alexnet_owt, 2014,
                         "Krizhevsky, One weird trick for parallelizing convolutional neural networks",
                         "AlexNet as one tower"),
    "vgg11": Named(vgg11, 2014, _VGG, "nothing but 3x3 kernels, in depth"),
    "vgg11_bn": Named(vgg11_bn, 2015, _VGG, "with batch normalisation"),
    "vgg13": Named(vgg13, 2014, _VGG, "two more layers"),
    "vgg13_bn": Named(vgg13_bn, 2015, _VGG, "with batch normalisation"),
    "vgg16": Named(vgg16, 2014, _VGG, "the form that everyone used"),
    "vgg16_bn": Named(vgg16_bn, 2015, _VGG, "with batch normalisation"),
    "vgg19": Named(vgg19, 2014, _VGG, "the deepest that still trained"),
    "vgg19_bn": Named(vgg19_bn, 2015, _VGG, "with batch normalisation"),
    "googlenet": Named(googlenet, 2014, "Szegedy et al., Going Deeper with Convolutions",
                       "branches of several kernel sizes; few weights"),
    "resnet18": Named(resnet18, 2015, _RESNET, "skips that add: depth without end"),
    "resnet34": Named(resnet34, 2015, _RESNET, "twice as many blocks"),
    "resnet50": Named(resnet50, 2015, _RESNET, "bottlenecks: 1x1, 3x3, 1x1"),
    "resnet101": Named(resnet101, 2015, _RESNET, "deeper"),
    "resnet152": Named(resnet152, 2015, _RESNET, "deeper still"),
    "densenet121": Named(densenet121, 2016, _DENSENET, "skips that keep everything found before"),
    "densenet161": Named(densenet161, 2016, _DENSENET, "wider"),
    "densenet169": Named(densenet169, 2016, _DENSENET, "deeper"),
    "densenet201": Named(densenet201, 2016, _DENSENET, "deeper still"),
    "efficientnet_lite0": Named(efficientnet_lite0, 2020, _LITE, "depthwise kernels, few operations"),
    "efficientnet_lite1": Named(efficientnet_lite1, 2020, _LITE, "deeper", input_size=240),
    "efficientnet_lite2": Named(efficientnet_lite2, 2020, _LITE, "wider", input_size=260),
    "compact": Named(compact, 2018, "Page, How to train your ResNet",
                     "from scratch in minutes, for small pictures", num_classes=10, input_size=32),
    "flowers_cnn": Named(flowers_cnn, 2020, "", "three convolutions, two dense layers, for a few classes",
                         num_classes=5, input_size=180),
}  # fmt: skip


def named(name: str) -> Named:
    """The entry of that name; a `NetworkError` that names the nearest one where there is none."""
    if name not in NETWORKS:
        raise NetworkError(f"there is no network {name!r}: {text.nearest(name, list(NETWORKS))}")
    return NETWORKS[name]


def build(name: str, *, num_classes: int, input_size: int, channels: int = 3) -> Network:
    """The named network for so many classes and square pictures of so many pixels a side.

    Raises:
        NetworkError: When the name is unknown (the nearest one is named) or the pictures are too small for the network.
    """
    return named(name).build(num_classes, input_size=input_size, channels=channels)
