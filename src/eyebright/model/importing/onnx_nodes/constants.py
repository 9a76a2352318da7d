"""Nodes that only compute shapes or other constants, as PyTorch writes them around a reshape."""

import numpy as np

from eyebright.model.importing.assembly import Value
from eyebright.model.importing.onnx_nodes.node import Array, Node
from eyebright.system.errors import NetworkError

_MOST_VALUES = 10_000  # of a constant that is computed: a few nodes could make one that is larger than the memory


def compute(node: Node) -> Array | None:
    """The result of a node that reads only constants or shapes; None if it computes something else.

    The number of images is -1.
    """
    if node.kind == "Constant":
        return np.asarray(next(iter(node.settings.values())))
    if node.kind == "Shape":
        return np.array([-1, *node.value().shape])
    if not node.given or any(isinstance(given, Value) for given in node.given):
        return None
    constants = [np.asarray(given) for given in node.given if given is not None]
    match node.kind:
        case "Gather":
            values, places = constants[0], constants[1].astype(np.int64)
            axis = node.settings.get("axis", 0)
            _require_few(values.size * places.size // max(values.shape[axis], 1))
            return np.take(values, places, axis=axis)
        case "Unsqueeze":
            return np.expand_dims(constants[0], tuple(node.whole(1, "axes")))
        case "Concat":
            _require_few(sum(values.size for values in constants))
            return np.concatenate(constants, axis=node.settings["axis"])
        case "Cast" | "Identity":
            return constants[0]
    return None


def _require_few(count: int) -> None:
    if count > _MOST_VALUES:
        raise NetworkError(f"it computes a constant of {count:,} values (allowed: {_MOST_VALUES:,})")
