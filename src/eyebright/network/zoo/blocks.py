"""Parts that several families share: the normalised input, and squeeze-and-excitation."""

from eyebright.network import AdaptiveAvgPool2d, Conv2d, Input, Multiply, Node, Normalize, ReLU, Sigmoid

IMAGENET_MEAN = (123.675, 116.28, 103.53)  # red, green, blue, of 0 to 255
IMAGENET_STD = (58.395, 57.12, 57.375)


def normalized_input(input_size: int, channels: int, *, scale: tuple[float, float] | None = None) -> tuple[Node, Node]:
    """The input of a network and its normalisation.

    Args:
        input_size: Pixels a side.
        channels: 3 for colour, 1 for grey.
        scale: Mean and standard deviation for all channels, of 0 to 255; by default ImageNet's for colour, and 127.5
            for both otherwise.

    Returns:
        The nodes of the input and of the normalised images.
    """
    images = Input((channels, input_size, input_size), name="input")()
    if scale is not None:
        normalize = Normalize(*scale, name="normalize")
    elif channels == 3:
        normalize = Normalize(IMAGENET_MEAN, IMAGENET_STD, name="normalize")
    else:
        normalize = Normalize(name="normalize")
    return images, normalize(images)


def squeeze_excite(x: Node, squeeze_channels: int, *, name: str) -> Node:
    """Multiplies each channel by a factor between 0 and 1 that is computed from the means of all channels.

    Args:
        x: The node to scale, `(C, H, W)`.
        squeeze_channels: Width of the hidden layer.
        name: Start of the names of the layers.

    Source: Hu et al. 2017, "Squeeze-and-Excitation Networks", section 3. Ours differs: the two dense layers are the 1x1
    convolutions `fc1` and `fc2` with biases, as in torchvision.
    """
    means = AdaptiveAvgPool2d(1, name=f"{name}.avgpool")(x)
    squeezed = ReLU(name=f"{name}.relu")(Conv2d(squeeze_channels, 1, name=f"{name}.fc1")(means))
    excited = Conv2d(x.shape[0], 1, name=f"{name}.fc2", initializer="glorot_uniform")(squeezed)
    return Multiply(name=f"{name}.scale")(x, Sigmoid(name=f"{name}.sigmoid")(excited))
