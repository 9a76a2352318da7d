"""Weighted: what `Classifier` and `Model` have in common: the summary, and access to the weights."""

import abc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

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
from eyebright.network.summary import NetworkText
from eyebright.system.errors import NetworkError, SettingsError
from eyebright.system.table import Tabular
from eyebright.system.text import kind_of


class Weighted(Tabular, abc.ABC):
    """A network with its weights; the base of `Classifier` and `Model`."""

    network: Network
    _weights: Weights
    _trained: str  # how a call of fit trains, in place of what `compile` sets in Keras

    @abc.abstractmethod
    def _forget_graph(self) -> None:
        """Discard everything that was computed from the weights; called whenever they change."""

    def summary(self) -> NetworkText:
        """The layers as a table: kernels, shapes, parameters, multiply-adds, receptive fields.

        A notebook or a Python session shows it; a script prints it: `print(model.summary())`.
        """
        return NetworkText(self.network)

    def compile(self, *arguments: object, **named: object) -> NoReturn:
        """Not needed; this raises a `SettingsError` that shows what to write for Keras's `compile`."""
        raise SettingsError(f"compile is not needed, leave it out: {self._trained}")

    def layer(self, name: str) -> "LayerWeights":
        """Access to the weights of one layer; a `NetworkError` with the nearest name if there is no such layer."""
        self.network.layer(name)
        return LayerWeights(self, name)

    def get_weights(self) -> Weights:
        """Copies of all tensors, by `layer.tensor`."""
        return {name: values.copy() for name, values in self._weights.items()}

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Replace all tensors.

        Raises:
            NetworkError: When a tensor is missing, unexpected, of another shape or not numeric; then nothing changes.
        """
        arrays = _as_arrays(weights)
        check_weights(self.network, arrays)
        self._weights = {name: arrays[name] for name in self.network.tensors}
        self._forget_graph()

    def save_weights(self, path: str | os.PathLike[str]) -> Path:
        """Write the weights to a safetensors file; the suffix `.safetensors` is added if it is missing.

        Returns:
            The file that was written.

        Raises:
            OutputError: When the file cannot be written.
        """
        return save_weights(path, self._weights)

    def load_weights(self, path: str | os.PathLike[str], *, strict: bool = True) -> LoadReport:
        """Read weights from a file.

        Args:
            path: A safetensors file, or a state dict of PyTorch (`.pth`).
            strict: Whether all names and shapes must match. Otherwise only the tensors that match are loaded.

        Returns:
            Which tensors were consumed, missing, unexpected or mismatched.

        Raises:
            NetworkError: When the file is invalid or, if `strict`, does not match; then nothing changes.
        """
        weights = load_weights(path)
        report = compare_weights(self.network, weights)
        if strict:
            report.assert_consumed()
        self.set_weights(self._weights | {name: weights[name] for name in report.consumed})
        return report


class LayerWeights:
    """The weights of one layer of a model.

    Args:
        owner: The model.
        name: Name of the layer.
    """

    def __init__(self, owner: Weighted, name: str) -> None:
        self._owner, self._name = owner, name

    def get_weights(self) -> Weights:
        """Copies of the tensors of the layer, by their names within the layer: "weight", "bias"."""
        return {key: self._owner._weights[f"{self._name}.{key}"].copy() for key in self._tensors}

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Replace the tensors of the layer, for example by those of another layer with the same shapes.

        Raises:
            NetworkError: When a tensor is missing, unexpected, of another shape or not numeric; then nothing changes.
        """
        given = _as_arrays(weights)
        if given.keys() != self._tensors.keys():
            expected, got = (", ".join(keys) or "nothing" for keys in (self._tensors, given))
            raise NetworkError(f"expected the weights {expected} for the layer {self._name!r}, got {got}")
        self._owner.set_weights(self._owner._weights | {f"{self._name}.{key}": given[key] for key in given})

    @property
    def _tensors(self) -> dict[str, Parameter]:
        return self._owner.network.places[self._name].tensors


def _as_arrays(weights: Mapping[str, NDArray[np.float32]]) -> Weights:
    """Copies of the tensors, float32."""
    if not isinstance(weights, Mapping):
        raise NetworkError(f"expected a dict of weights by name, as get_weights returns it, got {kind_of(weights)}")
    arrays = {}
    for name, values in weights.items():
        try:
            arrays[name] = np.array(values, np.float32, order="C")
        except (TypeError, ValueError) as problem:
            raise NetworkError(f"the weights {name!r} are not an array of numbers: {problem}") from problem
    return arrays
