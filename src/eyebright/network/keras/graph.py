"""The layers of a Keras model that is being made, and `emit`, which adds those that compute a layer of ours."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import singledispatch
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.network.graph import Place
from eyebright.network.layer import Layer, Shape, channels_last
from eyebright.network.wiring import Names
from eyebright.system.errors import NetworkError

Tensors: TypeAlias = list[NDArray[np.float32]]
_NEVER_NEGATIVE = {"ReLU", "Softmax"}
_NEVER_NEGATIVE_FROM_SUCH = {
    "AveragePooling2D",
    "Concatenate",
    "Dropout",
    "MaxPooling2D",
    "UpSampling2D",
    "ZeroPadding2D",
}


class KerasLayer(NamedTuple):
    """One layer of a Keras model.

    Args:
        kind: Its class, such as "Conv2D".
        inputs: Names of the layers that it reads.
        shape: Shape of its output for one sample, with the channels last.
        settings: The arguments of its class.
        tensors: Its weights in Keras's order and layout.
    """

    kind: str
    inputs: tuple[str, ...]
    shape: Shape
    settings: dict[str, Any]
    tensors: tuple[NDArray[np.float32], ...]


class Graph:
    """A Keras model that is being made; the `emit` function of a layer adds its layers here.

    Args:
        taken: Names that no layer may have.
    """

    def __init__(self, *taken: str) -> None:
        self.fresh = Names(taken, allowed="-").fresh
        """An unused name that Keras allows."""
        self.layers: dict[str, KerasLayer] = {}

    def add(
        self,
        kind: str,
        inputs: Sequence[str],
        output: str,
        shape: Shape,
        *tensors: NDArray[np.float32],
        **settings: Any,
    ) -> str:
        """Add one layer and return its name.

        Args:
            kind: Its class.
            inputs: Names of the layers that it reads.
            output: Its name.
            shape: Shape of its output, `(C, H, W)` or `(features,)`.
            tensors: Its weights in Keras's order and layout.
            settings: The arguments of its class.
        """
        self.layers[output] = KerasLayer(kind, tuple(inputs), channels_last(shape), settings, tensors)
        return output

    def pad(self, source: str, output: str, shape: Shape, before: tuple[int, int], after: tuple[int, int]) -> str:
        """Add zeros around images of shape (C, H, W), if there are any to add, and return the name of the result."""
        amounts = [(first, max(last, 0)) for first, last in zip(before, after, strict=True)]
        if not np.any(amounts):
            return source
        padded = (shape[0], *(size + sum(ends) for size, ends in zip(shape[1:], amounts, strict=True)))
        name = self.fresh(f"{output}_padding")
        return self.add("ZeroPadding2D", [source], name, padded, padding=amounts, data_format="channels_last")

    def never_negative(self, name: str) -> bool:
        """Whether a layer's values are certain to be 0 or more, so that zeros around them do not change a maximum."""
        layer, activation = self.layers[name], self.layers[name].settings.get("activation")
        if layer.kind in _NEVER_NEGATIVE_FROM_SUCH or activation == "linear":
            return all(map(self.never_negative, layer.inputs))
        return layer.kind in _NEVER_NEGATIVE or activation in {"sigmoid", "hard_sigmoid"}


@singledispatch
def emit(layer: Layer, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    """Add the Keras layers that compute a layer. Register a function for your own layer with `emit.register`.

    Args:
        layer: The layer.
        place: The layer in its network: the shapes of its inputs and output.
        graph: The model to add layers to.
        inputs: Names of the Keras layers that it reads.
        tensors: Its tensors in the order of `place.tensors`.
        output: The name that the last Keras layer must have.
    """
    raise NetworkError(f"{type(layer).__name__} {layer.name!r} has no counterpart among Keras's layers: use ONNX")


def refuse(layer: Layer, what: str) -> NetworkError:
    """The error for a layer of ours that Keras has no layers for."""
    return NetworkError(f"{type(layer).__name__} {layer.name!r} {what}, which Keras's layers cannot compute")


def saved_order(layers: Mapping[str, KerasLayer], output: str) -> list[str]:
    """The layers that an output depends on, in the order in which Keras reads their weights.

    Keras finds the weights of a layer by its class and its number among those of its class, counted by decreasing
    distance from the output, and at the same distance as a walk back from the output meets them. With another order,
    the weights of two layers of the same shape would change places without an error.
    """
    met: dict[str, None] = {}
    waiting = [output]
    while waiting:
        name = waiting.pop()
        if name not in met:
            met[name] = None
            waiting += reversed(layers[name].inputs)
    distance = dict.fromkeys(met, 0)
    for name in reversed(list(layers)):  # those that read a layer come before it
        for source in layers[name].inputs if name in met else ():
            distance[source] = max(distance[source], distance[name] + 1)
    return sorted(met, key=lambda name: -distance[name])


def weight_groups(kinds: Iterable[tuple[str, str]], container: str = "layers") -> dict[str, str]:
    """The HDF5 group with the weights of each layer: `layers/conv2d_1` is that of the second Conv2D.

    Args:
        kinds: Name and class of each layer, in Keras's order of layers.
        container: The group that has those of the layers.

    Source: `saving_lib.py` and `naming.py` of Keras 3.15.
    """
    counts, groups = Counter[str](), dict[str, str]()
    for name, kind in kinds:
        stem = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
        stem = re.sub("([a-z])([A-Z])", r"\1_\2", stem).lower()
        groups[name] = f"{container}/{stem}_{counts[stem]}" if counts[stem] else f"{container}/{stem}"
        counts[stem] += 1
    return groups
