"""The flower classifier: three convolutions, each halved by a pool, and two dense layers."""

from eyebright.network import Conv2d, Dropout, Flatten, Input, Linear, MaxPool2d, Network, Normalize, ReLU
from eyebright.network.layer import Layer


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
