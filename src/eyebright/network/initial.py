"""Initial weights in numpy, drawn from (seed, name) alone.

A tensor's values depend on nothing but the seed and its own name, so that adding a layer leaves the others as they
were, and every framework starts from the same numbers.

Sources of the rules: He et al. 2015, "Delving Deep into Rectifiers", eq. 10 (variance 2 / fan_in);
Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", eq. 16
(uniform within sqrt(6 / (fan_in + fan_out))).
"""

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from eyebright.errors import NetworkError
from eyebright.network.graph import Network
from eyebright.network.layer import Parameter
from eyebright.network.weights import Weights

_MOST_PARAMETERS = 4_000_000_000


def initial_weights(network: Network, seed: int = 0) -> Weights:
    """Every tensor of the network, float32, by `layer.tensor`.

    Raises:
        NetworkError: When the network has so many parameters that they cannot be meant.
    """
    if network.parameter_count > _MOST_PARAMETERS:
        largest = max(network.parameters, key=lambda name: network.parameters[name].size)
        raise NetworkError(
            f"{network.parameter_count:,} parameters are more than {_MOST_PARAMETERS:,}: "
            f"make {largest} smaller, which is {network.parameters[largest].shape}"
        )
    return {name: draw(parameter, seed, name) for name, parameter in network.tensors.items()}


def draw(parameter: Parameter, seed: int, name: str) -> NDArray[np.float32]:
    """One tensor by its rule, from the stream that belongs to (seed, name)."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    stream = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))
    fan_in, fan_out = parameter.fan_in, parameter.fan_out
    match parameter.initializer:
        case "zeros":
            values = np.zeros(parameter.shape)
        case "ones":
            values = np.ones(parameter.shape)
        case "he_normal":
            values = stream.standard_normal(parameter.shape) * math.sqrt(2 / fan_in)
        case "he_uniform":
            values = stream.uniform(-1, 1, parameter.shape) * math.sqrt(6 / fan_in)
        case "glorot_uniform":
            values = stream.uniform(-1, 1, parameter.shape) * math.sqrt(6 / (fan_in + fan_out))
    return values.astype(np.float32)
