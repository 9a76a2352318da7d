import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from eyebright.system import text

LETTERS = st.text("abc ABCéß-_雏菊ひ🌻🚀Ж", max_size=60)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (text.counted(1, "image"), "1 image"),
        (text.counted(0, "image"), "0 images"),
        (text.counted(2000, "image"), "2,000 images"),
        (text.counted(2, "labelled box"), "2 labelled boxes"),
        (text.counted(1, "class"), "1 class"),
        (text.counted(3000, "class"), "3,000 classes"),
        (text.counted(0, "entry"), "0 entries"),
        (text.counted(2, "day"), "2 days"),
        (text.all_of(1, "class"), "the only class"),
        (text.all_of(2, "class"), "all 2 classes"),
        (text.listed(["a", "b"]), "a, b"),
        (text.listed(["a", "b", "c"], 3), "a, b, c"),
        (text.listed(["a", "b", "c", "d"], 2), "a, b and 2 more"),
        (text.listed([]), ""),
        (text.comma_separated(" a, b c,,"), ["a", "b c"]),
        (text.percent(0.996), "99.6%"),
        (text.percent(0.14, 0), "14%"),
        (text.interval(0.979, 1), "95% interval 97.9-100.0%"),
        (text.abbreviated(0), ""),
        (text.abbreviated(7), "7"),
        (text.abbreviated(999), "999"),
        (text.abbreviated(1000), "1.00k"),
        (text.abbreviated(9994), "9.99k"),
        (text.abbreviated(9996), "10.0k"),
        (text.abbreviated(99_960), "100k"),
        (text.abbreviated(999_400), "999k"),
        (text.abbreviated(999_500), "1.00M"),
        (text.abbreviated(123_456), "123k"),
        (text.abbreviated(61_100_840), "61.1M"),
        (text.abbreviated(11_513_626_624), "11.5G"),
        (text.abbreviated(483_385_147_392), "483G"),
        (text.abbreviated(2_000_000_000_000), "2.00T"),
        (text.size_text(1_240), "1.2 kB"),
        (text.size_text(99_999), "100.0 kB"),
        (text.size_text(100_000), "0.1 MB"),
        (text.size_text(1_234_567_890), "1,234.6 MB"),
        (text.duration(7.4), "7 s"),
        (text.duration(59.6), "1 min 0 s"),
        (text.duration(125), "2 min 5 s"),
        (text.duration(3_780), "1 h 3 min"),
        (text.clock(187), "3:07"),
        (text.clock(3729), "1:02:09"),
        (text.nearest("flwers", ["flowers", "digits"]), "did you mean 'flowers'?"),
        (text.nearest("xyz", ["b", "a"]), "known are a, b"),
        (text.nearest("xyz", []), "there are none"),
        (text.printable("a\nb"), "a\\nb"),
        (text.shorten("abcdefgh", 5), "ab…gh"),
        (text.shorten("花花花花", 5), "花…花"),
        (text.pad("花", 4), "花  "),
        (text.columns("a花"), 3),
    ],
)
def test_numbers_names_and_lists_are_written_in_one_way(written, expected):
    assert written == expected


@pytest.mark.parametrize("number", [999_500, 999_999, 999_999_999, 10**12 - 1])
def test_rounding_never_gives_a_thousand_thousands(number):
    assert len(text.abbreviated(number)) <= 5
    assert not text.abbreviated(number).startswith("1000")


@settings(max_examples=50, deadline=None)
@given(LETTERS, st.integers(5, 40))
def test_fit_shortens_in_the_middle_to_the_width(whole: str, width: int) -> None:
    fitted = text.shorten(whole, width)
    assert cell_len(fitted) <= width
    if cell_len(whole) <= width:
        assert fitted == whole
    else:
        head, tail = fitted.split("…")
        assert whole.startswith(head)
        assert whole.endswith(tail)
        assert tail
        assert cell_len(fitted) >= width - 3


@settings(max_examples=50, deadline=None)
@given(LETTERS, st.integers(0, 30))
def test_pad_adds_spaces_up_to_the_width(whole: str, more: int) -> None:
    padded = text.pad(whole, cell_len(whole) + more)
    assert cell_len(padded) == cell_len(whole) + more
    assert padded.startswith(whole)


def test_lines_are_kept_and_all_else_that_a_terminal_obeys_is_escaped():
    assert text.printable_lines("a\x1b[2J\n\x9bb\u202e") == "a\\x1b[2J\n\\x9bb\\u202e"


def test_a_name_in_html_has_neither_tags_nor_control_characters():
    assert text.markup('<b title="x">\x1b\n') == "&lt;b title=&quot;x&quot;&gt;\\x1b\\n"


@pytest.mark.parametrize("name", ["=1+1", "+cmd", "-o.png", "@x", "\tx", "'x", "''=x", "'=x", "-1", "1e3", "rose", ""])
def test_a_cell_is_no_formula_and_gives_back_its_text(name):
    cell = text.csv_cell(name)
    assert text.csv_text(cell) == name
    assert cell in ("-1", "") or cell[0] not in "=+-@\t"


def test_a_printed_cell_has_no_control_characters_except_line_breaks():
    assert text.printed_cell("=a\n\x1b[31m\udcff") == "'=a\n\\x1b[31m\udcff"


@pytest.mark.parametrize(
    ("encoding", "expected"), [("utf-8", "█ … 菊 é"), ("cp1252", "# … \\u83ca é"), ("ascii", "# ... \\u83ca \\xe9")]
)
def test_what_an_output_cannot_show_is_drawn_with_plain_characters_or_escaped(encoding: str, expected: str) -> None:
    codecs.register_error("in ascii", text.in_ascii)
    assert "█ … 菊 é".encode(encoding, "in ascii").decode(encoding) == expected
