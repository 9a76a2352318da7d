"""Assembly: a network that is put together from the layers of another program, with their weights."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.network import ELU, Layer, Multiply, Network, Normalize, Shape, Softplus, Tanh, Weights
from eyebright.network.layer import checked_shape
from eyebright.network.wiring import ancestors
from eyebright.system.errors import NetworkError

_MOST_LAYERS = 20_000


class Value(NamedTuple):
    """What a layer gives.

    Args:
        name: The layer.
        shape: `(C, H, W)` or `(features,)`.
        order: Where each of the features is in the other program's vector, `(features,)`; None if in the same place.
            A program with channels last flattens maps row by row, and we channel by channel.
        channels_first: Whether a program with channels last has turned these maps to have channels first.
    """

    name: str
    shape: Shape
    order: NDArray[np.intp] | None = None
    channels_first: bool = False


class Assembly:
    """Layers, how they are connected, and their weights."""

    def __init__(self) -> None:
        self._layers: list[Layer] = []
        self._wiring: dict[str, tuple[str, ...]] = {}
        self._weights: Weights = {}

    def add(
        self,
        layer: Layer,
        *inputs: Value,
        order: NDArray[np.intp] | None = None,
        tensors: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> Value:
        """Add a layer.

        Args:
            layer: The layer; its name gets a number if it is taken.
            inputs: What it reads.
            order: The order of its features, if that differs from the other program's.
            tensors: Its weights, by their names within the layer.

        Raises:
            NetworkError: When its inputs or weights do not fit.
        """
        if len(self._layers) >= _MOST_LAYERS:
            raise NetworkError(f"there are more than {_MOST_LAYERS:,} layers")
        name = self._free(layer.name or layer.stem)
        layer = msgspec.structs.replace(layer, name=name)
        shapes = [value.shape for value in inputs]
        shape = checked_shape(layer, shapes, [value.name for value in inputs])
        expected = {key: tensor.shape for key, tensor in (layer.parameters(*shapes) | layer.buffers(*shapes)).items()}
        tensors = tensors or {}
        given = {key: values.shape for key, values in tensors.items()}
        if given != expected:
            raise NetworkError(f"expected weights of the shapes {_text(expected)}, got {_text(given)}")
        if not all(np.isfinite(values).all() for values in tensors.values()):
            raise NetworkError("its weights contain values that are NaN or infinite")
        self._layers.append(layer)
        self._wiring[name] = tuple(value.name for value in inputs)
        self._weights |= {f"{name}.{key}": np.ascontiguousarray(values, np.float32) for key, values in tensors.items()}
        return Value(name, shape, order)

    def made(self, value: Value) -> tuple[Layer, tuple[str, ...]]:
        """The layer that gives a value, and the names of those that it reads."""
        layer = next(layer for layer in reversed(self._layers) if layer.name == value.name)
        return layer, self._wiring[value.name]

    def finish(self, output: Value) -> tuple[Network, Weights]:
        """The network that computes a value, without layers that it does not need, and its weights.

        Raises:
            NetworkError: When its features are in another order than in the other program: the classes would be too.
        """
        if output.order is not None:
            raise NetworkError("its outputs are flattened maps of more than one pixel, not one value for each class")
        needed = ancestors(output.name, self._wiring)
        layers = [layer for layer in self._layers if layer.name in needed]
        network = Network.from_layers(layers, self._wiring, output.name)
        return network, {name: self._weights[name] for name in network.tensors}

    def _free(self, name: str) -> str:
        number, free = 1, name
        while free in self._wiring:
            number += 1
            free = f"{name}_{number}"
        return free


def affine(network: Assembly, name: str, read: Value, scale: Any, offset: Any) -> Value:
    """Add `scale * x + offset`, with one number for all channels or one for each."""
    factors, shifts = np.broadcast_arrays(*(np.asarray(value, np.float64).ravel() for value in (scale, offset)))
    if not (factors > 0).all():
        raise NetworkError(f"it multiplies by {scale}: only factors above 0 are supported")
    means, stds = (tuple(_short(value) for value in values) for values in (-shifts / factors, 1 / factors))
    if read.order is not None and len(factors) > 1:
        raise NetworkError("it has its own factor for each value of flattened maps, which is not supported")
    return network.add(Normalize(per_channel(means), per_channel(stds), name=name), read, order=read.order)


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def selu(network: Assembly, name: str, read: Value, alpha: float = SELU_ALPHA, scale: float = SELU_SCALE) -> Value:
    """Add `scale * elu(x)`.

    Source: Klambauer et al. 2017, "Self-Normalizing Neural Networks", equation 2 and appendix A1 for the numbers.
    """
    bent = network.add(ELU(alpha, name=f"{name}_elu"), read, order=read.order)
    return affine(network, name, bent, scale, 0.0)


def mish(network: Assembly, name: str, read: Value) -> Value:
    """Add `x * tanh(softplus(x))`.

    Source: Misra 2019, "Mish: A Self Regularized Non-Monotonic Activation Function".
    """
    gate = network.add(Softplus(name=f"{name}_softplus"), read)
    gate = network.add(Tanh(name=f"{name}_tanh"), gate)
    return network.add(Multiply(name=name), read, gate, order=read.order)


def per_channel(values: Any) -> float | tuple[float, ...]:
    """Values as a setting of `Normalize`: one number if all are the same."""
    numbers = tuple(float(value) for value in np.ravel(values))
    return numbers[0] if len(set(numbers)) == 1 else numbers


def _short(value: float) -> float:
    """255 for the reciprocal of 1 / 255: the shortest number within the rounding of a few operations."""
    rounded = float(f"{value:.12g}")
    return rounded if math.isclose(rounded, value, rel_tol=1e-15) else value


def _text(shapes: dict[str, Shape]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "none"
