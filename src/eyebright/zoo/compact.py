"""A compact residual network for small pictures, trained from scratch in minutes on a few cores.

Source: the idea and the order of its layers are those of David Page's ResNet-9 ("How to train your ResNet", 2018), at
half the width; every halving is followed by a residual block only where the original has one, the first and the last.
"""

from eyebright.network import Add, BatchNorm, Conv2d, GlobalAvgPool2d, Linear, MaxPool2d, Network, Node, ReLU
from eyebright.zoo.blocks import entrance

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
