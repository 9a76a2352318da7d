"""Weights: numpy arrays by `layer.tensor`, and whether they are those of a network."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.errors import NetworkError
from eyebright.network.graph import Network

Weights: TypeAlias = dict[str, NDArray[np.float32]]
_SHOWN = 10


def check_weights(network: Network, weights: Mapping[str, NDArray[np.generic]]) -> None:
    """Refuse weights that are not those of the network.

    Raises:
        NetworkError: When some are missing, unexpected or of another shape; the message lists them.
    """
    expected = {name: parameter.shape for name, parameter in network.parameters.items()}
    found = {name: values.shape for name, values in weights.items()}
    if found != expected:
        names = [name for name in expected | found if expected.get(name) != found.get(name)]
        shown = "; ".join(f"{name}: expected {expected.get(name)}, got {found.get(name)}" for name in names[:_SHOWN])
        more = f"; and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
        raise NetworkError(f"the weights do not fit the network: {shown}{more}")
