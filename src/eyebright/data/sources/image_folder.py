"""Hugging Face's image folders: images beside a metadata.csv, .jsonl or .parquet that lists them.

    metadata.csv     file_name,label
    0001.png         0001.png,rose

The metadata is at the top, or in each of the folders of the splits; `file_name` is relative to it.
Source: "Create an image dataset", section ImageFolder, in the documentation of the library datasets.
"""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from eyebright.data.sources import parquet, table
from eyebright.data.sources.folder import FolderSource
from eyebright.data.sources.labels import CLASS_COLUMNS
from eyebright.data.sources.sides import side_of, sides_in
from eyebright.data.sources.source import FoundImages, scanning
from eyebright.data.sources.table import ImageRow, images_of_rows, unique_rows
from eyebright.data.sources.walk import walk_files
from eyebright.system.errors import DataError
from eyebright.system.progress import Report, quiet
from eyebright.system.text import counted, printable

_PATH, _LABEL = "file_name", "label"
_NAMES = ("metadata.csv", "metadata.jsonl", f"metadata{parquet.SUFFIX}")


class NoClassError(DataError):
    """The metadata has no column for the class."""


def metadata_files(folder: Path) -> list[Path]:
    """The metadata of a folder, or of its folders for the splits; only files with a column `file_name`."""
    sides = [entry for entry in sorted(folder.iterdir()) if side_of(entry.name)]
    for folders in ([folder], sides):
        if found := [place / name for place in folders for name in _NAMES if (place / name).is_file()]:
            return [file for file in found if _PATH in _columns(file)]
    return []


def read_image_folder(folder: Path, files: list[Path], report: Report = quiet) -> FoundImages:
    """Find the images that metadata lists. Folders such as `train` give the splits, if the metadata does not.

    A warning gives the number of files that are not listed.

    Args:
        folder: The folder.
        files: The result of `metadata_files`, not empty.
        report: Receives the number of images so far.

    Raises:
        NoClassError: When there is no column for the class.
        DataError: When several columns may be the class, or a row is invalid; with its number.
    """
    root = folder.absolute()
    rows = unique_rows(root, list(scanning(_rows(folder, files), report)))
    names = [row.path for row in rows]
    tops = sorted({name.rpartition("/")[0].partition("/")[0] for name in names})
    if not any(row.side for row in rows) and (sides := sides_in(tops, root)):
        side_below = dict(zip(tops, sides, strict=True))
        rows = [row._replace(side=side_below[row.path.partition("/")[0]]) for row in rows]
    found = images_of_rows(root, rows, FolderSource(root, names))
    _warn_of_unlisted(root, set(names))
    return found


def _rows(folder: Path, files: list[Path]) -> Iterator[ImageRow]:
    for file in files:
        beside = file.parent.relative_to(folder)
        for row in _reader(file).read_rows(file, _class_column(file)):
            yield row._replace(path=os.path.normpath(beside / row.path).replace(os.sep, "/"))


def _class_column(file: Path) -> str:
    """The column with the class: `label`, or the only one with one of the usual names."""
    columns = _columns(file)
    found = [name for name in CLASS_COLUMNS if name in columns]
    if _LABEL in found or len(found) == 1:
        return _LABEL if _LABEL in found else found[0]
    if found:
        raise DataError(
            f"{file} has several columns for the class, {' and '.join(found)}: rename the right one to {_LABEL}"
        )
    raise NoClassError(
        f"{file} has no column for the class: expected {_LABEL}; it has the columns {', '.join(columns)}"
    )


def _columns(file: Path) -> list[str]:
    return [name.strip().lower() for name in _reader(file).column_names(file)]


def _reader(file: Path) -> ModuleType:
    return parquet if file.suffix.lower() == parquet.SUFFIX else table


def _warn_of_unlisted(root: Path, listed: set[str]) -> None:
    files = (os.path.relpath(file, root).replace(os.sep, "/") for file in walk_files(root))
    unlisted = [name for name in files if name not in listed and not name.endswith((".jsonl", parquet.SUFFIX))]
    if unlisted:
        are = "is" if len(unlisted) == 1 else "are"
        warnings.warn(
            f"{counted(len(unlisted), 'file')} in {root} {are} not in its metadata and {are} ignored, such as "
            f"{printable(unlisted[0])}",
            stacklevel=3,
        )
