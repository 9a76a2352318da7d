"""An ONNX graph that is being built, and `emit`, which adds the nodes of a layer to it."""

from collections.abc import Iterable
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from eyebright.network.graph import Place
from eyebright.network.layer import Layer
from eyebright.network.wiring import Names
from eyebright.system.errors import NetworkError

INPUT, FEATURES = "pictures", "features"


class Graph:
    """An ONNX graph that is being built; the `emit` function of a layer adds its nodes here.

    Args:
        taken: Names that are already in use.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self.fresh = Names(taken).fresh
        """An unused name."""
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add one node, named like its output, and return that name."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        """Add one initializer and return its name."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def values(self, name: str, values: Any) -> str:
        """Add a float32 initializer under an unused name similar to the given one, and return that name."""
        return self.constant(self.fresh(name), np.asarray(values, np.float32))


@singledispatch
def emit(layer: Layer, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    """Add the nodes that compute a layer. Register a function for your own layer with `emit.register`.

    Args:
        layer: The layer.
        place: The layer in its network: the shapes of its inputs and output.
        graph: The graph to add nodes to.
        inputs: Names of its inputs, then of its tensors in the order of `place.tensors`.
        output: The name that its output must have.
    """
    raise NetworkError(
        f"a layer of type {type(layer).__name__} cannot be exported to ONNX: register a function with emit.register"
    )
