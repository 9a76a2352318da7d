import pytest

from eyebright.errors import SettingsError
from eyebright.report.matrices import filters, matrix


@pytest.mark.parametrize("text", ["a b c; d e f", "a, b, c; d, e, f", " a b c ;d e f; ", "a,b,c;d,e,f"])
def test_rows_are_parted_by_semicolons_and_values_by_spaces_or_commas(text: str) -> None:
    assert matrix(text, what="it").tolist() == [[["a", "b", "c"], ["d", "e", "f"]]]


def test_channels_and_filters_have_signs_of_their_own() -> None:
    assert matrix("1 2 | 3 4", what="it").tolist() == [[["1", "2"]], [["3", "4"]]]
    assert filters("1|2 / 3|4").tolist() == [[[["1"]], [["2"]]], [[["3"]], [["4"]]]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty in row 1"),
        (" ; ", "it is empty in row 1"),
        ("1 2;; 3 4", "it is empty in row 2"),
        ("1 2 | ", "it is empty in row 1 of channel 2"),
        ("1 2; 3", "it has 1 values in row 2, but 2 in its first row"),
        ("1 2; 3 4 | 1 2; 3 4 5", "it has 3 values in row 2 of channel 2"),
        ("1 2 | 3; 4", "it has channels of different sizes: 1 x 2, 2 x 1"),
    ],
)
def test_a_matrix_with_holes_is_refused_and_the_place_is_named(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        matrix(text, what="it")


def test_filters_of_different_sizes_are_refused() -> None:
    with pytest.raises(SettingsError, match="filters of different sizes: 1 x 1 x 1, 1 x 2 x 1"):
        filters("1 / 1 2")
