"""A network and its weights as an ONNX model, made from data alone: no torch, no tracing, always the same bytes.

Images enter as uint8 `(N, H, W, C)` with values 0 to 255, vectors as float32 `(N, features)`. Nodes and their results
have the names of the layers, initializers those of the weights, so that Netron shows the network as it was written.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, helper

from eyebright.network.answering import ANSWER, PROBABILITIES, UNFAMILIARITY, Answering, features_place
from eyebright.network.detecting import BOX_CHANNELS, BOXES, SCORES, Detecting
from eyebright.network.graph import Network
from eyebright.network.layer import Shape, channels_last
from eyebright.network.onnx.answering import add_answering, add_features
from eyebright.network.onnx.detecting import add_detecting
from eyebright.network.onnx.graph import FEATURES, INPUT, Graph, emit
from eyebright.network.weights import check_weights
from eyebright.network.wiring import ancestors

OPSET = 18  # old enough for every current runtime, new enough for everything that the layers need
IR_VERSION = 8


def to_onnx(
    network: Network,
    weights: Mapping[str, NDArray[np.float32]],
    *,
    answering: Answering | Detecting | None = None,
    with_features: bool = False,
    layers: Sequence[str] = (),
) -> ModelProto:
    """The ONNX model of a network.

    Args:
        network: The network.
        weights: Its tensors by `layer.tensor`.
        answering: How an answer is made from the logits. The outputs are then "probabilities" `(N, num_classes)`;
            "unfamiliarity" `(N,)`, 1 at the limit, where it is known what is familiar; and "answer" `(N,)`, int64, a
            class or -1. Or how boxes are made from the maps of a detector: "scores" `(N, classes, h, w)` and "boxes"
            `(N, 4, h, w)`; see `eyebright.network.detecting`. None: the output is that of the network.
        with_features: Add the output "features" `(N, features)`, from which the last layer computes the logits.
        layers: Names of layers whose values are the outputs, instead of those of the network; only what they need is
            computed.

    Raises:
        NetworkError: If the weights do not fit the network, or one of the layers does not exist.
    """
    check_weights(network, weights)
    graph = Graph([INPUT, PROBABILITIES, UNFAMILIARITY, ANSWER, FEATURES, SCORES, BOXES, *network.tensors])
    results = {name: graph.fresh(name) for name in network.places}
    for name in _needed(network, layers):
        place = network.places[name]
        tensors = [f"{name}.{key}" for key in place.tensors]
        constants = [graph.constant(tensor, weights[tensor].astype(np.float32)) for tensor in tensors]
        emit(place.layer, place, graph, [*(results[source] for source in place.inputs), *constants], results[name])
    if layers:
        outputs = [_described(results[name], network.places[name].shape) for name in layers]
    elif isinstance(answering, Detecting):
        count, *size = network.output_shape
        add_detecting(graph, answering, results[network.output], network.output_shape)
        outputs = [_described(SCORES, (count - BOX_CHANNELS, *size)), _described(BOXES, (BOX_CHANNELS, *size))]
    else:
        outputs = _outputs(network, graph, results, answering, with_features=with_features)
    vectors = len(network.input_shape) == 1
    axes: list[int | str | None] = ["N", *channels_last(network.input_shape)]
    kind = TensorProto.FLOAT if vectors else TensorProto.UINT8
    proto: GraphProto = helper.make_graph(
        graph.nodes,
        "eyebright",
        [helper.make_tensor_value_info(results[network.input] if vectors else INPUT, kind, axes)],
        outputs,
        graph.initializers,
    )
    model = helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="eyebright"
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _needed(network: Network, layers: Sequence[str]) -> list[str]:
    """The layers on which the values of these depend, in order; all layers where none are given."""
    for name in layers:
        network.layer(name)
    needed = set[str]().union(*(ancestors(name, network.wiring) for name in layers or (network.output,)))
    return [name for name in network.places if name in needed]


def _outputs(
    network: Network, graph: Graph, results: dict[str, str], answering: Answering | None, *, with_features: bool
) -> list[ValueInfoProto]:
    """Add what comes after the layers, and describe the outputs of the graph."""
    needs_features = with_features or (answering is not None and answering.familiar is not None)
    features = add_features(graph, network, results) if needs_features else ""
    if answering is None:
        kinds = {results[network.output]: (TensorProto.FLOAT, network.output_shape)}
    else:
        add_answering(graph, answering, results[network.output], features)
        kinds = {PROBABILITIES: (TensorProto.FLOAT, network.output_shape)}
        kinds |= {UNFAMILIARITY: (TensorProto.FLOAT, ())} if answering.familiar else {}
        kinds |= {ANSWER: (TensorProto.INT64, ())}
    if with_features:
        kinds[FEATURES] = (TensorProto.FLOAT, features_place(network)[1].shape[:1])
    return [_described(name, shape, kind) for name, (kind, shape) in kinds.items()]


def _described(name: str, shape: Shape, kind: int = TensorProto.FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, ["N", *shape])
