"""A table of images: CSV, TSV, or lines of JSON (`.jsonl`), with columns for path, class, and perhaps split and group.

    path,class,split,group
    roses/1.jpg,rose,train,camera 3

As a line of JSON: {"path": "roses/1.jpg", "class": "rose"}. A table of Excel may be separated by semicolons or tabs and
written in UTF-16; paths from Windows may have backslashes. First come the lines of any table, then the rows of a table
of images, then what all readers of rows share.
"""

import codecs
import csv
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from eyebright.data.sources.folder import FolderSource
from eyebright.data.sources.labels import CLASS_COLUMNS, class_name, index_classes, require_distinct_classes
from eyebright.data.sources.sides import side_named
from eyebright.data.sources.source import FoundImages, Source, Subset, scanning
from eyebright.data.split import Side
from eyebright.system.errors import DataError
from eyebright.system.files import read_errors
from eyebright.system.progress import Report, quiet
from eyebright.system.text import counted, is_utf8, listed, printable

_JSON = ".jsonl"
_NOT_UTF8 = 'is not in UTF-8: save the table in UTF-8 (in Excel as "CSV UTF-8")'
_SHOWN = 10
SUFFIXES = (".csv", ".tsv", _JSON)
COLUMNS = {
    "path": ("path", "file", "filename", "file_name", "image", "name"),
    "class": CLASS_COLUMNS,
    "split": ("split", "side", "subset"),
    "group": ("group",),
}
"""The usual names of each column, in lower case."""


class TableLine(NamedTuple):
    """One line of a table.

    Args:
        number: Its number; the first line has 1.
        columns: The names of its columns; the same object as for the line before if they are equal.
        cells: Its values, as many as columns; texts in CSV. None for the line with the names.
    """

    number: int
    columns: Sequence[str]
    cells: Sequence[object] | None


def read_lines(file: Path) -> Iterator[TableLine]:
    """The lines of a table, except empty ones.

    Raises:
        DataError: When the file cannot be read, or a line is invalid; with its number.
    """
    with read_errors(file):
        yield from _json_lines(file) if file.suffix.lower() == _JSON else _csv_lines(file)


def column_names(file: Path) -> list[str]:
    """The names of the columns of a table; of lines of JSON, those of the first line. Errors as in `read_lines`."""
    first = next(read_lines(file), None)
    return [] if first is None else [*first.columns]


def _csv_lines(file: Path) -> Iterator[TableLine]:
    with file.open("rb") as content:
        encoding = encoding_of(content.read(2))
    with file.open(encoding=encoding, errors="surrogateescape", newline="") as text:
        first = text.readline()
        text.seek(0)
        usual = "\t" if file.suffix.lower() == ".tsv" else ","
        delimiter = max((usual, *",;\t"), key=first.count)
        lines = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            header = next(lines, [])
            yield TableLine(1, header, None)
            for cells in lines:
                if len(cells) == len(header):
                    yield TableLine(lines.line_num, header, cells)
                elif cells:
                    hint = f"; write a value that contains {delimiter!r} in double quotes"
                    raise DataError(
                        f"{file}, line {lines.line_num}: expected {len(header)} values as in the first line, got "
                        f"{len(cells)}{hint if len(cells) > len(header) else ''}"
                    )
        except csv.Error as problem:
            raise DataError(f"{file}, line {lines.line_num}: {problem}") from problem


def encoding_of(start: bytes) -> str:
    """The encoding of a text by its first two bytes: UTF-16 by its mark or its zeros, or UTF-8 with or without a mark.

    Excel writes "Unicode text" in UTF-16.
    """
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    return "utf-16-le" if start[1:] == b"\0" else "utf-16-be" if start[:1] == b"\0" else "utf-8-sig"


def _json_lines(file: Path) -> Iterator[TableLine]:
    columns: list[str] = []
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                values = msgspec.json.decode(line, type=dict[str, object])
            except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
                raise DataError(f"{file}, line {number}: {problem}; expected a JSON object") from problem
            columns = columns if [*values] == columns else [*values]
            yield TableLine(number, columns, [*values.values()])


class ImageRow(NamedTuple):
    """What a table says about one image; label and group are "", and the split is None, if the table gives none."""

    path: str
    label: str
    side: Side | None
    group: str


def read_table(file: Path, report: Report = quiet) -> FoundImages:
    """Find the images that a table lists; paths are relative to the folder of the table.

    Images that do not exist are not noticed here, but when they are opened.

    Args:
        file: The table.
        report: Receives the number of rows so far.

    Raises:
        DataError: When a column is missing or a line is invalid; with its number.
    """
    rows = unique_rows(file, list(scanning(read_rows(file), report)))
    file = file.absolute()
    return images_of_rows(file, rows, FolderSource(file.parent, [row.path for row in rows]))


def read_rows(file: Path, label: str = "") -> Iterator[ImageRow]:
    """The rows of a table; the class is in the column `label`, or "" to find it by name. Errors as in `read_table`."""
    known: Sequence[str] | None = None
    positions: dict[str, int] = {}
    for number, columns, cells in read_lines(file):
        if columns is not known:
            known, positions = columns, _positions(f"{file}, line {number}", columns, label)
        if cells is not None:
            try:
                row = image_row({kind: cells[position] for kind, position in positions.items()})
                yield row._replace(path=path_on_disk(file.parent, row.path))
            except DataError as problem:
                raise DataError(f"{file}, line {number}: {problem}") from None


def _positions(where: str, columns: Sequence[str], label: str) -> dict[str, int]:
    """The position of each known column."""
    usual = COLUMNS | ({"class": (label.lower(),)} if label else {})
    found = {
        kind: find_column(where, columns, kind, usual[kind], is_required=kind in ("path", "class")) for kind in COLUMNS
    }
    return {kind: position for kind, position in found.items() if position is not None}


def find_column(
    where: object, columns: Sequence[str], kind: str, usual: Sequence[str], *, is_required: bool
) -> int | None:
    """The position of a column by its usual names, upper or lower case; None if it is missing and not required.

    Args:
        where: The file, for error messages.
        columns: The names of all columns.
        kind: What the column is for, for error messages.
        usual: Its usual names, in lower case, the best first.
        is_required: Whether a missing column is an error.

    Raises:
        DataError: When the column is missing, or there are several of one name.
    """
    names = [name.strip().lower() for name in columns]
    present = [name for name in usual if name in names]
    if present and (count := names.count(present[0])) > 1:
        raise DataError(f"{where} has {count} columns called {present[0]!r}: give them different names")
    if not present and is_required:
        has = f"it has the columns {listed(columns, _SHOWN)}" if columns else "it is empty"
        raise DataError(f"{where} has no column for the {kind}: expected one of {', '.join(usual)}; {has}")
    return names.index(present[0]) if present else None


def image_row(cells: dict[str, object], *, needs_path: bool = True) -> ImageRow:
    """The row of an image from its cells, by the keys of `COLUMNS`.

    Raises:
        DataError: When a cell is missing or invalid.
    """
    path = cells.get("path")
    path = path if isinstance(path, str) else ""
    if needs_path:
        path = path.strip()
        if not path or "\0" in path:
            raise DataError("missing path: every image needs one")
    label = class_name(cells["class"])
    if not is_utf8(label):
        raise DataError(f"the class {printable(label)} {_NOT_UTF8}")
    return ImageRow(path, label, side_named(_text(cells.get("split"))), _text(cells.get("group")))


def path_on_disk(folder: Path, path: str) -> str:
    """A path from a table as it is on this disk: backslashes of Windows are slashes, unless a file name has them.

    Raises:
        DataError: When it is not in UTF-8 and there is no such file.
    """
    if path.isascii() and "\\" not in path:
        return path
    whole = is_utf8(path)
    if (whole and "\\" not in path) or os.path.lexists(folder / path):
        return path
    if not whole:
        raise DataError(f"the path {printable(path)} {_NOT_UTF8}")
    return path.replace("\\", "/")


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def unique_rows(origin: Path | str, rows: list[ImageRow]) -> list[ImageRow]:
    """The rows without repeated ones; a warning gives their number.

    Raises:
        DataError: When two rows differ about one image.
    """
    first = {row.path: row for row in reversed(rows)}
    if len(first) == len(rows):
        return rows
    for row in rows:
        if row != first[row.path]:
            raise DataError(
                f"{origin} lists {printable(row.path)} several times with different values, "
                f"({_values(first[row.path])}) and ({_values(row)}): expected one class, split and group per image"
            )
    warnings.warn(
        f"{origin} repeats {len(rows) - len(first):,} of its {len(rows):,} rows: each image is used once", stacklevel=2
    )
    return list(dict.fromkeys(rows))


def _values(row: ImageRow) -> str:
    return ", ".join(value for value in row[1:] if value)


def images_of_rows(origin: Path | str, rows: Sequence[ImageRow], source: Source) -> FoundImages:
    """The images of a source, with what the rows of a table say about them.

    Args:
        origin: The file or folder that the user gave.
        rows: One per image.
        source: The images.

    Raises:
        DataError: When there are none, only some rows have a split, or two classes are one number.
    """
    labelled = [index for index, row in enumerate(rows) if row.label]
    if len(labelled) < len(rows):
        count = counted(len(rows) - len(labelled), "image")
        warnings.warn(f"{origin}: {count} with the label -1, which means no label, are not used", stacklevel=2)
        rows, source = [rows[index] for index in labelled], Subset(source, labelled)
    if not rows:
        raise DataError(f"{origin} lists no images: expected one row per image")
    classes, labels = index_classes([row.label for row in rows])
    require_distinct_classes(classes, origin)
    sides = [row.side for row in rows if row.side]
    if sides and len(sides) < len(rows):
        raise DataError(
            f"{origin} gives a split for {len(sides):,} of {len(rows):,} images: give one for each image, or for none"
        )
    groups = [row.group for row in rows]
    return FoundImages(source, classes, labels, sides or None, groups if any(groups) else None, origin)
