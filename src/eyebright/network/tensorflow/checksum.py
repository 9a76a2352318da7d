"""CRC-32C, by which TensorFlow checks every tensor and block that it reads, computed with NumPy alone.

Bytes are divided into lanes of the same length, which take one step each at the same time. The checksum is linear over
bits: that of two parts follows from those of the parts, by what as many zeros as the second is long do to the first.

Sources: Castagnoli et al. 1993, "Optimization of Cyclic Redundancy-Check Codes with 24 and 32 Parity Bits" (polynomial
0x1EDC6F41); the mask is that of `crc32c.h` in TensorFlow and LevelDB.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78  # reflected
_MOST_LANES = 1 << 12
_MASK = 0xA282EAD8
_ONES = np.uint32(0xFFFFFFFF)


def masked_crc32c(data: bytes | memoryview) -> int:
    """The CRC-32C of bytes, masked as TensorFlow stores it: a checksum of data with checksums would say little."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF


def crc32c(data: bytes | memoryview) -> int:
    """The CRC-32C of bytes: 0xE3069283 of b"123456789"."""
    lanes = min(1 << max((len(data) // 64).bit_length() - 1, 0), _MOST_LANES)
    pairs = len(data) // lanes // 2  # a lane takes two bytes in a step
    inside = lanes * pairs * 2
    state = np.zeros(lanes, np.uint32)
    state[0] = _ONES
    for column in np.frombuffer(data, "<u2", lanes * pairs).reshape(lanes, pairs).T:
        state = _step(state, column, _TWO, 16)
    zeros = _zeros(2 * pairs)
    while len(state) > 1:
        state = _apply(zeros, state[::2]) ^ state[1::2]
        zeros = _apply(zeros, zeros)
    for value in np.frombuffer(data, np.uint8)[inside:]:
        state = _step(state, value, _ONE, 8)
    return int(state[0] ^ _ONES)


def _table(bits: int) -> NDArray[np.uint32]:
    """What a step does to each value of the lowest bits."""
    table = np.arange(1 << bits, dtype=np.uint32)
    for _ in range(bits):
        table = (table >> np.uint32(1)) ^ (table & np.uint32(1)) * np.uint32(_POLYNOMIAL)
    return table


_ONE, _TWO = _table(8), _table(16)


def _step(state: NDArray[np.uint32], values: Any, table: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    """The states after the next values of so many bits."""
    following: NDArray[np.uint32] = table[(state ^ values) & np.uint32(len(table) - 1)] ^ (state >> np.uint32(bits))
    return following


def _zeros(length: int) -> NDArray[np.uint32]:
    """What `length` zero bytes do to each bit of a checksum, `(32,)`."""
    result, power = np.uint32(1) << np.arange(32, dtype=np.uint32), None
    while length:
        power = _step(result, np.uint8(0), _ONE, 8) if power is None else _apply(power, power)
        result, length = (_apply(power, result) if length & 1 else result), length >> 1
    return result


def _apply(matrix: NDArray[np.uint32], state: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A linear map of checksums, given by what it makes of each bit."""
    result = np.zeros_like(state)
    for bit, column in enumerate(matrix):
        result ^= (state >> np.uint32(bit) & np.uint32(1)) * column
    return result
