import pytest

from eyebright.network.tensorflow.protobuf import entry, fields, fixed32, message, number, real, varint


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (number(1, 150), "089601"),  # the three examples of the encoding guide
        (message(2, "testing"), "120774657374696e67"),
        (message(3, number(1, 150)), "1a03089601"),
        (number(5, -2), "28feffffffffffffffff01"),  # ten bytes, says the guide
        (number(1, 0), "0800"),
        (real(4, 0.5), "250000003f"),
        (fixed32(6, 1), "3501000000"),
        (entry(5, "a", number(3, 1)), "2a070a016112021801"),
        (number(16, 1), "800101"),  # the field number takes two bytes
    ],
)
def test_fields_have_the_bytes_of_the_encoding_guide(field, expected):
    assert field.hex() == expected


def test_a_whole_number_has_seven_bits_a_byte():
    assert [varint(value).hex() for value in (0, 127, 128, 2**63)] == ["00", "7f", "8001", "80808080808080808001"]


def test_fields_are_read_again():
    content = number(1, 300) + real(2, 0.5) + message(3, "text") + bytes.fromhex("21") + bytes(8) + message(70, b"")
    assert [*fields(content)] == [(1, b""), (2, b""), (3, b"text"), (4, b""), (70, b"")]


@pytest.mark.parametrize("content", ["0a05aa", "0b", "ff" * 11, "08", "25000000"])
def test_what_is_not_a_message_is_an_error(content):
    with pytest.raises(ValueError, match=r"field|number"):
        [*fields(bytes.fromhex(content))]
