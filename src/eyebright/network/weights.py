"""Weights: numpy arrays by `layer.tensor`, and how they compare with those that a network needs."""

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.errors import NetworkError
from eyebright.network.graph import Network

Weights: TypeAlias = dict[str, NDArray[np.float32]]
_SHOWN = 10


class LoadReport(NamedTuple):
    """What became of weights that were given to a network.

    Args:
        consumed: Names of the tensors that fit.
        missing: Names that the network has and the weights do not.
        unexpected: Names that the weights have and the network does not.
        mismatched: Names of tensors whose shapes differ, with the reason.
    """

    consumed: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: dict[str, str]

    @property
    def complete(self) -> bool:
        """Whether every tensor of the network was given, and nothing else."""
        return not (self.missing or self.unexpected or self.mismatched)

    def assert_consumed(self) -> None:
        """Refuse anything but a complete match with a `NetworkError` that tells the differences."""
        if not self.complete:
            raise NetworkError(f"the weights do not fit the network: {self}")

    def __str__(self) -> str:
        named = (("missing", self.missing), ("unexpected", self.unexpected))
        found = [f"{len(names)} {what} ({_listed(names)})" for what, names in named if names]
        if self.mismatched:
            reasons = [f"{name}: {reason}" for name, reason in self.mismatched.items()]
            found.append(f"{len(reasons)} of another shape ({', '.join(reasons)})")
        return f"{len(self.consumed)} tensors fit" + "".join(f"; {part}" for part in found)


def compare(network: Network, weights: Mapping[str, NDArray[np.generic]]) -> LoadReport:
    """How weights compare with those that the network needs."""
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
    """Refuse weights that are not those of the network.

    Raises:
        NetworkError: When some are missing, unexpected or of another shape; the message lists all other shapes, and the
            first names of the rest.
    """
    compare(network, weights).assert_consumed()


def _listed(items: tuple[str, ...]) -> str:
    more = f", and {len(items) - _SHOWN:,} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more
