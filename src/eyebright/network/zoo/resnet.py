"""ResNet: blocks that add their output to their input, so that networks of a hundred layers can be trained.

Source: He et al. 2015, "Deep Residual Learning for Image Recognition", table 1. As in torchvision, whose names and
weights fit, ours differs: bottlenecks have the stride in their 3x3 convolution, not in the 1x1 before it.
"""

from eyebright.network import Add, BatchNorm, Conv2d, GlobalAvgPool2d, Linear, MaxPool2d, Network, Node, ReLU
from eyebright.network.zoo.blocks import normalized_input

_WIDTHS = (64, 128, 256, 512)
_EXPANSION = 4  # output channels of a bottleneck, as a multiple of its width


def _resnet(depths: tuple[int, ...], num_classes: int, input_size: int, channels: int, *, bottleneck: bool) -> Network:
    """A network of four stages with `depths` blocks."""
    images, x = normalized_input(input_size, channels)
    x = Conv2d(64, 7, 2, 3, bias=False, name="conv1")(x)
    x = ReLU(name="relu")(BatchNorm(name="bn1")(x))
    x = MaxPool2d(3, 2, 1, name="maxpool")(x)
    block = _bottleneck if bottleneck else _basic
    for stage, (depth, width) in enumerate(zip(depths, _WIDTHS, strict=True), start=1):
        for index in range(depth):
            stride = 2 if stage > 1 and index == 0 else 1
            x = block(x, width, stride, name=f"layer{stage}.{index}")
    x = GlobalAvgPool2d(name="avgpool")(x)
    return Network(images, Linear(num_classes, name="fc")(x))


def _basic(x: Node, width: int, stride: int, *, name: str) -> Node:
    """Two 3x3 convolutions."""
    y = Conv2d(width, 3, stride, 1, bias=False, name=f"{name}.conv1")(x)
    y = ReLU(name=f"{name}.relu1")(BatchNorm(name=f"{name}.bn1")(y))
    y = Conv2d(width, 3, 1, 1, bias=False, name=f"{name}.conv2")(y)
    y = BatchNorm(name=f"{name}.bn2")(y)
    return _joined(x, y, stride, name=name)


def _bottleneck(x: Node, width: int, stride: int, *, name: str) -> Node:
    """1x1 to narrow, 3x3, 1x1 to widen."""
    y = Conv2d(width, 1, bias=False, name=f"{name}.conv1")(x)
    y = ReLU(name=f"{name}.relu1")(BatchNorm(name=f"{name}.bn1")(y))
    y = Conv2d(width, 3, stride, 1, bias=False, name=f"{name}.conv2")(y)
    y = ReLU(name=f"{name}.relu2")(BatchNorm(name=f"{name}.bn2")(y))
    y = Conv2d(width * _EXPANSION, 1, bias=False, name=f"{name}.conv3")(y)
    y = BatchNorm(name=f"{name}.bn3")(y)
    return _joined(x, y, stride, name=name)


def _joined(x: Node, y: Node, stride: int, *, name: str) -> Node:
    """The sum of a block's input and output, with a 1x1 convolution of the input if the shapes differ."""
    if x.shape != y.shape:
        x = Conv2d(y.shape[0], 1, stride, bias=False, name=f"{name}.downsample.0")(x)
        x = BatchNorm(name=f"{name}.downsample.1")(x)
    return ReLU(name=f"{name}.relu")(Add(name=f"{name}.add")(y, x))


def resnet18(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """ResNet-18, of basic blocks."""
    return _resnet((2, 2, 2, 2), num_classes, input_size, channels, bottleneck=False)


def resnet34(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """ResNet-34, of basic blocks."""
    return _resnet((3, 4, 6, 3), num_classes, input_size, channels, bottleneck=False)


def resnet50(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """ResNet-50, of bottlenecks."""
    return _resnet((3, 4, 6, 3), num_classes, input_size, channels, bottleneck=True)


def resnet101(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """ResNet-101, of bottlenecks."""
    return _resnet((3, 4, 23, 3), num_classes, input_size, channels, bottleneck=True)


def resnet152(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """ResNet-152, of bottlenecks."""
    return _resnet((3, 8, 36, 3), num_classes, input_size, channels, bottleneck=True)
