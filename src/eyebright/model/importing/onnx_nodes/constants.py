"""Nodes that only compute shapes or other constants, as PyTorch writes them around a reshape or a padding.

They are computed by ONNX's reference implementation, which is NumPy, and only if they are among a few harmless ones.
"""

import math

import numpy as np

from eyebright.model.importing.assembly import Value
from eyebright.model.importing.onnx_nodes.node import Array, OnnxNode
from eyebright.system.errors import NetworkError

_ARITHMETIC = frozenset({"Add", "Sub", "Mul", "Div", "Ceil", "Floor", "Clip"})
_MOVING = frozenset(
    {"Cast", "Concat", "ConstantOfShape", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"}
)
_MOST_VALUES = 10_000  # of a constant that is computed: a few nodes could make one that is larger than the memory
_BATCH = -1  # stands for the number of images in a shape


def compute(node: OnnxNode) -> Array | None:
    """The result of a node that reads only constants or shapes; None if it computes something else.

    The number of images is -1.

    Raises:
        NetworkError: When the result would be large, or depends on the number of images in another way than as a part
            of a shape.
    """
    if node.kind == "Constant":
        return np.asarray(next(iter(node.settings.values())))
    if node.kind == "Shape":
        read = node.given[0]
        shape = read.shape if isinstance(read, np.ndarray) else (_BATCH, *node.value().shape)
        return np.array(shape, np.int64)[node.settings.get("start", 0) : node.settings.get("end")]
    if (
        node.kind not in _ARITHMETIC | _MOVING
        or not node.given
        or any(isinstance(given, Value) for given in node.given)
    ):
        return None
    constants = [np.asarray(given) for given in node.given if given is not None]
    if (count := _size(node, constants)) > _MOST_VALUES:
        raise NetworkError(f"it computes a constant of {count:,} values (allowed: {_MOST_VALUES:,})")
    if node.kind in _ARITHMETIC and any((values == _BATCH).any() for values in constants):
        raise NetworkError("it computes with the number of images, which is not known here")
    return _by_reference(node)


def _size(node: OnnxNode, constants: list[Array]) -> int:
    """How many values the result has at most."""
    if node.kind == "Gather":
        values, places = constants
        along: int = values.shape[node.settings.get("axis", 0)]
        return values.size * places.size // max(along, 1)
    if node.kind == "ConstantOfShape":
        return math.prod(constants[0].tolist())
    if node.kind in _ARITHMETIC:
        return math.prod(np.broadcast_shapes(*(values.shape for values in constants)))
    return sum(values.size for values in constants)


def _by_reference(node: OnnxNode) -> Array:
    """What ONNX's reference gives for a node whose inputs are constants."""
    from onnx import helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

    given = {f"x{number}": np.asarray(values) for number, values in enumerate(node.given) if values is not None}
    inputs = [f"x{number}" if f"x{number}" in given else "" for number in range(len(node.given))]
    settings = {key: numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
                for key, value in node.settings.items()}  # fmt: skip
    described = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(values.dtype), values.shape)
                 for name, values in given.items()]  # fmt: skip
    graph = helper.make_graph(
        [helper.make_node(node.kind, inputs, ["y"], **settings)], "constant", described,
        [helper.make_empty_tensor_value_info("y")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", node.opset)])
    try:
        (found,) = ReferenceEvaluator(model).run(None, given)
    except Exception as problem:  # its errors have no common base
        raise NetworkError(f"its constant cannot be computed: {problem}") from problem
    return np.asarray(found)
