"""Parquet tables: each row has the path or the bytes of an image, its class, and perhaps its split and its group.

Hugging Face's tables are read too: there the image is a struct of `bytes` and `path`, the schema's metadata has the
names of the classes, and files such as `train-00000-of-00002.parquet` have the split in their names.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eyebright.data.sources.folder import FolderSource
from eyebright.data.sources.parquet_images import ParquetSource
from eyebright.data.sources.parquet_table import ParquetTable, features_of, open_parquet
from eyebright.data.sources.shard_paths import require_all_parts, titles_of
from eyebright.data.sources.sides import side_of, sides_in
from eyebright.data.sources.source import FoundImages, Source, scanning
from eyebright.data.sources.table import ImageRow, image_row, images_of_rows, path_on_disk, unique_rows
from eyebright.data.split import Side
from eyebright.system.errors import DataError
from eyebright.system.progress import Report, quiet

SUFFIX = ".parquet"
_NO_LABEL = -1  # in Hugging Face's tables, such as test sets whose labels are secret


def read_parquet(paths: Sequence[Path], origin: Path, report: Report = quiet) -> FoundImages:
    """Find the images of one or several Parquet files; paths in a file are relative to its folder.

    Args:
        paths: The files, in order.
        origin: The file or folder that the user gave.
        report: Receives the number of rows so far.

    Raises:
        DataError: When a file or a column is missing, a file is damaged, or a row is invalid; with the row's number.
        MissingExtraError: When pyarrow is not installed.
    """
    tables, sides = _tables(paths, origin)
    found = (row for table, side in zip(tables, sides, strict=True) for row in _rows(table, side))
    rows = list(scanning(found, report))
    if any(table.has_bytes for table in tables) and rows:
        return images_of_rows(origin, rows, ParquetSource(tables, [row.path for row in rows]))
    rows = unique_rows(origin, rows)
    return images_of_rows(origin, rows, FolderSource(paths[0].absolute().parent, [row.path for row in rows]))


class Cells(NamedTuple):
    """Images of Parquet files without classes, with other columns.

    Args:
        source: The images.
        rows: For each image its cells, by the names of the columns that are there.
        sides: For each image its split, where the names of the files give one.
        features: What Hugging Face's metadata says of the first of the columns.
    """

    source: Source
    rows: list[dict[str, Any]]
    sides: Sequence[Side | None]
    features: Any


def read_cells(paths: Sequence[Path], origin: Path, names: Sequence[str], report: Report = quiet) -> Cells:
    """Find the images of Parquet files that have columns of another kind than a class.

    Args:
        paths: The files, in order.
        origin: The file or folder that the user gave.
        names: The columns, the first of which must be there.
        report: Receives the number of rows so far.

    Raises:
        DataError, MissingExtraError: As `read_parquet`.
    """
    tables, sides_of_files = _tables(paths, origin, names)
    found = ((row, side) for table, side in zip(tables, sides_of_files, strict=True) for row in _other_cells(table))
    both = list(scanning(found, report))
    rows, sides = [row for row, _ in both], [side for _, side in both]
    images = [str(row.get("path") or "") for row in rows]
    with open_parquet(paths[0]) as opened:
        features = features_of(opened.schema_arrow.metadata or {}).get(names[0])
    if any(table.has_bytes for table in tables):
        return Cells(ParquetSource(tables, images), rows, sides, features)
    return Cells(FolderSource(paths[0].absolute().parent, images), rows, sides, features)


def _tables(
    paths: Sequence[Path], origin: Path, others: Sequence[str] = ()
) -> tuple[list[ParquetTable], Sequence[Side | None]]:
    """Each file, and its split where the names of several files give one; errors as in `read_parquet`."""
    require_all_parts([file.name for file in paths], origin)
    titles = titles_of([str(file.absolute()) for file in paths])
    tables = [ParquetTable.of(file, title=title, others=others) for file, title in zip(paths, titles, strict=True)]
    sides = sides_in(titles, origin) if len(paths) > 1 else None
    return tables, sides or [None] * len(paths)


def _other_cells(table: ParquetTable) -> Iterator[dict[str, Any]]:
    """The cells of a table without classes, row by row."""
    columns = {kind: column for kind, column in table.columns.items() if kind != "bytes"}
    for values in table.cells([*columns.values()]):
        cells = dict(zip(columns, values, strict=True))
        if not table.has_bytes and isinstance(cells.get("path"), str):
            cells["path"] = path_on_disk(table.file.parent, cells["path"])
        yield cells


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files of a folder, of its folders for the splits, or of `data` in it, where Hugging Face puts them.

    A folder that also has other folders, except those of the splits, is ignored: they are likely its classes.
    """
    below = [entry for entry in sorted(folder.glob("[!.]*")) if entry.is_dir() and entry.name != "data"]
    places = [[folder], below] if all(side_of(entry.name) for entry in below) else []
    for place in (*places, [folder / "data"]):
        files = (file for inside in place for file in sorted(inside.glob("[!.]*")))
        if found := [file for file in files if file.suffix.lower() == SUFFIX and file.is_file()]:
            return found
    return []


def column_names(file: Path) -> list[str]:
    """The names of a file's columns; errors as in `read_parquet`."""
    with open_parquet(file) as parquet:
        return [str(name) for name in parquet.schema_arrow.names]


def read_rows(file: Path, label: str = "") -> Iterator[ImageRow]:
    """The rows of a file; the class is in the column `label`, or "" to find it by name. Errors as in `read_parquet`."""
    return _rows(ParquetTable.of(file, label))


def _rows(table: ParquetTable, side: Side | None = None) -> Iterator[ImageRow]:
    """The rows of a table, without the bytes of images; `side` is for rows that give none."""
    columns = {kind: column for kind, column in table.columns.items() if kind != "bytes"}
    for number, values in enumerate(table.cells([*columns.values()]), start=1):
        cells = dict(zip(columns, values, strict=True))
        try:
            row = image_row(cells | {"class": _class_of(table, cells["class"])}, needs_path=not table.has_bytes)
            if table.classes and cells["class"] == _NO_LABEL:
                row = row._replace(label="")
            if not table.has_bytes:
                row = row._replace(path=path_on_disk(table.file.parent, row.path))
        except DataError as problem:
            raise DataError(f"{table.file}, row {number}: {problem}") from None
        yield row if row.side else row._replace(side=side)


def _class_of(table: ParquetTable, label: object) -> object:
    """The name of a label, where the file names its labels."""
    if not table.classes or not isinstance(label, int) or label == _NO_LABEL:
        return label
    if not 0 <= label < len(table.classes):
        raise DataError(f"label {label} has no name, the file names {len(table.classes)} labels from 0 on")
    return table.classes[label]
