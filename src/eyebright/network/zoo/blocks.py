"""Pieces that several families share: the entrance, and squeeze-and-excitation."""

from eyebright.network import AdaptiveAvgPool2d, Conv2d, Input, Multiply, Node, Normalize, ReLU, Sigmoid

IMAGENET_MEAN = (123.675, 116.28, 103.53)  # of 0 to 255, red, green, blue; what published weights expect
IMAGENET_STD = (58.395, 57.12, 57.375)


def entrance(input_size: int, channels: int, *, scale: tuple[float, float] | None = None) -> tuple[Node, Node]:
    """The nodes of the input and of the pictures brought to the scale that the network's published weights expect.

    Args:
        input_size: Pixels a side.
        channels: 3 for colour, 1 for grey.
        scale: Mean and standard deviation for all channels, of 0 to 255; ImageNet's for colour unless given.
    """
    pictures = Input((channels, input_size, input_size), name="input")()
    if scale is not None:
        normalize = Normalize(*scale, name="normalize")
    elif channels == 3:
        normalize = Normalize(IMAGENET_MEAN, IMAGENET_STD, name="normalize")
    else:
        normalize = Normalize(name="normalize")
    return pictures, normalize(pictures)


def squeeze_excite(x: Node, squeeze_channels: int, *, name: str) -> Node:
    """Each channel times a factor between 0 and 1, computed from the means of all channels.

    Source: Hu et al. 2017, "Squeeze-and-Excitation Networks", section 3; `fc1` and `fc2` are 1x1 convolutions.
    """
    means = AdaptiveAvgPool2d(1, name=f"{name}.avgpool")(x)
    squeezed = ReLU(name=f"{name}.relu")(Conv2d(squeeze_channels, 1, name=f"{name}.fc1")(means))
    excited = Conv2d(x.shape[0], 1, name=f"{name}.fc2", initializer="glorot_uniform")(squeezed)
    return Multiply(name=f"{name}.scale")(x, Sigmoid(name=f"{name}.sigmoid")(excited))
