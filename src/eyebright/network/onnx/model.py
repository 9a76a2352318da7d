"""A network and its weights as an ONNX graph, written from data alone: no torch, no tracing, the same bytes every time.

Pictures enter as eyebright prepares them, uint8 `(N, H, W, C)` with values 0 to 255; vectors as float32 `(N,
features)`. Nodes and their results carry the layers' names, initializers the names of the weights, so that Netron
shows the network as it was written.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, TensorProto, helper

from eyebright.network.graph import Network
from eyebright.network.onnx.graph import INPUT, Graph, emit
from eyebright.network.weights import check_weights

OPSET = 18  # old enough for every runtime in use, new enough for all that the layers need
IR_VERSION = 8
PROBABILITIES = "probabilities"


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
    graph = Graph([INPUT, PROBABILITIES, *network.tensors])
    vectors = len(network.input_shape) == 1
    results = {name: graph.fresh(name) for name in network.places}
    name = INPUT if not vectors else results[network.input]
    for layer_name, place in network.places.items():
        tensors = [f"{layer_name}.{key}" for key in place.tensors]
        constants = [graph.constant(tensor, weights[tensor].astype(np.float32)) for tensor in tensors]
        sources = [*(results[source] for source in place.inputs), *constants]
        emit(place.layer, place, graph, sources, results[layer_name])
    result = results[network.output]
    if temperature is not None:
        divisor = graph.values("temperature", temperature)
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
