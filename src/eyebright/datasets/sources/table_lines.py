"""The lines of a table as they stand in its file: CSV, TSV, or a JSON object on each line (`.jsonl`)."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from eyebright.errors import DataError
from eyebright.files import readable

JSON = ".jsonl"
SUFFIXES = (".csv", ".tsv", JSON)


class Line(NamedTuple):
    """One line.

    Args:
        number: Counted from one.
        names: What its columns are called; the same object as of the line before where they are the same.
        cells: As many values; texts in CSV. None for the line with the names.
    """

    number: int
    names: Sequence[str]
    cells: Sequence[object] | None


def lines_of(file: Path) -> Iterator[Line]:
    """The lines of a table, those without anything left out.

    Raises:
        DataError: When the file cannot be read, or a line is wrong; its number is given.
    """
    with readable(file):
        yield from _json_lines(file) if file.suffix.lower() == JSON else _csv_lines(file)


def header_of(file: Path) -> list[str]:
    """The names of a table's columns; of lines of JSON those of the first."""
    first = next(lines_of(file), None)
    return [] if first is None else list(first.names)


def _csv_lines(file: Path) -> Iterator[Line]:
    delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        lines = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            header = next(lines, [])
            yield Line(1, header, None)
            for cells in lines:
                if len(cells) == len(header):
                    yield Line(lines.line_num, header, cells)
                elif cells:
                    raise DataError(
                        f"{file}, line {lines.line_num}: {len(cells)} values where the first line names {len(header)} "
                        "columns"
                    )
        except csv.Error as problem:
            raise DataError(f"{file}, line {lines.line_num}: {problem}") from problem


def _json_lines(file: Path) -> Iterator[Line]:
    names: list[str] = []
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                told = msgspec.json.decode(line, type=dict[str, object])
            except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
                raise DataError(f"{file}, line {number}: {problem}") from problem
            names = names if [*told] == names else [*told]
            yield Line(number, names, [*told.values()])
