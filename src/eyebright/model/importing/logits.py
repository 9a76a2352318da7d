"""Networks that end with probabilities, as those that end with the logits before them, as a classifier here does."""

import msgspec
import numpy as np

from eyebright.network import Layer, Linear, Network, Sigmoid, Softmax, Weights
from eyebright.system.errors import ModelError


def with_logits(network: Network, weights: Weights) -> tuple[Network, Weights]:
    """The network without a softmax or sigmoid at its end, and with a logit for each of two classes if it has one.

    The probability sigmoid(z) of the second of two classes is that of a softmax of 0 and z.

    Raises:
        ModelError: When its outputs are not one probability for each of several classes that exclude each other.
    """
    last = network.places[network.output]
    if isinstance(last.layer, Softmax | Sigmoid):
        if isinstance(last.layer, Sigmoid) and last.shape != (1,):
            raise ModelError(
                f"it ends with a sigmoid for each of {last.shape[0]} classes, which do not exclude each other: only "
                "models that choose one class can be imported"
            )
        network = network.up_to(last.inputs[0])
    if len(network.output_shape) != 1:
        raise ModelError(f"it gives {network.output_shape} for an image, expected one value for each class")
    return _of_two(network, weights) if network.output_shape == (1,) else (network, weights)


def _of_two(network: Network, weights: Weights) -> tuple[Network, Weights]:
    """The network with the logits 0 and z in place of z."""
    head = network.output
    layer: Layer = network.layer(head)
    if not isinstance(layer, Linear):
        raise ModelError(f"its only output comes from a {type(layer).__name__}, expected a dense layer")
    layers = [msgspec.structs.replace(layer, out_features=2) if name == head else place.layer
              for name, place in network.places.items()]  # fmt: skip
    own = {name: np.concatenate([np.zeros_like(weights[name]), weights[name]])
           for name in weights if name.rpartition(".")[0] == head}  # fmt: skip
    return Network.from_layers(layers, network.wiring, head), weights | own
