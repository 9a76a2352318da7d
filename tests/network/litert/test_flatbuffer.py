import flatbuffers
import numpy as np
from flatbuffers import number_types
from hypothesis import given
from hypothesis import strategies as st

from eyebright.network.litert.flatbuffer import serialized


def table_of(content: bytes) -> flatbuffers.table.Table:
    return flatbuffers.table.Table(
        bytearray(content), flatbuffers.encode.Get(number_types.UOffsetTFlags.packer_type, content, 0)
    )


def number(table, field, flags):
    return table.Get(flags, table.Offset(4 + 2 * field) + table.Pos)


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-128, 127), st.floats(width=32, allow_nan=False), st.text())
def test_fields_come_back(whole, small, fraction, text):
    content = serialized({0: np.int32(whole), 2: np.int8(small), 5: np.float32(fraction), 6: text}, "TEST")
    table = table_of(content)
    assert content[4:8] == b"TEST" and not table.Offset(4 + 2 * 1)  # a field that was not given
    assert number(table, 0, number_types.Int32Flags) == whole
    assert number(table, 2, number_types.Int8Flags) == small
    assert number(table, 5, number_types.Float32Flags) == fraction
    assert table.String(table.Offset(4 + 2 * 6) + table.Pos) == text.encode()


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_vectors_are_aligned_for_tensors(parts):
    content = serialized({0: [{0: np.frombuffer(part, np.uint8)} for part in parts]}, "TEST")
    table = table_of(content)
    start = table.Vector(table.Offset(4))
    for index, part in enumerate(parts):
        inner = flatbuffers.table.Table(table.Bytes, table.Indirect(start + 4 * index))
        field = inner.Offset(4)
        assert inner.Vector(field) % 16 == 0
        assert bytes(inner.GetVectorAsNumpy(number_types.Uint8Flags, field)) == part


def test_zero_is_written():
    table = table_of(serialized({1: np.int32(0), 2: np.bool_(False)}, "TEST"))
    assert table.Offset(6) and table.Offset(8) and not table.Offset(4)
