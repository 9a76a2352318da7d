"""A network and its weights as a SavedModel of TensorFlow, made from data alone: no TensorFlow, always the same bytes.

Images enter as uint8 `(N, H, W, C)` with values 0 to 255, vectors as float32 `(N, features)`. The graph holds the
network itself, one operation after the other, with one variable for each tensor, named after our layers.

Sources: `saved_model.proto`, `meta_graph.proto`, `saver.proto` and `variable.proto` of TensorFlow.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from eyebright.network.answering import ANSWER, PROBABILITIES, UNFAMILIARITY, Answering
from eyebright.network.graph import Network
from eyebright.network.layer import Shape, channels_last
from eyebright.network.tensorflow.answering import add_answering
from eyebright.network.tensorflow.bundle import tensor_bundle
from eyebright.network.tensorflow.graph import DType, Graph, emit, read_of, shape_proto
from eyebright.network.tensorflow.protobuf import entry, message, number
from eyebright.network.weights import check_weights

INPUT, LOGITS = "pictures", "logits"
SAVED_MODEL, VARIABLES = "saved_model.pb", "variables"
_PRODUCER = 1882  # the version of graphs of TensorFlow 2.18
FILE = "save/Const"  # names the file of the variables; TensorFlow gives it another value
_SAVE, _RESTORE = "save/control_dependency", "save/restore_all"


def to_saved_model(
    network: Network, weights: Mapping[str, NDArray[np.float32]], *, answering: Answering | None = None
) -> dict[str, bytes]:
    """The files of a SavedModel of a network, by their paths in its folder.

    Args:
        network: The network.
        weights: Its tensors by `layer.tensor`.
        answering: How an answer is made from the logits. The outputs of the signature "serving_default" are then
            "probabilities" `(N, num_classes)`; "unfamiliarity" `(N,)`, where it is known what is familiar; and
            "answer" `(N,)`, int64, a class or -1. None: the output is that of the network, "logits".

    Raises:
        NetworkError: If the weights do not fit the network.
    """
    check_weights(network, weights)
    graph = Graph([INPUT, LOGITS, PROBABILITIES, UNFAMILIARITY, ANSWER, FILE, _RESTORE])
    results = {name: graph.fresh(name) for name in network.places}
    for name, place in network.places.items():
        tensors = {key: np.asarray(weights[f"{name}.{key}"], np.float32) for key in place.tensors}
        inputs = [results[source] for source in place.inputs] or [INPUT]
        emit(place.layer, place, graph, inputs, tensors, results[name])
    outputs = _outputs(network, graph, answering, results)
    assigned = _add_saver(graph)
    given = (INPUT, DType.UINT8 if len(network.input_shape) == 3 else DType.FLOAT, channels_last(network.input_shape))
    content = _meta_graph(graph, assigned, [given], outputs)
    bundle = tensor_bundle(graph.variables)
    return {SAVED_MODEL: number(1, 1) + message(2, content)} | {
        f"{VARIABLES}/{name}": data for name, data in bundle.items()
    }


def _outputs(
    network: Network, graph: Graph, answering: Answering | None, results: dict[str, str]
) -> list[tuple[str, DType, Shape]]:
    """Add what comes after the layers, and describe the outputs: name, type and shape for one sample."""
    if answering is None:
        graph.add("Identity", [results[network.output]], LOGITS)
        return [(LOGITS, DType.FLOAT, channels_last(network.output_shape))]
    add_answering(graph, network, answering, results)
    unlike: list[tuple[str, DType, Shape]] = [(UNFAMILIARITY, DType.FLOAT, ())] if answering.familiar else []
    return [(PROBABILITIES, DType.FLOAT, network.output_shape), *unlike, (ANSWER, DType.INT64, ())]


def file_node() -> bytes:
    """The node that names the file of the variables."""
    graph = Graph()
    graph.texts(FILE, "model")
    return graph.nodes[0]


def _add_saver(graph: Graph) -> dict[str, str]:
    """Add what reads the variables from their files and writes them; returns what sets each variable, by its name."""
    names = list(graph.variables)
    if not names:
        return {}
    graph.nodes.append(file_node())
    keys, slices = graph.texts("save/names", names), graph.texts("save/slices", [""] * len(names))
    kinds = [DType.FLOAT] * len(names)
    graph.add("SaveV2", [FILE, keys, slices, *map(read_of, names)], "save/SaveV2", dtypes=kinds, T=None)
    graph.add("Identity", [FILE, "^save/SaveV2"], _SAVE, T=DType.STRING)
    graph.add("RestoreV2", [FILE, keys, slices], "save/RestoreV2", dtypes=kinds, T=None)
    assigned = {name: f"save/Assign_{index}" for index, name in enumerate(names)}
    for index, (name, output) in enumerate(assigned.items()):
        graph.add("AssignVariableOp", [name, f"save/RestoreV2:{index}"], output, dtype=DType.FLOAT, T=None)
    graph.add("NoOp", [f"^{output}" for output in assigned.values()], _RESTORE, T=None)
    return assigned


def _meta_graph(
    graph: Graph,
    assigned: Mapping[str, str],
    inputs: list[tuple[str, DType, Shape]],
    outputs: list[tuple[str, DType, Shape]],
) -> bytes:
    """A MetaGraphDef: the graph, how it is restored and called, and which of its nodes are variables."""
    versions = message(4, number(1, _PRODUCER))
    saver = message(1, f"{FILE}:0") + message(2, f"{_SAVE}:0") + message(3, _RESTORE)
    saver += number(7, 2)  # files as `bundle` writes them
    variables = b"".join(message(1, _variable(name, output)) for name, output in assigned.items())
    ports = b"".join(
        entry(field, name, message(1, f"{name}:0") + number(2, dtype) + message(3, shape_proto((-1, *shape))))
        for field, described in ((1, inputs), (2, outputs))
        for name, dtype, shape in described
    )
    return (
        message(1, message(4, "serve"))
        + message(2, b"".join(message(1, node) for node in graph.nodes) + versions)
        + (message(3, saver) if assigned else b"")
        + entry(4, "trainable_variables", message(2, variables))
        + entry(4, "variables", message(2, variables))
        + entry(5, "serving_default", ports + message(3, "tensorflow/serving/predict"))
    )


def _variable(name: str, assigned: str) -> bytes:
    """A VariableDef."""
    return (
        message(1, f"{name}:0")
        + message(2, assigned)
        + message(3, f"{read_of(name)}:0")
        + number(5, 1)  # a resource
        + number(7, 1)  # trainable
    )
