import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyebright.network.tensorflow.checksum import crc32c, masked_crc32c


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"123456789", 0xE3069283),  # the check value of CRC catalogues
        (bytes(32), 0x8A9136AA),  # these three: RFC 3720, section B.4
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"", 0),
    ],
)
def test_published_values(data, expected):
    assert crc32c(data) == expected


@given(st.integers(0, 3_000), st.binary(min_size=1, max_size=50))
def test_lanes_give_what_one_bit_after_the_other_gives(length, pattern):
    data = (pattern * (length // len(pattern) + 1))[:length]
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0x82F63B78 if state & 1 else 0)
    assert crc32c(data) == state ^ 0xFFFFFFFF


def test_the_mask_is_that_of_tensorflow():
    """From `crc32c_test.cc`: the mask changes a value, and another time again; here it is undone."""
    crc, masked = crc32c(b"foo"), masked_crc32c(b"foo")
    rotated = (masked - 0xA282EAD8) & 0xFFFFFFFF
    assert masked != crc and ((rotated >> 17) | (rotated << 15)) & 0xFFFFFFFF == crc
