"""A table of pictures, CSV or TSV: a column with the path of each, one with its class, and perhaps its side and group.

path,class,split,group
roses/1.jpg,rose,train,camera 3
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from eyebright import codec
from eyebright.datasets.sources.folder import FolderSource, Progress
from eyebright.datasets.sources.found import SIDE_NAMES, Found
from eyebright.datasets.sources.source import Source
from eyebright.datasets.split import Side
from eyebright.errors import DataError

SUFFIXES = (".csv", ".tsv")
COLUMNS = {
    "path": ("path", "file", "filename", "file_name", "image", "name"),
    "class": ("class", "label", "category"),
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
    for row in _rows(file):
        rows.append(row)
        if progress and len(rows) % 1_000 == 0:
            progress(len(rows))
    if not rows:
        raise DataError(f"{file} lists no pictures")
    return gathered(file, rows, FolderSource(root, [row.path for row in rows]))


def gathered(file: Path, rows: Sequence[Row], source: Source) -> Found:
    """What the rows of a table say of the pictures.

    Args:
        file: The table, for messages.
        rows: One for each picture, at least one.
        source: The pictures.

    Raises:
        DataError: When only some of the rows give a split.
    """
    classes = tuple(sorted({row.label for row in rows}))
    number = {name: index for index, name in enumerate(classes)}
    given = [row.side for row in rows]
    if any(given) and not all(given):
        raise DataError(f"{file} gives a split for some pictures and none for others: give one for all, or for none")
    sides = [side for side in given if side] or None
    groups = [row.group for row in rows]
    labels = [number[row.label] for row in rows]
    return Found(source, classes, labels, sides=sides, groups=groups if any(groups) else None, origin=file.absolute())


def _rows(file: Path) -> Iterator[Row]:
    delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
    try:
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            lines = csv.reader(text, delimiter=delimiter, strict=True)
            columns = _columns(file, next(lines, []))
            for cells in lines:
                if cells:
                    yield _row(file, lines.line_num, cells, columns)
    except csv.Error as problem:
        raise DataError(f"{file}, line {lines.line_num}: {problem}") from problem
    except OSError as problem:
        raise DataError(f"{file} cannot be read: {problem.strerror}") from problem


def _columns(file: Path, header: list[str]) -> dict[str, int]:
    """Where each known column stands."""
    names = [name.strip().lower() for name in header]
    found = {}
    for kind, known in COLUMNS.items():
        here = [names.index(name) for name in known if name in names]
        if here:
            found[kind] = here[0]
        elif kind in ("path", "class"):
            near = codec.nearest(kind, header) if header else "it is empty"
            raise DataError(f"{file} has no column for the {kind} (one of {', '.join(known)}): {near}")
    return found | {"": len(header)}


def _row(file: Path, line: int, cells: list[str], columns: dict[str, int]) -> Row:
    if len(cells) != columns[""]:
        raise DataError(f"{file}, line {line}: {len(cells)} values where the first line names {columns['']} columns")
    path, label = cells[columns["path"]].strip(), cells[columns["class"]].strip()
    if not path or "\0" in path or not label:
        raise DataError(f"{file}, line {line}: {'no class' if path else 'no path'}; every picture needs both")
    side = cells[columns["split"]].strip().lower() if "split" in columns else ""
    if side and side not in SIDE_NAMES:
        raise DataError(f"{file}, line {line}: split {side!r} is none of train, validation, test")
    group = cells[columns["group"]].strip() if "group" in columns else ""
    return Row(path, label, SIDE_NAMES.get(side), group)
