"""Named networks, as data: each is a function of the number of classes and the size of the pictures."""

from collections.abc import Callable
from typing import TypeAlias

from eyebright import codec
from eyebright.errors import NetworkError
from eyebright.network import Network
from eyebright.zoo.flowers_cnn import flowers_cnn
from eyebright.zoo.mlp import mlp

Builder: TypeAlias = Callable[..., Network]

NETWORKS: dict[str, Builder] = {builder.__name__: builder for builder in (flowers_cnn, mlp)}


def build(name: str, *, num_classes: int, input_size: int, channels: int = 3) -> Network:
    """The named network for so many classes and square pictures of so many pixels a side.

    Raises:
        NetworkError: When the name is unknown (the nearest one is named) or the pictures are too small for the network.
    """
    if name not in NETWORKS:
        raise NetworkError(f"there is no network {name!r}: {codec.nearest(name, list(NETWORKS))}")
    return NETWORKS[name](num_classes, input_size=input_size, channels=channels)


__all__ = ["NETWORKS", "build", "flowers_cnn", "mlp"]
