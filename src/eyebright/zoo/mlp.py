"""The multi-layer perceptron of the Fashion-MNIST example: every pixel reaches every neuron.

It needs no convolution and pays for it: the first layer alone has channels * size^2 * 128 weights.
"""

from eyebright.network import Flatten, Input, Linear, Network, Normalize, ReLU


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
