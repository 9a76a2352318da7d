"""LeNet-5, with which reading cheques began: two convolutions, two pools, three dense layers.

Source: LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition", section II.B. As is usual today,
C3 sees all maps of S2 instead of a chosen table of them, pools are plain means, and the output is dense instead of
radial; that gives the 61,706 parameters by which it is known (at 10 classes, grey).
"""

from eyebright.network import AvgPool2d, Conv2d, Flatten, Input, Linear, Network, Normalize, Tanh


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
