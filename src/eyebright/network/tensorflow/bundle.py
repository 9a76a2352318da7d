"""TensorFlow's tensor bundle, the two files of `variables/`: the tensors one after the other, and an index of them.

The index is a table of LevelDB with one block: sorted names, each with the type, shape, position and checksum of a
tensor.

Sources: `tensor_bundle.proto` of TensorFlow; "LevelDB Table format" in LevelDB's `table_format.md`.
"""

import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from eyebright.network.tensorflow.checksum import masked_crc32c
from eyebright.network.tensorflow.graph import DType, shape_proto
from eyebright.network.tensorflow.protobuf import fixed32, message, number, varint

INDEX, DATA = "variables.index", "variables.data-00000-of-00001"
_HEADER = number(1, 1) + message(3, number(1, 1))  # one data file, version 1; little-endian by default
_MAGIC = 0xDB4775248B80FB57


def tensor_bundle(tensors: Mapping[str, NDArray[np.float32]]) -> dict[str, bytes]:
    """The content of both files, by their names."""
    entries, parts, offset = {b"": _HEADER}, [], 0
    for name in sorted(tensors, key=str.encode):
        data = np.ascontiguousarray(tensors[name], "<f4").tobytes()
        entries[name.encode()] = (
            number(1, DType.FLOAT)
            + message(2, shape_proto(tensors[name].shape))
            + (number(4, offset) if offset else b"")
            + number(5, len(data))
            + fixed32(6, masked_crc32c(data))
        )
        parts.append(data)
        offset += len(data)
    return {INDEX: _table(entries), DATA: b"".join(parts)}


def _table(entries: Mapping[bytes, bytes]) -> bytes:
    """A table with sorted entries: their block, one of filters (none), one that says where theirs is, a footer."""
    table, handles = b"", list[bytes]()
    for block in (_block(entries), _block({}), b""):
        content = block or _block({max(entries): handles[0]})
        handles.append(varint(len(table)) + varint(len(content)))
        table += content + b"\0" + struct.pack("<I", masked_crc32c(content + b"\0"))  # 0: not compressed
    footer = handles[1] + handles[2]
    return table + footer.ljust(40, b"\0") + struct.pack("<Q", _MAGIC)


def _block(entries: Mapping[bytes, bytes]) -> bytes:
    """A block: no name shares its start with the one before, and a search begins at the first."""
    lengths = ((varint(0), varint(len(name)), varint(len(value)), name, value) for name, value in entries.items())
    return b"".join(part for parts in lengths for part in parts) + struct.pack("<II", 0, 1)
