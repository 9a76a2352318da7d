"""An ONNX graph in the making, and the door through which each layer adds its nodes to it."""

from collections.abc import Iterable
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from eyebright.network.graph import Place
from eyebright.network.layer import Layer
from eyebright.system.errors import NetworkError

INPUT = "pictures"


class Graph:
    """An ONNX graph in the making; `emit` registered for a layer adds its nodes here."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []

    def fresh(self, name: str) -> str:
        """The name, or one like it where a layer or a weight bears it already."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Append one node, named like its result, and return that name."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        """Append one initializer and return its name."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def values(self, name: str, values: Any) -> str:
        """Append float32 numbers under a name like the given one, and return that name."""
        return self.constant(self.fresh(name), np.asarray(values, np.float32))


@singledispatch
def emit(layer: Layer, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    """Add the nodes that compute a layer; register one for a layer of your own with `emit.register`.

    Args:
        layer: The layer.
        place: The layer in its network: shapes of its inputs and of its result.
        graph: Where the nodes go.
        inputs: Names of its inputs, then of its tensors in the order of `place.tensors`.
        output: Name that the result must have.
    """
    raise NetworkError(
        f"layers of type {type(layer).__name__} cannot be written as ONNX: register one with emit.register"
    )
