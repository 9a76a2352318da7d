"""Whether a SavedModel only computes.

TensorFlow's own guide to security says that a model is a program: its operations can read and write any file. One from
somebody else is therefore refused here unless all its operations are known to compute, and nothing else.
"""

from eyebright.network.tensorflow.model import FILE, file_node
from eyebright.network.tensorflow.protobuf import all_of
from eyebright.system.errors import ModelError

_COMPUTING = frozenset({
    "Abs", "AddN", "AddV2", "ArgMax", "AvgPool", "BatchMatMulV2", "BiasAdd", "Cast", "ConcatV2", "Const", "Conv2D",
    "DepthToSpace", "DepthwiseConv2dNative", "Elu", "Equal", "Erf", "Exp", "ExpandDims", "Floor",
    "FusedBatchNormV3", "GatherV2", "Greater", "GreaterEqual", "Identity", "LRN", "LeakyRelu", "Less", "LessEqual",
    "Log", "LogicalAnd", "LogicalNot", "LogicalOr", "MatMul", "Max", "MaxPool", "Maximum", "Mean", "Min", "Minimum",
    "Mul", "Neg", "NoOp", "NotEqual", "Pack", "Pad", "PadV2", "Placeholder", "Pow", "Prod", "RealDiv", "Relu",
    "Relu6", "Reshape", "ResizeBilinear", "ResizeNearestNeighbor", "Round", "Rsqrt", "SelectV2", "Selu", "Shape",
    "Sigmoid", "Sign", "Slice", "Softmax", "Softplus", "Softsign", "Split", "Sqrt", "Square", "SquaredDifference",
    "Squeeze", "StridedSlice", "Sub", "Sum", "Tanh", "Tile", "Transpose", "Unpack", "ZerosLike",
})  # fmt: skip
_VARIABLES = frozenset({"VarHandleOp", "ReadVariableOp", "AssignVariableOp"})
_FILES = frozenset({"SaveV2", "RestoreV2"})  # of the variables


def require_only_computes(saved_model: bytes) -> None:
    """Refuse a saved_model.pb that can do more than compute from its inputs and variables.

    Args:
        saved_model: The content of the file.

    Raises:
        ModelError: When it has operations that are not known, functions or objects, or names a file; or is damaged.
    """
    try:
        for meta_graph in all_of(saved_model, 2):
            if any(all_of(meta_graph, 7)):
                raise ModelError("it has objects of TensorFlow 2, which eyebright does not write")
            for graph in all_of(meta_graph, 2):
                _require_plain(graph)
    except ValueError as problem:
        raise ModelError(f"it is damaged: {problem}") from problem


def _require_plain(graph: bytes) -> None:
    """The same for a GraphDef."""
    if any(all_of(graph, 2)):
        raise ModelError("it has functions, which eyebright does not write")
    for node in all_of(graph, 1):
        name, operation = (b"".join([*all_of(node, field)][-1:]).decode() for field in (1, 2))
        if operation not in _COMPUTING | _VARIABLES | _FILES:
            raise ModelError(f"its operation {operation!r} ({name}) may do more than compute")
        file = name == FILE and node != file_node()
        if file or (operation in _FILES and [*all_of(node, 3)][:1] != [FILE.encode()]):
            raise ModelError(f"its operation {operation!r} ({name}) is about a file that eyebright does not name")
