"""The multi-layer perceptron of the Fashion-MNIST example: every pixel reaches every neuron.

It needs no convolution and pays for it: the first layer alone has channels * size^2 * 128 weights.

LeNet-5, with which reading cheques began: two convolutions, two pools, three dense layers.

Source: LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition", section II.B. As is usual today,
C3 sees all maps of S2 instead of a chosen table of them, pools are plain means, and the output is dense instead of
radial; that gives the 61,706 parameters by which it is known (at 10 classes, grey).

Network in Network: after each convolution a small dense network for every pixel, and no dense layer at the end.

Source: Lin et al. 2013, "Network In Network", section 3. Kernels and widths are those of the authors' ImageNet model
(`cccp` layers are the 1x1 convolutions); the mean of each map of the last layer is the logit of a class.

The flower classifier: three convolutions, each halved by a pool, and two dense layers.

A compact residual network for small pictures, trained from scratch in minutes on a few cores.

Source: the idea and the order of its layers are those of David Page's ResNet-9 ("How to train your ResNet", 2018), at
half the width; every halving is followed by a residual block only where the original has one, the first and the last.
"""

from eyebright.network import (
    Add,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Input,
    Linear,
    MaxPool2d,
    Network,
    Node,
    Normalize,
    ReLU,
    Tanh,
)
from eyebright.network.layer import Layer
from eyebright.network.zoo.blocks import entrance


def mlp(num_classes: int = 10, *, input_size: int = 28, channels: int = 3) -> Network:
    """Flatten, 128 neurons with ReLU, one output for each class (logits)."""
    return Network.sequential(
        Input((channels, input_size, input_size), name="input"),
        Normalize(name="normalize"),
        Flatten(name="flatten"),
        Linear(128, name="dense_1", initializer="he_normal"),
        ReLU(name="relu_1"),
        Linear(num_classes, name="dense_2"),
    )


def lenet5(num_classes: int = 10, *, input_size: int = 32, channels: int = 1) -> Network:
    """Pictures of 32 pixels a side, as in the paper; smaller ones, as MNIST's of 28, are padded by two; at least 12."""
    return Network.sequential(
        Input((channels, input_size, input_size), name="input"),
        Normalize(name="normalize"),
        Conv2d(6, 5, padding=2 if input_size < 32 else 0, name="c1", initializer="glorot_uniform"),
        Tanh(name="c1_tanh"),
        AvgPool2d(2, name="s2"),
        Conv2d(16, 5, name="c3", initializer="glorot_uniform"),
        Tanh(name="c3_tanh"),
        AvgPool2d(2, name="s4"),
        Flatten(name="flatten"),
        Linear(120, name="c5"),
        Tanh(name="c5_tanh"),
        Linear(84, name="f6"),
        Tanh(name="f6_tanh"),
        Linear(num_classes, name="output"),
    )


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


def flowers_cnn(num_classes: int = 5, *, input_size: int = 180, channels: int = 3, dropout: float = 0.2) -> Network:
    """3x3 convolutions with 16, 32 and 64 filters, dropout, 128 neurons, one output for each class (logits).

    Pictures must be at least 8 pixels a side; 16 or more make sense.
    """
    layers: list[Layer] = [Input((channels, input_size, input_size), name="input"), Normalize(name="normalize")]
    for index, filters in enumerate((16, 32, 64), start=1):
        layers += [
            Conv2d(filters, 3, padding="same", name=f"conv_{index}"),
            ReLU(name=f"relu_{index}"),
            MaxPool2d(2, name=f"pool_{index}"),
        ]
    layers += [
        Dropout(dropout, name="dropout"),
        Flatten(name="flatten"),
        Linear(128, name="dense_1", initializer="he_normal"),
        ReLU(name="relu_4"),
        Linear(num_classes, name="dense_2"),
    ]
    return Network.sequential(*layers)


_WIDTH, _WIDEST = 32, 256
_LAST_SIDE = 6  # pixels a side at most, before the global pool


def compact(num_classes: int = 10, *, input_size: int = 32, channels: int = 3) -> Network:
    """The larger the pictures, the more often they are halved. They must be at least 2 pixels a side; 16 make sense."""
    pictures, x = entrance(input_size, channels)
    x = _convolution(x, _WIDTH, name="stem")
    halvings = max(next(count for count in range(9) if input_size >> count <= _LAST_SIDE), 1)
    for number in range(1, halvings + 1):
        width = min(_WIDTH << number, _WIDEST)
        x = MaxPool2d(2, name=f"stage{number}.pool")(_convolution(x, width, name=f"stage{number}.down"))
        if number in (1, halvings):
            y = _convolution(x, width, name=f"stage{number}.first")
            x = Add(name=f"stage{number}.add")(_convolution(y, width, name=f"stage{number}.second"), x)
    return Network(pictures, Linear(num_classes, name="fc")(GlobalAvgPool2d(name="avgpool")(x)))


def _convolution(x: Node, width: int, *, name: str) -> Node:
    """3x3, normalised, rectified."""
    x = Conv2d(width, 3, padding="same", bias=False, name=f"{name}.conv")(x)
    return ReLU(name=f"{name}.relu")(BatchNorm(name=f"{name}.bn")(x))
