"""Protocol buffers, as far as they are needed for TensorFlow's files: fields of bytes, one after the other.

Each function gives the bytes of one field; `fields` reads them again. Messages are fields joined, and are fields
themselves by `message`.

Source: the encoding guide of Protocol Buffers, "Message Structure".
"""

import struct
from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


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


def fields(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message: their numbers, and the bytes of those that are messages, bytes or text, b"" of others.

    Raises:
        ValueError: When it is not a message.
    """
    place = 0
    while place < len(content):
        tag, place = _read_varint(content, place)
        if tag & 7 == _VARINT:
            size, (_, place) = 0, _read_varint(content, place)
        elif tag & 7 == _BYTES:
            size, place = _read_varint(content, place)
        elif tag & 7 in (_FIXED32, _FIXED64):
            size = 4 if tag & 7 == _FIXED32 else 8
        else:
            raise ValueError(f"a field of the unknown kind {tag & 7}")
        if place + size > len(content):
            raise ValueError("a field goes beyond the end")
        yield tag >> 3, content[place : place + size] if tag & 7 == _BYTES else b""
        place += size


def all_of(content: bytes, field: int) -> Iterator[bytes]:
    """What a message has under the number of a field; a `ValueError` when it is not a message."""
    return (value for number, value in fields(content) if number == field)


def _read_varint(content: bytes, place: int) -> tuple[int, int]:
    """A whole number that begins at a place, and the place after it."""
    value = 0
    for count, group in enumerate(content[place : place + 10]):
        value |= (group & 0x7F) << 7 * count
        if group < 0x80:
            return value, place + count + 1
    raise ValueError("a whole number does not end")


def _tag(field: int, kind: int) -> bytes:
    return varint(field << 3 | kind)
