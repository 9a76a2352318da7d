"""Protocol buffers, as far as they are needed to write TensorFlow's files: fields of bytes, one after the other.

Each function gives the bytes of one field. Messages are fields joined, and are fields themselves by `message`.

Source: the encoding guide of Protocol Buffers, "Message Structure".
"""

import struct

_VARINT, _BYTES, _FIXED32 = 0, 2, 5


def varint(value: int) -> bytes:
    """A whole number in groups of seven bits, the lowest first; negative ones as 64 bits in two's complement."""
    value &= (1 << 64) - 1
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def number(field: int, value: int) -> bytes:
    """A field with a whole number."""
    return _tag(field, _VARINT) + varint(value)


def real(field: int, value: float) -> bytes:
    """A field with a 32-bit floating-point number."""
    return _tag(field, _FIXED32) + struct.pack("<f", value)


def fixed32(field: int, value: int) -> bytes:
    """A field with a number of exactly 32 bits, such as a checksum."""
    return _tag(field, _FIXED32) + struct.pack("<I", value)


def message(field: int, content: bytes | str) -> bytes:
    """A field with a message, bytes or text."""
    data = content.encode() if isinstance(content, str) else content
    return _tag(field, _BYTES) + varint(len(data)) + data


def entry(field: int, key: str, value: bytes) -> bytes:
    """One entry of a map from text to messages."""
    return message(field, message(1, key) + message(2, value))


def _tag(field: int, kind: int) -> bytes:
    return varint(field << 3 | kind)
