"""A SavedModel as Netron shows it best: Netron draws a variable as a node of its own, and a constant as a weight."""

from collections.abc import Iterator

from eyebright.network.tensorflow.graph import DType
from eyebright.network.tensorflow.protobuf import all_of, entry, fields, message, number

_SAVING = b"save/"  # how the names of nodes begin that read and write the files of variables


def with_constants(saved_model: bytes) -> bytes:
    """The graph of a saved_model.pb that `to_saved_model` has written, as a GraphDef with constants for variables.

    The constants have the shapes of the variables and no values, so that the file stays small. Nothing can run it.

    Args:
        saved_model: The content of the file.

    Raises:
        ValueError: When it is damaged.
    """
    graphs = (graph for meta_graph in all_of(saved_model, 2) for graph in all_of(meta_graph, 2))
    nodes = [node for graph in graphs for node in all_of(graph, 1)]
    return b"".join(message(1, node) for node in _shown(nodes))


def _shown(nodes: list[bytes]) -> Iterator[bytes]:
    shapes: dict[bytes, bytes] = {}
    for node in nodes:
        name, operation = (b"".join([*all_of(node, field)][-1:]) for field in (1, 2))
        if name.startswith(_SAVING):
            continue
        if operation == b"VarHandleOp":
            shapes[name] = _shape(node)
        elif operation == b"ReadVariableOp":
            yield _constant(name, shapes[next(all_of(node, 3))])
        else:
            yield node


def _shape(node: bytes) -> bytes:
    """The attribute `shape` of a node, a TensorShapeProto."""
    attributes = (dict(fields(attribute)) for attribute in all_of(node, 5))
    value = next(attribute[2] for attribute in attributes if attribute[1] == b"shape")
    return next(all_of(value, 7))


def _constant(name: bytes, shape: bytes) -> bytes:
    tensor = number(1, DType.FLOAT) + message(2, shape)
    attributes = entry(5, "dtype", number(6, DType.FLOAT)) + entry(5, "value", message(8, tensor))
    return message(1, name) + message(2, "Const") + attributes
