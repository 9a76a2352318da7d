"""The weights of a network: NumPy arrays by `layer.tensor`, their initial values, and whether they fit a network.

The initial values of a tensor depend only on the seed and its name. Adding a layer therefore does not change those of
the others, and every framework starts from the same values.

Sources of the rules: He et al. 2015, "Delving Deep into Rectifiers", eq. 10 (variance 2 / fan_in);
Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", eq. 16
(uniform within sqrt(6 / (fan_in + fan_out))).
"""

import hashlib
import math
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.network.graph import Network
from eyebright.network.layer import Parameter
from eyebright.system.errors import NetworkError
from eyebright.system.text import counted, listed

Weights: TypeAlias = dict[str, NDArray[np.float32]]

_MOST_PARAMETERS = 4_000_000_000
_MOST_NAMES = 10  # in a message


def initial_weights(network: Network, seed: int = 0) -> Weights:
    """The initial values of every tensor of a network.

    Args:
        network: The network.
        seed: Decides the random values.

    Returns:
        float32 arrays by `layer.tensor`.

    Raises:
        NetworkError: If the network has more than 4 billion parameters.
    """
    if network.parameter_count > _MOST_PARAMETERS:
        largest = max(network.parameters, key=lambda name: network.parameters[name].size)
        raise NetworkError(
            f"the network has {network.parameter_count:,} parameters, more than the limit of {_MOST_PARAMETERS:,}: "
            f"make {largest} smaller, which has shape {network.parameters[largest].shape}"
        )
    return {name: initial_tensor(parameter, seed, name) for name, parameter in network.tensors.items()}


def initial_tensor(parameter: Parameter, seed: int, name: str) -> NDArray[np.float32]:
    """The initial values of one tensor, from the random stream of (seed, name)."""
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


class LoadReport(NamedTuple):
    """How given weights compare with those that a network needs.

    Args:
        consumed: Names of the tensors that fit.
        missing: Names that the network has and the weights do not.
        unexpected: Names that the weights have and the network does not.
        mismatched: For each tensor with the wrong shape, by name, the shapes expected and given.
    """

    consumed: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: dict[str, str]

    @property
    def complete(self) -> bool:
        """Whether every tensor of the network was given, and no other."""
        return not (self.missing or self.unexpected or self.mismatched)

    def assert_consumed(self) -> None:
        """Raise a `NetworkError` that lists the differences, unless the match is complete."""
        if not self.complete:
            raise NetworkError(f"the weights do not fit the network: {self}")

    def __str__(self) -> str:
        fit = "1 tensor fits" if len(self.consumed) == 1 else f"{counted(len(self.consumed), 'tensor')} fit"
        named = (("missing", self.missing), ("unexpected", self.unexpected))
        found = [f"{len(names):,} {what} ({listed(names, _MOST_NAMES)})" for what, names in named if names]
        if self.mismatched:
            shapes = ", ".join(f"{name}: {shapes}" for name, shapes in self.mismatched.items())
            found.append(f"{len(self.mismatched):,} with the wrong shape ({shapes})")
        return "; ".join([fit, *found])


def compare_weights(network: Network, weights: Mapping[str, NDArray[np.generic]]) -> LoadReport:
    """Compare weights with those that the network needs, by name and shape."""
    expected = {name: tensor.shape for name, tensor in network.tensors.items()}
    found = {name: values.shape for name, values in weights.items()}
    common = [name for name in expected if name in found]
    return LoadReport(
        consumed=tuple(name for name in common if found[name] == expected[name]),
        missing=tuple(name for name in expected if name not in found),
        unexpected=tuple(name for name in found if name not in expected),
        mismatched={
            name: f"expected {expected[name]}, got {found[name]}" for name in common if found[name] != expected[name]
        },
    )


def check_weights(network: Network, weights: Mapping[str, NDArray[np.generic]]) -> None:
    """Check that weights are complete and fit the network.

    Raises:
        NetworkError: If some are missing, unexpected or have the wrong shape. The message lists every wrong shape and
            the first ten names of the others.
    """
    compare_weights(network, weights).assert_consumed()
