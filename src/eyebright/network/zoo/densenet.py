"""DenseNet: each layer of a block reads the outputs of all layers before it, and adds a few channels.

Source: Huang et al. 2016, "Densely Connected Convolutional Networks", table 1 (DenseNet-BC). As in torchvision, whose
names and weights fit. `densenet161` (growth rate 48) is not in table 1 but in the authors' published models.
"""

from eyebright.network import (
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    Network,
    Node,
    ReLU,
)
from eyebright.network.zoo.blocks import normalized_input

_BOTTLENECK = 4  # output channels of a layer's 1x1 convolution, as a multiple of the growth rate


def _densenet(
    depths: tuple[int, ...],
    num_classes: int,
    input_size: int,
    channels: int,
    *,
    growth_rate: int = 32,
    stem_channels: int = 64,
) -> Network:
    """A network of four blocks with `depths` layers."""
    images, x = normalized_input(input_size, channels)
    x = Conv2d(stem_channels, 7, 2, 3, bias=False, name="features.conv0")(x)
    x = ReLU(name="features.relu0")(BatchNorm(name="features.norm0")(x))
    x = MaxPool2d(3, 2, 1, name="features.pool0")(x)
    for block, depth in enumerate(depths, start=1):
        for index in range(1, depth + 1):
            x = _dense_layer(x, growth_rate, name=f"features.denseblock{block}.denselayer{index}")
        if block < len(depths):
            x = _transition(x, name=f"features.transition{block}")
    x = ReLU(name="features.relu5")(BatchNorm(name="features.norm5")(x))
    x = GlobalAvgPool2d(name="avgpool")(x)
    return Network(images, Linear(num_classes, name="classifier")(x))


def _dense_layer(x: Node, growth_rate: int, *, name: str) -> Node:
    """The input, followed by `growth_rate` channels that are computed from it."""
    y = ReLU(name=f"{name}.relu1")(BatchNorm(name=f"{name}.norm1")(x))
    y = Conv2d(_BOTTLENECK * growth_rate, 1, bias=False, name=f"{name}.conv1")(y)
    y = ReLU(name=f"{name}.relu2")(BatchNorm(name=f"{name}.norm2")(y))
    y = Conv2d(growth_rate, 3, padding=1, bias=False, name=f"{name}.conv2")(y)
    return Concat(name=f"{name}.concat")(x, y)


def _transition(x: Node, *, name: str) -> Node:
    """Halves the channels, the height and the width."""
    y = ReLU(name=f"{name}.relu")(BatchNorm(name=f"{name}.norm")(x))
    y = Conv2d(x.shape[0] // 2, 1, bias=False, name=f"{name}.conv")(y)
    return AvgPool2d(2, name=f"{name}.pool")(y)


def densenet121(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """DenseNet-121. Images need at least 29 pixels a side, as for the whole family."""
    return _densenet((6, 12, 24, 16), num_classes, input_size, channels)


def densenet161(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """DenseNet-161, half as wide again as the others."""
    return _densenet((6, 12, 36, 24), num_classes, input_size, channels, growth_rate=48, stem_channels=96)


def densenet169(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """DenseNet-169."""
    return _densenet((6, 12, 32, 32), num_classes, input_size, channels)


def densenet201(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """DenseNet-201."""
    return _densenet((6, 12, 48, 32), num_classes, input_size, channels)
