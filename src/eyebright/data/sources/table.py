"""The lines of a table as they stand in its file: CSV, TSV, or a JSON object on each line (`.jsonl`).

A table of pictures, CSV or TSV: a column with the path of each, one with its class, and perhaps its side and group.

path,class,split,group
roses/1.jpg,rose,train,camera 3

Or lines of JSON, `.jsonl`, with the same names: {"path": "roses/1.jpg", "class": "rose"}
"""

import csv
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from eyebright.data.sources import labels
from eyebright.data.sources.folder import FolderSource, Progress
from eyebright.data.sources.source import SIDE_NAMES, Found, Source
from eyebright.data.split import Side
from eyebright.system.errors import DataError
from eyebright.system.files import read_errors
from eyebright.system.text import nearest, printable

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
    with read_errors(file):
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


COLUMNS = {
    "path": ("path", "file", "filename", "file_name", "image", "name"),
    "class": labels.NAMES,
    "split": ("split", "side", "subset"),
    "group": ("group",),
}


class Row(NamedTuple):
    """One picture of a table."""

    path: str
    label: str
    side: Side | None
    group: str


def read_manifest(file: Path, progress: Progress | None = None) -> Found:
    """The pictures that a table lists; paths are relative to the table's folder.

    A picture that does not exist is found out when it is opened, and left out like any other that cannot be.

    Args:
        file: The table; its first line names the columns.
        progress: Called now and then with the number of pictures so far.

    Raises:
        DataError: When a column is lacking or a line is wrong; the message gives its number.
    """
    root = file.absolute().parent
    rows = []
    for row in rows_of(file):
        rows.append(row)
        if progress and len(rows) % 1_000 == 0:
            progress(len(rows))
    rows = once(file, rows)
    return gathered(file.absolute(), rows, FolderSource(root, [row.path for row in rows]))


def rows_of(file: Path, label: str = "") -> Iterator[Row]:
    """The rows of a table; its class is in the column `label`, or the one of a known name.

    Raises:
        DataError: As `read_manifest`.
    """
    header: Sequence[str] | None = None
    columns: dict[str, int] = {}
    for number, names, cells in lines_of(file):
        if names is not header:
            header, columns = names, _columns(f"{file}, line {number}", names, label)
        if cells is not None:
            try:
                row = _row(cells, columns)
            except DataError as problem:
                raise DataError(f"{file}, line {number}: {problem}") from None
            yield row


def once(origin: Path | str, rows: list[Row]) -> list[Row]:
    """The rows without those that repeat an earlier one, which are told in a warning.

    Raises:
        DataError: When there are none, or two say different things of one picture.
    """
    first = {row.path: row for row in reversed(rows)}
    if not rows:
        raise DataError(f"{origin} lists no pictures")
    if len(first) == len(rows):
        return rows
    for row in rows:
        if row != first[row.path]:
            raise DataError(
                f"{origin} lists {printable(row.path)} several times with different values, as {first[row.path][1:]} "
                f"and as {row[1:]}: expected one class, split and group for each picture"
            )
    warnings.warn(
        f"{origin} repeats {len(rows) - len(first):,} of its {len(rows):,} rows: each picture counts once", stacklevel=2
    )
    return list(dict.fromkeys(rows))


def gathered(origin: Path | str, rows: Sequence[Row], source: Source) -> Found:
    """What the rows of a table say of the pictures.

    Args:
        origin: Where they come from.
        rows: One for each picture, at least one.
        source: The pictures.

    Raises:
        DataError: When only some of the rows give a split, or two classes are one number.
    """
    classes = tuple(sorted({row.label for row in rows}))
    labels.require_distinct(classes, str(origin))
    number = {name: index for index, name in enumerate(classes)}
    given = [row.side for row in rows]
    if any(given) and not all(given):
        raise DataError(f"{origin} gives a split for some pictures and none for others: give one for all, or for none")
    sides = [side for side in given if side] or None
    groups = [row.group for row in rows]
    positions = [number[row.label] for row in rows]
    return Found(source, classes, positions, sides=sides, groups=groups if any(groups) else None, origin=origin)


def _columns(where: str, header: Sequence[str], label: str) -> dict[str, int]:
    """Where each known column stands."""
    names = [name.strip().lower() for name in header]
    found = {}
    for kind, usual in COLUMNS.items():
        known = (label.lower(),) if kind == "class" and label else usual
        here = [name for name in known if name in names]
        if here and names.count(here[0]) > 1:
            raise DataError(f"{where} has {names.count(here[0])} columns called {here[0]!r}: give them different names")
        if here:
            found[kind] = names.index(here[0])
        elif kind in ("path", "class"):
            near = nearest(kind, list(header)) if header else "it is empty"
            raise DataError(f"{where} has no column for the {kind} (one of {', '.join(known)}): {near}")
    return found


def _row(cells: Sequence[object], columns: dict[str, int]) -> Row:
    path = cells[columns["path"]]
    path = path.strip() if isinstance(path, str) else ""
    if not path or "\0" in path:
        raise DataError("no path; every picture needs one")
    label = labels.label_of(cells[columns["class"]])
    side = _text(cells[columns["split"]]).lower() if "split" in columns else ""
    if side and side not in SIDE_NAMES:
        raise DataError(f"split {side!r} is none of train, validation, test")
    group = _text(cells[columns["group"]]) if "group" in columns else ""
    return Row(path, label, SIDE_NAMES.get(side), group)


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()
