"""A small table that reads well everywhere: text of 80 columns in a terminal, HTML in a notebook, of the same rows."""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from eyebright.system.text import columns, markup, pad, printable, shorten

_WIDTH, _GAP, _NARROWEST = 80, 2, 8
_TEXT_ROWS, _HTML_ROWS = 7, 20  # of what is shown when nobody asked for all
_CELL = "text-align: {}; white-space: pre-wrap; font-variant-numeric: tabular-nums"


class Table(NamedTuple):
    """Rows below a title. It has no colours of its own, so that it reads well in light and dark themes.

    Args:
        title: The line above everything; it is not wrapped.
        header: Names of the columns; none where the rows explain themselves.
        rows: The cells of each row. They may hold anything that users or files have given: it is escaped.
        notes: Sentences below the title.
        names: How many columns, from the left, hold names; the others hold numbers, aligned to the right.
    """

    title: str
    header: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = ()
    notes: tuple[str, ...] = ()
    names: int = 1

    def text(self, most: int | None = None) -> str:
        """The table as text.

        Args:
            most: How many rows are shown; of more, those in the middle are left out.
        """
        notes = [line for sentence in self.notes for line in textwrap.wrap(printable(sentence), _WIDTH)]
        return "\n".join([printable(self.title), *notes, *self.lines(most)])

    def lines(self, most: int | None = None) -> list[str]:
        """The header, if there is one, and the rows as text."""
        rows = [tuple(map(printable, row)) for row in [*([self.header] if self.header else []), *self._some(most)]]
        widths = self._widths(rows)
        return [(" " * _GAP).join(map(self._padded, range(len(row)), row, widths)).rstrip() for row in rows]

    def html(self, most: int | None = None) -> str:
        """The table as HTML; arguments as in `text`."""
        said = "".join(f"<div>{markup(sentence)}</div>" for sentence in self.notes)
        head = f"<thead>{self._row(self.header, 'th')}</thead>" if self.header else ""
        body = "".join(self._row(row, "td") for row in self._some(most))
        table = f"<table>{head}<tbody>{body}</tbody></table>" if body else ""
        return f"<div><strong>{markup(self.title)}</strong>{said}{table}</div>"

    def _some(self, most: int | None) -> list[tuple[str, ...]]:
        """The rows, without those in the middle where there are too many."""
        rows = list(self.rows)
        if most is None or len(rows) <= most:
            return rows
        first = most // 2
        gap = (f"… {len(rows) - most + 1:,} more", *[""] * (len(rows[0]) - 1))
        return [*rows[:first], gap, *rows[len(rows) - (most - first - 1) :]]

    def _widths(self, rows: list[tuple[str, ...]]) -> list[int]:
        """The width of each column; the first is narrower than its names where that makes the rows fit."""
        widths = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
        surplus = sum(widths) + _GAP * (len(widths) - 1) - _WIDTH
        if 0 < surplus <= widths[0] - _NARROWEST:
            widths[0] -= surplus
        return widths

    def _padded(self, number: int, cell: str, width: int) -> str:
        cell = shorten(cell, width)
        return pad(cell, width) if number < self.names else " " * (width - columns(cell)) + cell

    def _row(self, cells: tuple[str, ...], tag: str) -> str:
        sides = ["left" if number < self.names else "right" for number in range(len(cells))]
        parts = [
            f'<{tag} style="{_CELL.format(side)}">{markup(cell)}</{tag}>'
            for side, cell in zip(sides, cells, strict=True)
        ]
        return f"<tr>{''.join(parts)}</tr>"


class Tabular:
    """What shows itself as a table: in a terminal as text, in a notebook as HTML."""

    __slots__ = ()

    def as_table(self) -> Table:
        """What is shown."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.as_table().text(_TEXT_ROWS)

    def _repr_html_(self) -> str:
        return self.as_table().html(_HTML_ROWS)
