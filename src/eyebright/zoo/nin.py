"""Network in Network: after each convolution a small dense network for every pixel, and no dense layer at the end.

Source: Lin et al. 2013, "Network In Network", section 3. Kernels and widths are those of the authors' ImageNet model
(`cccp` layers are the 1x1 convolutions); the mean of each map of the last layer is the logit of a class.
"""

from eyebright.network import Conv2d, Dropout, GlobalAvgPool2d, MaxPool2d, Network, Node, ReLU
from eyebright.zoo.blocks import entrance


def nin(num_classes: int = 1000, *, input_size: int = 224, channels: int = 3) -> Network:
    """Four blocks of one convolution and two 1x1 convolutions. Pictures of at least 39 pixels a side."""
    pictures, x = entrance(input_size, channels)
    x = _block(x, 1, (96, 96, 96), kernel_size=11, stride=4)
    x = MaxPool2d(3, 2, ceil_mode=True, name="pool1")(x)
    x = _block(x, 2, (256, 256, 256), kernel_size=5, padding=2)
    x = MaxPool2d(3, 2, ceil_mode=True, name="pool2")(x)
    x = _block(x, 3, (384, 384, 384), kernel_size=3, padding=1)
    x = MaxPool2d(3, 2, ceil_mode=True, name="pool3")(x)
    x = Dropout(0.5, name="drop")(x)
    x = _block(x, 4, (1024, 1024, num_classes), kernel_size=3, padding=1)
    return Network(pictures, GlobalAvgPool2d(name="pool4")(x))


def _block(
    x: Node, number: int, widths: tuple[int, int, int], *, kernel_size: int, stride: int = 1, padding: int = 0
) -> Node:
    x = Conv2d(widths[0], kernel_size, stride, padding, name=f"block{number}.conv")(x)
    for index, width in enumerate(widths[1:], start=1):
        x = ReLU(name=f"block{number}.relu{index}")(x)
        x = Conv2d(width, 1, name=f"block{number}.cccp{index}")(x)
    return x if number == 4 else ReLU(name=f"block{number}.relu3")(x)
