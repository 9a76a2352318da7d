"""A network and its weights as an ONNX model, made from data alone: no torch, no tracing, always the same bytes.

Images enter as uint8 `(N, H, W, C)` with values 0 to 255, vectors as float32 `(N, features)`. Nodes and their results
have the names of the layers, initializers those of the weights, so that Netron shows the network as it was written.
"""

from collections.abc import Iterable, Mapping
from functools import singledispatch
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from eyebright.network.graph import Network, Place
from eyebright.network.layer import Layer
from eyebright.network.weights import check_weights
from eyebright.system.errors import NetworkError

OPSET = 18  # old enough for every current runtime, new enough for everything that the layers need
IR_VERSION = 8
INPUT = "pictures"
PROBABILITIES = "probabilities"


class Graph:
    """An ONNX graph that is being built; the `emit` function of a layer adds its nodes here.

    Args:
        taken: Names that are already in use.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []

    def fresh(self, name: str) -> str:
        """An unused name: the given one, or the same with underscores at its end."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

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


def to_onnx(
    network: Network, weights: Mapping[str, NDArray[np.float32]], *, temperature: float | None = None
) -> ModelProto:
    """The ONNX model of a network.

    Args:
        network: The network.
        weights: Its tensors by `layer.tensor`.
        temperature: Divide the logits by this and add a softmax: the output is then named "probabilities". None: the
            output is that of the network.

    Raises:
        NetworkError: If the weights do not fit the network.
    """
    check_weights(network, weights)
    graph = Graph([INPUT, PROBABILITIES, *network.tensors])
    results = {name: graph.fresh(name) for name in network.places}
    for name, place in network.places.items():
        tensors = [f"{name}.{key}" for key in place.tensors]
        constants = [graph.constant(tensor, weights[tensor].astype(np.float32)) for tensor in tensors]
        emit(place.layer, place, graph, [*(results[source] for source in place.inputs), *constants], results[name])
    result = results[network.output]
    if temperature is not None:
        divisor = graph.values("temperature", temperature)
        logits = graph.add("Div", [result, divisor], graph.fresh("calibrated_logits"))
        result = graph.add("Softmax", [logits], PROBABILITIES, axis=-1)
    vectors = len(network.input_shape) == 1
    channels_last = (*network.input_shape[1:], *network.input_shape[:1])
    kind = TensorProto.FLOAT if vectors else TensorProto.UINT8
    proto: GraphProto = helper.make_graph(
        graph.nodes,
        "eyebright",
        [helper.make_tensor_value_info(results[network.input] if vectors else INPUT, kind, ["N", *channels_last])],
        [helper.make_tensor_value_info(result, TensorProto.FLOAT, ["N", *network.output_shape])],
        graph.initializers,
    )
    model = helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="eyebright"
    )
    onnx.checker.check_model(model, full_check=True)
    return model
