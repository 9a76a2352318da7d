"""Small networks that train in minutes on a CPU: the first ones of history, and those of well-known tutorials."""

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
from eyebright.network.zoo.blocks import normalized_input

_COMPACT_FIRST, _COMPACT_MOST = 32, 256  # channels of `compact`
_COMPACT_LAST_SIDE = 6  # pixels a side, at most, before the global pool of `compact`


def mlp(num_classes: int = 10, *, input_size: int = 28, channels: int = 3) -> Network:
    """Multi-layer perceptron: one hidden layer of 128 neurons, and no convolution.

    Every neuron sees every pixel, so that the hidden layer alone has channels * size^2 * 128 weights.

    Source: the tutorial "Basic classification: Classify images of clothing" of Keras, with Fashion-MNIST (28x28 grey,
    101,770 parameters). Ours normalises the pixels to -1 to 1 instead of 0 to 1.
    """
    return Network.sequential(
        Input((channels, input_size, input_size), name="input"),
        Normalize(name="normalize"),
        Flatten(name="flatten"),
        Linear(128, name="dense_1", initializer="he_normal"),
        ReLU(name="relu_1"),
        Linear(num_classes, name="dense_2"),
    )


def lenet5(num_classes: int = 10, *, input_size: int = 32, channels: int = 1) -> Network:
    """LeNet-5, which read digits on cheques: two convolutions, two pools, three dense layers.

    The paper's images are 32 pixels a side. Smaller ones, such as MNIST's of 28, are padded by two; at least 12 are
    needed.

    Source: LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition", section II.B, figure 2. Ours
    differs, as is usual today: C3 sees all maps of S2, not those of table I; pools are means without coefficient and
    bias; tanh is not scaled; the output is dense, not radial. It has 61,706 parameters (10 classes, grey).
    """
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
    """Network in Network: two 1x1 convolutions after each convolution, and no dense layer.

    The mean of each map of the last layer is the logit of a class. Images need at least 39 pixels a side.

    Source: Lin et al. 2013, "Network In Network", section 3. The paper gives no widths for ImageNet: kernels and widths
    are those of the authors' published Caffe model (`cccp` layers are the 1x1 convolutions).
    """
    images, x = normalized_input(input_size, channels)
    x = _nin_block(x, 1, (96, 96, 96), kernel_size=11, stride=4)
    x = MaxPool2d(3, 2, ceil_mode=True, name="pool1")(x)
    x = _nin_block(x, 2, (256, 256, 256), kernel_size=5, padding=2)
    x = MaxPool2d(3, 2, ceil_mode=True, name="pool2")(x)
    x = _nin_block(x, 3, (384, 384, 384), kernel_size=3, padding=1)
    x = MaxPool2d(3, 2, ceil_mode=True, name="pool3")(x)
    x = Dropout(0.5, name="drop")(x)
    x = _nin_block(x, 4, (1024, 1024, num_classes), kernel_size=3, padding=1)
    return Network(images, GlobalAvgPool2d(name="pool4")(x))


def _nin_block(
    x: Node, number: int, widths: tuple[int, int, int], *, kernel_size: int, stride: int = 1, padding: int = 0
) -> Node:
    x = Conv2d(widths[0], kernel_size, stride, padding, name=f"block{number}.conv")(x)
    for index, width in enumerate(widths[1:], start=1):
        x = ReLU(name=f"block{number}.relu{index}")(x)
        x = Conv2d(width, 1, name=f"block{number}.cccp{index}")(x)
    return x if number == 4 else ReLU(name=f"block{number}.relu3")(x)


def flowers_cnn(num_classes: int = 5, *, input_size: int = 180, channels: int = 3, dropout: float = 0.2) -> Network:
    """The flower classifier: three convolutions, each followed by a pool, dropout, and two dense layers.

    Images need at least 8 pixels a side; use 16 or more.

    Source: the tutorial "Image classification" of TensorFlow, with its flower photos (180x180, 5 classes, 3,989,285
    parameters). Ours normalises the pixels to -1 to 1 instead of 0 to 1, and leaves augmentation to the training.
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


def compact(num_classes: int = 10, *, input_size: int = 32, channels: int = 3) -> Network:
    """A compact residual network that trains from scratch in minutes, for small images.

    Larger images are halved more often. Images need at least 2 pixels a side; use 16 or more.

    Source: Page 2018, "How to train your ResNet" (ResNet-9, for CIFAR-10). Ours has half its width and as many stages
    as the image size asks for; as there, only the first and the last stage have a residual block.
    """
    images, x = normalized_input(input_size, channels)
    x = _compact_conv(x, _COMPACT_FIRST, name="stem")
    stages = max(next(count for count in range(9) if input_size >> count <= _COMPACT_LAST_SIDE), 1)
    for number in range(1, stages + 1):
        width = min(_COMPACT_FIRST << number, _COMPACT_MOST)
        x = MaxPool2d(2, name=f"stage{number}.pool")(_compact_conv(x, width, name=f"stage{number}.down"))
        if number in (1, stages):
            y = _compact_conv(x, width, name=f"stage{number}.first")
            x = Add(name=f"stage{number}.add")(_compact_conv(y, width, name=f"stage{number}.second"), x)
    return Network(images, Linear(num_classes, name="fc")(GlobalAvgPool2d(name="avgpool")(x)))


def _compact_conv(x: Node, width: int, *, name: str) -> Node:
    """3x3 convolution, batch norm, ReLU."""
    x = Conv2d(width, 3, padding="same", bias=False, name=f"{name}.conv")(x)
    return ReLU(name=f"{name}.relu")(BatchNorm(name=f"{name}.bn")(x))
