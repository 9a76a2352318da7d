"""A network and its weights as an ONNX graph, written from data alone: no torch, no tracing, the same bytes every time.

Pictures enter as eyebright prepares them, uint8 `(N, H, W, C)` with values 0 to 255; vectors as float32 `(N,
features)`. Nodes and their results carry the layers' names, initializers the names of the weights, so that Netron
shows the network as it was written.
"""

from collections.abc import Iterable, Mapping
from functools import singledispatch
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from eyebright.errors import NetworkError
from eyebright.network.graph import Network, Place
from eyebright.network.layer import Layer
from eyebright.network.layers import (
    Add,
    Conv2d,
    Dropout,
    Flatten,
    Input,
    Linear,
    MaxPool2d,
    Normalize,
    ReLU,
    as_pair,
    padding_sides,
    window_geometry,
)
from eyebright.network.weights import check_weights

OPSET = 18  # old enough for every runtime in use, new enough for all that the layers need
IR_VERSION = 8
INPUT = "pictures"
PROBABILITIES = "probabilities"


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


def to_onnx(
    network: Network, weights: Mapping[str, NDArray[np.float32]], *, temperature: float | None = None
) -> ModelProto:
    """The ONNX model of a network.

    Args:
        network: The network.
        weights: Its tensors by `layer.tensor`.
        temperature: Divide the result by this and append a softmax, so that the graph gives calibrated probabilities
            named "probabilities"; None leaves the network's own result.

    Raises:
        NetworkError: When the weights are not those of the network.
    """
    check_weights(network, weights)
    graph = Graph([INPUT, PROBABILITIES, *network.parameters])
    vectors = len(network.input_shape) == 1
    results = {name: graph.fresh(name) for name in network.places}
    name = INPUT if not vectors else results[network.input]
    for layer_name, place in network.places.items():
        tensors = [f"{layer_name}.{key}" for key in place.parameters]
        constants = [graph.constant(tensor, weights[tensor].astype(np.float32)) for tensor in tensors]
        sources = [*(results[source] for source in place.inputs), *constants]
        emit(place.layer, place, graph, sources, results[layer_name])
    result = results[network.output]
    if temperature is not None:
        divisor = graph.constant(graph.fresh("temperature"), np.array(temperature, np.float32))
        logits = graph.add("Div", [result, divisor], graph.fresh("calibrated_logits"))
        result = graph.add("Softmax", [logits], PROBABILITIES, axis=-1)
    channels_last = (*network.input_shape[1:], *network.input_shape[:1])
    kind = TensorProto.FLOAT if vectors else TensorProto.UINT8
    proto: GraphProto = helper.make_graph(
        graph.nodes,
        "eyebright",
        [helper.make_tensor_value_info(name, kind, ["N", *channels_last])],
        [helper.make_tensor_value_info(result, TensorProto.FLOAT, ["N", *network.output_shape])],
        graph.initializers,
    )
    model = helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="eyebright"
    )
    onnx.checker.check_model(model, full_check=True)
    return model


@singledispatch
def emit(layer: Layer, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    """Add the nodes that compute a layer; register one for a layer of your own with `emit.register`.

    Args:
        layer: The layer.
        place: The layer in its network: shapes of its inputs and of its result.
        graph: Where the nodes go.
        inputs: Names of its inputs, then of its weights in the order of `layer.parameters`.
        output: Name that the result must have.
    """
    raise NetworkError(
        f"layers of type {type(layer).__name__} cannot be written as ONNX: register one with emit.register"
    )


@emit.register
def _(layer: Input, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    if len(layer.shape) == 3:
        floats = graph.add("Cast", [INPUT], graph.fresh(f"{output}_float"), to=TensorProto.FLOAT)
        graph.add("Transpose", [floats], output, perm=[0, 3, 1, 2])


@emit.register
def _(layer: Normalize, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    shape = (-1, *(1,) * (len(place.shape) - 1))
    mean = graph.constant(graph.fresh(f"{output}.mean"), np.array(layer.mean, np.float32).reshape(shape))
    std = graph.constant(graph.fresh(f"{output}.std"), np.array(layer.std, np.float32).reshape(shape))
    centred = graph.add("Sub", [*inputs, mean], graph.fresh(f"{output}_centred"))
    graph.add("Div", [centred, std], output)


@emit.register
def _(layer: Conv2d, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add(
        "Conv",
        inputs,
        output,
        kernel_shape=list(as_pair(layer.kernel_size)),
        strides=list(as_pair(layer.stride)),
        dilations=list(as_pair(layer.dilation)),
        pads=list(padding_sides(layer, place.input_shapes[0])),
        group=layer.groups,
    )


@emit.register
def _(layer: MaxPool2d, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    kernel, stride = window_geometry(layer)
    pads = list(padding_sides(layer, place.input_shapes[0]))
    graph.add("MaxPool", inputs, output, kernel_shape=list(kernel), strides=list(stride), pads=pads)


@emit.register
def _(layer: ReLU, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Relu", inputs, output)


@emit.register
def _(layer: Flatten, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Flatten", inputs, output, axis=1)


@emit.register
def _(layer: Linear, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Gemm", inputs, output, transB=1)


@emit.register
def _(layer: Dropout, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Identity", inputs, output)


@emit.register
def _(layer: Add, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Sum", inputs, output)
