"""Hugging Face's image folders: pictures beside a metadata.csv, .jsonl or .parquet that lists them.

    metadata.csv     file_name,label
    0001.png         0001.png,rose

The file lies at the top, or in each of the folders for the sides; `file_name` is relative to it.
Source: "Create an image dataset", section ImageFolder, in the documentation of the library datasets.
"""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from eyebright.data.sources import labels, parquet, table
from eyebright.data.sources.folder import FolderSource, Progress, walk_files
from eyebright.data.sources.parquet_columns import columns_of, names_of
from eyebright.data.sources.source import SIDE_NAMES, Found, sides_by_name
from eyebright.data.sources.table import Row, header_of
from eyebright.system.errors import DataError
from eyebright.system.text import printable

_PATH, _LABEL = "file_name", "label"
_NAMES = ("metadata.csv", "metadata.jsonl", f"metadata{parquet.SUFFIX}")


class NoClassError(DataError):
    """The metadata tells no class."""


def metadata_files(folder: Path) -> list[Path]:
    """The files that list the pictures of a folder, or of its folders for the sides; only those that name files."""
    sides = [entry for entry in sorted(folder.iterdir()) if entry.name.lower() in SIDE_NAMES]
    for places in ([folder], sides):
        found = [place / name for place in places for name in _NAMES if (place / name).is_file()]
        if found:
            return [file for file in found if _PATH in _header(file)]
    return []


def read_image_folder(folder: Path, files: list[Path], progress: Progress | None = None) -> Found:
    """The pictures that the files list. Sides are those of the folders, where one is `train`.

    Pictures that no file lists are passed over, which a warning tells.

    Args:
        folder: The folder.
        files: As `metadata_files` gives them, at least one.
        progress: Called now and then with the number of pictures so far.

    Raises:
        DataError: When a class is lacking, not clear, or a row is wrong.
    """
    root = folder.absolute()
    rows: list[Row] = []
    for row in _rows(folder, files):
        rows.append(row)
        if progress and len(rows) % 1_000 == 0:
            progress(len(rows))
    rows = table.once(root, rows)
    names = [row.path for row in rows]
    tops = [name.partition("/")[0] for name in names]
    if not any(row.side for row in rows) and all(top.lower() in SIDE_NAMES for top in tops):
        sides = sides_by_name(tops)
        rows = [row._replace(side=sides[index]) for index, row in enumerate(rows)] if sides else rows
    _tell_unlisted(root, set(names))
    return table.gathered(root, rows, FolderSource(root, names))


def _rows(folder: Path, files: list[Path]) -> Iterator[Row]:
    for file in files:
        label = _label(file)
        beside = file.parent.relative_to(folder)
        is_parquet = file.suffix.lower() == parquet.SUFFIX
        for row in parquet.rows_of(file, columns_of(file, label)) if is_parquet else table.rows_of(file, label):
            yield row._replace(path=os.path.normpath(beside / row.path).replace(os.sep, "/"))


def _label(file: Path) -> str:
    """The column with the class: `label`, or the only one of the names that people use."""
    header = _header(file)
    found = [name for name in labels.NAMES if name in header]
    if _LABEL in found or len(found) == 1:
        return _LABEL if _LABEL in found else found[0]
    if found:
        raise DataError(f"{file}: the class may be in {' or '.join(found)}: call the right one {_LABEL}")
    others = [name for name in header if name != _PATH]
    raise NoClassError(
        f"{file} has no column {_LABEL} for the class; beside {_PATH} it has {', '.join(others) or 'none'}: "
        f"call the right one {_LABEL}"
    )


def _header(file: Path) -> list[str]:
    names = names_of(file) if file.suffix.lower() == parquet.SUFFIX else header_of(file)
    return [name.strip().lower() for name in names]


def _tell_unlisted(root: Path, listed: set[str]) -> None:
    unlisted = [
        name
        for name in (os.path.relpath(file, root).replace(os.sep, "/") for file in walk_files(root))
        if name not in listed and not name.endswith((".jsonl", parquet.SUFFIX))
    ]
    if unlisted:
        warnings.warn(
            f"{len(unlisted):,} files in {root} are not in its metadata, such as {printable(unlisted[0])}: they are "
            "passed over",
            stacklevel=2,
        )
