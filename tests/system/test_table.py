import re
from html.parser import HTMLParser

import pytest
from rich.cells import cell_len

from eyebright.system.table import Table, Tabular

TABLE = Table(
    "Two classes", ("class", "images"), [("rose", "1,000"), ("<b>daisy</b>\x1b[31m", "7")], notes=("A & B.",)
)  # fmt: skip


class Reader(HTMLParser):
    """The tags of HTML, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_names_are_aligned_to_the_left_and_numbers_to_the_right() -> None:
    assert TABLE.text().splitlines() == [
        "Two classes",
        "A & B.",
        f"{'class':<20}  images",
        f"{'rose':<20}   1,000",
        r"<b>daisy</b>\x1b[31m       7",
    ]


def test_html_has_the_same_cells_and_nothing_of_a_name_becomes_markup() -> None:
    found = Reader(TABLE.html())
    assert found.texts == ["Two classes", "A & B.", "class", "images", "rose", "1,000", r"<b>daisy</b>\x1b[31m", "7"]
    assert set(found.tags) == {"div", "strong", "table", "thead", "tbody", "tr", "th", "td"}


def test_html_has_no_colours_of_its_own_so_that_every_theme_can_be_read() -> None:
    assert not re.search("color|background|border", TABLE.html())


@pytest.mark.parametrize(
    ("rows", "shown"),
    [(5, ["0", "1", "2", "3", "4"]), (6, ["0", "1", "… 2 more", "4", "5"]), (100, ["0", "1", "… 96 more", "98", "99"])],
)
def test_of_many_rows_those_in_the_middle_are_left_out(rows: int, shown: list[str]) -> None:
    table = Table("", ("n", "x"), [(str(number), "-") for number in range(rows)])
    assert [line.removesuffix("-").strip() for line in table.lines(5)[1:]] == shown
    assert [text for text in Reader(table.html(5)).texts if text != "-"] == ["n", "x", *shown]
    assert len(table.lines()) == rows + 1


def test_long_names_are_shortened_so_that_the_numbers_fit_80_columns() -> None:
    table = Table("Long", ("class", "images", "F1"), [("雏菊" * 60, "1,000", "99.0%"), ("rose", "1", "1.0%")])
    lines = table.text().splitlines()
    assert max(map(cell_len, lines)) == 80
    assert lines[-2].endswith("1,000  99.0%") and "…" in lines[-2]


def test_a_path_is_not_shortened_since_it_is_to_be_copied() -> None:
    path = "/very" * 30
    assert Table("Run", rows=[("model", path)], names=2).text().endswith(f"model  {path}")


def test_what_is_shown_keeps_its_text_short() -> None:
    class Many(Tabular):
        def as_table(self) -> Table:
            return Table("Many", ("n",), [(str(number),) for number in range(1000)])

    assert len(repr(Many()).splitlines()) == 9
    assert Many()._repr_html_().count("<tr>") == 21
