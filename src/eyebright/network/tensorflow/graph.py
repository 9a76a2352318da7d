"""A TensorFlow graph that is being made, and `emit`, which adds the operations of a layer to it.

Sources: `graph.proto`, `node_def.proto`, `attr_value.proto`, `tensor.proto` of TensorFlow.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from functools import singledispatch
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.network.graph import Place
from eyebright.network.layer import Layer
from eyebright.network.layers.windows import Pair
from eyebright.network.tensorflow.protobuf import entry, message, number, real, varint
from eyebright.network.wiring import Names
from eyebright.system.errors import NetworkError

Tensors: TypeAlias = dict[str, NDArray[np.float32]]


class DType(IntEnum):
    """Types of tensors, as `types.proto` numbers them."""

    FLOAT = 1
    INT32 = 3
    UINT8 = 4
    STRING = 7
    INT64 = 9
    RESOURCE = 20


_DTYPES = {"float32": DType.FLOAT, "int32": DType.INT32, "int64": DType.INT64}


class Graph:
    """A TensorFlow graph that is being made; the `emit` function of a layer adds its operations here.

    Args:
        taken: Names that are already in use.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.fresh = Names(taken, allowed="./-").fresh
        """An unused name that TensorFlow allows."""
        self.nodes: list[bytes] = []
        self.variables: Tensors = {}

    def add(self, operation: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add one node of float32 values, named like its output, and return that name.

        Attributes are encoded by their types; a shape is a tuple. `T=None` for an operation without the attribute T.
        """
        given = {name: value for name, value in ({"T": DType.FLOAT} | attributes).items() if value is not None}
        node = message(1, output) + message(2, operation) + b"".join(message(3, name) for name in inputs)
        self.nodes.append(node + b"".join(entry(5, name, _attribute(given[name])) for name in sorted(given)))
        return output

    def constant(self, name: str, values: Any) -> str:
        """Add a constant, float32 unless it is an array of whole numbers, under an unused name; return that name."""
        is_whole = isinstance(values, np.ndarray) and values.dtype in (np.int32, np.int64)
        array = values if is_whole else np.asarray(values, np.float32)
        dtype = _DTYPES[array.dtype.name]
        content = message(4, np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
        proto = number(1, dtype) + message(2, shape_proto(array.shape)) + content
        return self.add("Const", [], self.fresh(name), dtype=dtype, value=proto, T=None)

    def texts(self, name: str, values: Sequence[str] | str) -> str:
        """Add a constant of texts under this name, one or a row, and return the name."""
        shape = () if isinstance(values, str) else (len(values),)
        rows = [values] if isinstance(values, str) else values
        proto = number(1, DType.STRING) + message(2, shape_proto(shape)) + b"".join(message(8, row) for row in rows)
        return self.add("Const", [], name, dtype=DType.STRING, value=proto, T=None)

    def whole(self, name: str, values: Any) -> str:
        """Add a constant of 32-bit whole numbers, such as axes or sizes, and return its name."""
        return self.constant(name, np.asarray(values, np.int32))

    def variable(self, name: str, values: NDArray[np.float32]) -> str:
        """Add a variable and return the name of its value."""
        handle = self.fresh(name)
        self.variables[handle] = values
        self.add("VarHandleOp", [], handle, dtype=DType.FLOAT, shape=values.shape, shared_name=handle, T=None)
        return self.add("ReadVariableOp", [handle], read_of(handle), dtype=DType.FLOAT, T=None)

    def pad(self, source: str, output: str, before: Pair, after: Pair, value: float = 0.0) -> str:
        """Add a value around images, if there is anything to add, and return the name of the result."""
        sides = [(0, 0), *((first, max(last, 0)) for first, last in zip(before, after, strict=True)), (0, 0)]
        if not np.any(sides):
            return source
        amounts, fill = self.whole(f"{output}/paddings", sides), self.constant(f"{output}/fill", value)
        return self.add("PadV2", [source, amounts, fill], self.fresh(f"{output}/padded"), Tpaddings=DType.INT32)

    def reduce(self, operation: str, source: str, axes: Sequence[int], output: str, *, keep_dims: bool = False) -> str:
        """Add a mean, sum or maximum along axes, and return its name."""
        along = self.whole(f"{output}/axes", axes)
        return self.add(operation, [source, along], output, Tidx=DType.INT32, keep_dims=keep_dims)


@singledispatch
def emit(layer: Layer, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    """Add the operations that compute a layer. Register a function for your own layer with `emit.register`.

    Args:
        layer: The layer.
        place: The layer in its network: the shapes of its inputs and output.
        graph: The graph to add operations to; images in it have the channels last.
        inputs: Names of its inputs.
        tensors: Its tensors by the names of `place.tensors`.
        output: The name that its output must have.
    """
    raise NetworkError(
        f"a layer of type {type(layer).__name__} cannot be exported to TensorFlow: "
        "register a function with emit.register"
    )


def read_of(variable: str) -> str:
    """The name of the value of a variable."""
    return f"{variable}/Read"


def shape_proto(shape: Sequence[int]) -> bytes:
    """A TensorShapeProto; -1 for a size that is not known."""
    return b"".join(message(2, number(1, size)) for size in shape)


def _attribute(value: Any) -> bytes:
    """An AttrValue, by the type of a value."""
    match value:
        case DType():
            return number(6, value)
        case bool():
            return number(5, value)
        case int():
            return number(3, value)
        case float():
            return real(4, value)
        case str():
            return message(2, value)
        case bytes():
            return message(8, value)
        case tuple():
            return message(7, shape_proto(value))
        case [DType(), *_]:
            return message(1, message(6, b"".join(map(varint, value))))
        case _:
            return message(1, message(3, b"".join(map(varint, value))))
