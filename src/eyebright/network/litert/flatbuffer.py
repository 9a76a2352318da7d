"""FlatBuffers from plain data: a table is a dict from the numbers of its fields in the schema to their values.

A value is a NumPy scalar, a text, an array of numbers (a vector), a list of tables or texts, or another table.
"""

from typing import Any, TypeAlias

import flatbuffers
import numpy as np
from flatbuffers import number_types
from numpy.typing import NDArray

Table: TypeAlias = dict[int, Any]

_NUMBERS = {
    "bool": number_types.BoolFlags,
    "int8": number_types.Int8Flags,
    "uint8": number_types.Uint8Flags,
    "int32": number_types.Int32Flags,
    "uint32": number_types.Uint32Flags,
    "float32": number_types.Float32Flags,
}
_ALIGNMENT = 16  # of vectors, in bytes: the schema of LiteRT asks for it where a vector holds a tensor
_OFFSET = 4  # bytes of a reference


def serialized(root: Table, identifier: str, *, size: int = 0) -> bytes:
    """The bytes of a FlatBuffer: the same for the same data.

    Args:
        root: Its root table.
        identifier: The four letters that name its schema.
        size: About how many bytes it will have, so that few copies are made.
    """
    builder = flatbuffers.Builder(size + 1024)
    builder.Finish(_put(builder, root), identifier.encode())
    return bytes(builder.Output())


def _put(builder: flatbuffers.Builder, value: Any) -> int:
    """Write what a field refers to, and return where it is."""
    match value:
        case dict():
            return _put_table(builder, value)
        case list():
            return _put_references(builder, [_put(builder, part) for part in value])
        case str():
            return int(builder.CreateString(value))
        case _:
            return _put_numbers(builder, value)


def _put_table(builder: flatbuffers.Builder, table: Table) -> int:
    parts = {field: value if isinstance(value, np.generic) else _put(builder, value) for field, value in table.items()}
    builder.StartObject(max(parts, default=-1) + 1)
    for field, value in parts.items():
        if isinstance(value, np.generic):
            builder.PrependSlot(_NUMBERS[value.dtype.name], field, value.item(), None)
        else:
            builder.PrependUOffsetTRelativeSlot(field, value, 0)
    return int(builder.EndObject())


def _put_references(builder: flatbuffers.Builder, references: list[int]) -> int:
    builder.StartVector(_OFFSET, len(references), _OFFSET)
    for reference in reversed(references):
        builder.PrependUOffsetTRelative(reference)
    return int(builder.EndVector())


def _put_numbers(builder: flatbuffers.Builder, numbers: NDArray[np.generic]) -> int:
    """Like `Builder.CreateNumpyVector`, which does not align numbers of one byte."""
    content = numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()
    builder.StartVector(numbers.itemsize, numbers.size, _ALIGNMENT)
    builder.head -= len(content)
    builder.Bytes[builder.head : builder.head + len(content)] = content
    return int(builder.EndVector())
