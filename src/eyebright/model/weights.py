"""What a network with its weights can do, whatever it is for: give and take weights, show itself, write itself down."""

import abc
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyebright.network import (
    LoadReport,
    Network,
    Parameter,
    Weights,
    check_weights,
    compare_weights,
    load_weights,
    save_weights,
)
from eyebright.report.network_table import network_text
from eyebright.system.errors import NetworkError


class Weighted(abc.ABC):
    """Base of `Classifier` and `Model`."""

    network: Network
    _weights: Weights

    @abc.abstractmethod
    def _renew(self) -> None:
        """Forget what was made from the weights."""

    def summary(self) -> str:
        """The layers as a table: kernels, shapes, parameters, multiply-adds, receptive fields."""
        return network_text(self.network)

    def layer(self, name: str) -> "LayerWeights":
        """One layer's weights; a `NetworkError` naming the nearest one where there is no such layer."""
        self.network.layer(name)
        return LayerWeights(self, name)

    def get_weights(self) -> Weights:
        """A copy of every tensor, by `layer.tensor`."""
        return {name: values.copy() for name, values in self._weights.items()}

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over every tensor.

        Raises:
            NetworkError: When one is missing, unexpected, of another shape or not of numbers; nothing is changed then.
        """
        taken = _as_arrays(weights)
        check_weights(self.network, taken)
        self._weights = {name: taken[name] for name in self.network.tensors}
        self._renew()

    def save_weights(self, path: str | os.PathLike[str]) -> Path:
        """Write the weights alone to a safetensors file; `.safetensors` is added where it is lacking.

        Raises:
            OutputError: When it cannot be written.
        """
        return save_weights(path, self._weights)

    def load_weights(self, path: str | os.PathLike[str], *, strict: bool = True) -> LoadReport:
        """Read weights from a file.

        Args:
            path: What `save_weights` wrote, another safetensors file, or a state dict of PyTorch's (`.pth`).
            strict: Refuse anything but a complete match. Otherwise take what fits, and report the rest.

        Returns:
            Which tensors were consumed, missing, unexpected or mismatched; `assert_consumed()` refuses all but a
            complete match.

        Raises:
            NetworkError: When the file is not sound or, if `strict`, does not match; nothing is changed then.
        """
        weights = load_weights(path)
        report = compare_weights(self.network, weights)
        if strict:
            report.assert_consumed()
        self.set_weights(self._weights | {name: weights[name] for name in report.consumed})
        return report


class LayerWeights:
    """The weights of one layer of a model; two layers of the same shapes can exchange theirs.

    Args:
        owner: The model.
        name: The layer's name.
    """

    def __init__(self, owner: Weighted, name: str) -> None:
        self._owner, self._name = owner, name

    def get_weights(self) -> Weights:
        """A copy of the layer's tensors, by their name within the layer: "weight", "bias"."""
        return {key: self._owner._weights[f"{self._name}.{key}"].copy() for key in self._tensors}

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over the layer's tensors, those of another layer of the same shapes for one.

        Raises:
            NetworkError: When one is missing, unexpected, of another shape or not of numbers; nothing is changed then.
        """
        given = _as_arrays(weights)
        if given.keys() != self._tensors.keys():
            wanted, received = (", ".join(keys) or "nothing" for keys in (self._tensors, given))
            raise NetworkError(f"the weights of the layer {self._name!r} are {wanted}; received {received}")
        self._owner.set_weights(self._owner._weights | {f"{self._name}.{key}": given[key] for key in given})

    @property
    def _tensors(self) -> dict[str, Parameter]:
        return self._owner.network.places[self._name].tensors


def _as_arrays(weights: Mapping[str, NDArray[np.float32]]) -> Weights:
    """A copy of what was given, float32."""
    if not isinstance(weights, Mapping):
        raise NetworkError(f"expected weights by name, as get_weights gives them; received a {type(weights).__name__}")
    arrays = {}
    for name, values in weights.items():
        try:
            arrays[name] = np.array(values, np.float32, order="C")
        except (TypeError, ValueError) as problem:
            raise NetworkError(f"the weights {name!r} are no array of numbers: {problem}") from problem
    return arrays
