"""The door through which each layer says which torch module computes it."""

from functools import singledispatch

from torch import nn

from eyebright.network import Layer, Place
from eyebright.system.errors import NetworkError


@singledispatch
def to_torch(layer: Layer, place: Place) -> nn.Module:
    """The torch module of a layer; register one for a layer of your own with `to_torch.register`.

    Args:
        layer: The layer.
        place: The layer in its network: shapes of its inputs and of its result.
    """
    raise NetworkError(
        f"layers of type {type(layer).__name__} cannot run in torch: register one with to_torch.register"
    )
