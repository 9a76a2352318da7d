"""Named networks as data: functions of the number of classes, the image size and the number of channels."""

from eyebright.network.zoo.alexnet import alexnet, alexnet_owt
from eyebright.network.zoo.blocks import squeeze_excite
from eyebright.network.zoo.catalog import NETWORKS, NamedNetwork, build, named_network
from eyebright.network.zoo.densenet import densenet121, densenet161, densenet169, densenet201
from eyebright.network.zoo.detection import detector_weights, lite0_detector, pyramid_inputs
from eyebright.network.zoo.efficientnet import efficientnet_lite0, efficientnet_lite1, efficientnet_lite2
from eyebright.network.zoo.googlenet import googlenet
from eyebright.network.zoo.published import (
    PUBLISHED,
    WEIGHTS,
    Published,
    pretrained,
    published_digest,
    published_weights,
    start_weights,
    with_new_head,
    without_extras,
)
from eyebright.network.zoo.resnet import resnet18, resnet34, resnet50, resnet101, resnet152
from eyebright.network.zoo.small import compact, flowers_cnn, lenet5, mlp, nin
from eyebright.network.zoo.vgg import vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn

__all__ = [
    "NETWORKS",
    "PUBLISHED",
    "WEIGHTS",
    "NamedNetwork",
    "Published",
    "alexnet",
    "alexnet_owt",
    "build",
    "compact",
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
    "detector_weights",
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "flowers_cnn",
    "googlenet",
    "lenet5",
    "lite0_detector",
    "mlp",
    "named_network",
    "nin",
    "pretrained",
    "published_digest",
    "published_weights",
    "pyramid_inputs",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "squeeze_excite",
    "start_weights",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
    "with_new_head",
    "without_extras",
]
