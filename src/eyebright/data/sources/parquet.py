"""Parquet tables: each row has the path or the bytes of an image, its class, and perhaps its split and its group.

Hugging Face's tables are read too: there the image is a struct of `bytes` and `path`, the schema's metadata has the
names of the classes, and files such as `train-00000-of-00002.parquet` have the split in their names.

The code follows the data: first the files, then their columns, then their rows, and last the images.
"""

import json
import tempfile
import threading
import warnings
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import ImageInput
from eyebright.data.sources.folder import FolderSource
from eyebright.data.sources.shard_paths import require_all_parts, titles_of
from eyebright.data.sources.sides import side_of, sides_in
from eyebright.data.sources.source import FoundImages, Source, scanning, stamp_of
from eyebright.data.sources.table import (
    COLUMNS,
    ImageRow,
    find_column,
    image_row,
    images_of_rows,
    path_on_disk,
    unique_rows,
)
from eyebright.data.split import Side
from eyebright.system import files
from eyebright.system.errors import DataError, MissingExtraError, PictureError
from eyebright.system.progress import Report, quiet

SUFFIX = ".parquet"
_NO_LABEL = -1  # in Hugging Face's tables, such as test sets whose labels are secret
_IMAGE_COLUMNS = ("image", "img", "picture", "bytes", "image_bytes", *COLUMNS["path"])
_BUFFER_BYTES = 1 << 20
_BATCH_ROWS = 64  # decoded together
_RECENT_ROWS = 4 * _BATCH_ROWS  # in memory, because threads that read in order are not quite in step
_WASTE_LIMIT = 2  # in sizes of a row group
_SPARE_BYTES = 1_000_000_000  # left free on the disk for checkpoints and the like
_DAMAGE = (OSError, ValueError, MemoryError)  # what pyarrow raises for damaged files

_Column = tuple[str, ...]  # ("label",) or, in a struct, ("image", "bytes")


class _Table(NamedTuple):
    """What is in a file."""

    file: Path
    title: str  # the first part of the names of its images
    stamp: str
    columns: dict[str, _Column]  # keys as in `COLUMNS`, and "bytes" if the images are in the file
    classes: Sequence[str]  # Hugging Face's names for the labels 0, 1, 2...
    group_rows: Sequence[int]  # the size of each row group
    metadata: Any  # pyarrow's, so that the file is opened again quickly

    @property
    def has_bytes(self) -> bool:
        return "bytes" in self.columns


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
    require_all_parts([file.name for file in paths], origin)
    titles = titles_of([str(file.absolute()) for file in paths])
    tables = [_table(file, title=title) for file, title in zip(paths, titles, strict=True)]
    named = sides_in(titles, origin) if len(paths) > 1 else None
    sides: Sequence[Side | None] = named or [None] * len(paths)
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
    require_all_parts([file.name for file in paths], origin)
    titles = titles_of([str(file.absolute()) for file in paths])
    tables = [_table(file, title=title, others=names) for file, title in zip(paths, titles, strict=True)]
    named: Sequence[Side | None] = (sides_in(titles, origin) if len(paths) > 1 else None) or [None] * len(paths)
    found = ((row, side) for table, side in zip(tables, named, strict=True) for row in _other_cells(table))
    both = list(scanning(found, report))
    rows, sides = [row for row, _ in both], [side for _, side in both]
    images = [str(row.get("path") or "") for row in rows]
    with _open(paths[0]) as opened:
        features = _features(opened.schema_arrow.metadata or {}).get(names[0])
    if any(table.has_bytes for table in tables):
        return Cells(ParquetSource(tables, images), rows, sides, features)
    return Cells(FolderSource(paths[0].absolute().parent, images), rows, sides, features)


def _other_cells(table: _Table) -> Iterator[dict[str, Any]]:
    """The cells of a table without classes, row by row."""
    columns = {kind: column for kind, column in table.columns.items() if kind != "bytes"}
    for values in _cells(table, [*columns.values()]):
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
    with _open(file) as parquet:
        return [str(name) for name in parquet.schema_arrow.names]


def read_rows(file: Path, label: str = "") -> Iterator[ImageRow]:
    """The rows of a file; the class is in the column `label`, or "" to find it by name. Errors as in `read_parquet`."""
    return _rows(_table(file, label))


def _open(file: Path, metadata: Any = None) -> Any:
    try:
        import pyarrow.parquet as pq
    except ImportError as problem:
        raise MissingExtraError("Parquet files need pyarrow: pip install 'eyebright[parquet]'") from problem
    try:
        flat = {"buffer_size": _BUFFER_BYTES, "pre_buffer": False}  # a row group is never in memory as a whole
        return pq.ParquetFile(file, metadata=metadata, page_checksum_verification=True, **flat)
    except (OSError, ValueError) as problem:
        raise DataError(f"{file} cannot be read as Parquet, it is damaged or another format: {problem}") from problem


def _table(file: Path, label: str = "", title: str = "", others: Sequence[str] = ()) -> _Table:
    """Find the columns of a file: by their usual names, or else by what Hugging Face's metadata says.

    Where other columns are asked for, there is no class.
    """
    with _open(file) as parquet:
        stamp, schema, metadata = stamp_of(file), parquet.schema_arrow, parquet.metadata
    features = _features(schema.metadata or {})

    def find(kind: str, usual: Sequence[str], feature: str = "") -> Any:
        marked = [name.lower() for name in schema.names if features.get(name, {}).get("_type") == feature]
        position = find_column(file, schema.names, kind, (*usual, *marked), is_required=feature != "")
        return None if position is None else schema.field(position)

    columns = _image_columns(file, find("image", _IMAGE_COLUMNS, "Image"))
    rows = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    if others:
        columns |= {name: (name,) for name in others if name in schema.names}
        return _Table(file, title, stamp, columns, [], rows, metadata)
    class_ = find("class", (label.lower(),) if label else COLUMNS["class"], "ClassLabel")
    _require_class_type(file, class_)
    optional = {kind: find(kind, COLUMNS[kind]) for kind in ("split", "group")}
    columns |= {"class": (class_.name,)} | {kind: (field.name,) for kind, field in optional.items() if field}
    names = features.get(class_.name, {}).get("names")
    classes = [str(name) for name in names] if isinstance(names, list) else []
    return _Table(file, title, stamp, columns, classes, rows, metadata)


def _image_columns(file: Path, field: Any) -> dict[str, _Column]:
    """The columns of the bytes and of the path, from the one that has the image."""
    import pyarrow.types as types

    type_ = field.type
    if types.is_struct(type_) and "bytes" in (inner := [part.name for part in type_]):
        return {name: (field.name, name) for name in ("bytes", "path") if name in inner}
    if types.is_string(type_) or types.is_large_string(type_):
        return {"path": (field.name,)}
    if types.is_binary(type_) or types.is_large_binary(type_):
        return {"bytes": (field.name,)}
    raise DataError(
        f"{file}: column {field.name!r} has type {type_}, expected a path (text), the bytes of an image (binary), or a "
        "struct of both"
    )


def _require_class_type(file: Path, field: Any) -> None:
    import pyarrow.types as types

    type_ = field.type.value_type if types.is_dictionary(field.type) else field.type
    if not (types.is_string(type_) or types.is_large_string(type_) or types.is_integer(type_)):
        raise DataError(f"{file}: column {field.name!r} has type {type_}, expected classes as text or whole numbers")


def _features(metadata: dict[bytes, bytes]) -> dict[str, dict[str, Any]]:
    """What Hugging Face's metadata says of each column; nothing if there is none or its form is unknown."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _rows(table: _Table, side: Side | None = None) -> Iterator[ImageRow]:
    """The rows of a table, without the bytes of images; `side` is for rows that give none."""
    columns = {kind: column for kind, column in table.columns.items() if kind != "bytes"}
    for number, values in enumerate(_cells(table, [*columns.values()]), start=1):
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


def _class_of(table: _Table, label: object) -> object:
    """The name of a label, where the file names its labels."""
    if not table.classes or not isinstance(label, int) or label == _NO_LABEL:
        return label
    if not 0 <= label < len(table.classes):
        raise DataError(f"label {label} has no name, the file names {len(table.classes)} labels from 0 on")
    return table.classes[label]


def _cells(table: _Table, columns: Sequence[_Column], group: int | None = None) -> Iterator[tuple[Any, ...]]:
    """The cells of some columns, row by row, of one row group or of all; errors as in `read_parquet`."""
    import pyarrow.compute as pc

    with files.read_errors(table.file):
        if stamp_of(table.file) != table.stamp:
            raise DataError(f"{table.file} was changed while it was being read: run the command again")
    groups = range(len(table.group_rows)) if group is None else range(group, group + 1)
    row, end = sum(table.group_rows[: groups.start]), sum(table.group_rows[: groups.stop])
    names = [".".join(column) for column in columns]
    with _open(table.file, table.metadata) as parquet:
        try:
            for batch in parquet.iter_batches(_BATCH_ROWS, columns=names, row_groups=groups, use_threads=False):
                arrays = [pc.struct_field(batch[name], field) if field else batch[name] for name, *field in columns]
                for cells in zip(*(array.to_pylist() for array in arrays), strict=True):
                    yield cells
                    row += 1
            if row != end:
                raise ValueError(f"it has fewer than {end:,} rows")
        except _DAMAGE as problem:
            cause = " ".join(str(problem).split())
            raise DataError(f"{table.file} is damaged near row {row + 1:,}: {cause}; download it again") from problem


class ParquetSource:
    """Images of Parquet files: the bytes in their rows, or else the files at `paths`, one or "" for each row."""

    def __init__(self, tables: Sequence[_Table], paths: Sequence[str]) -> None:
        tables = [table._replace(file=table.file.absolute()) for table in tables]
        rows = [(table, row) for table in tables for row in range(sum(table.group_rows))]
        self.names = [
            f"{table.title}/{row:07d} {path}".rstrip() if table.has_bytes else path
            for (table, row), path in zip(rows, paths, strict=True)
        ]
        self.identity = "parquet " + "\0".join(str(table.file) for table in tables)
        self._tables, self._paths, self._reader = [table for table, _ in rows], paths, _Reader(tables)

    def stamp(self, index: int) -> str:
        table = self._tables[index]
        try:
            own = "" if table.has_bytes else f" {stamp_of(table.file.parent / self._paths[index])}"
        except OSError:
            return "missing"
        return table.stamp + own

    def open(self, index: int) -> ImageInput:
        table, path = self._tables[index], self._paths[index]
        content = self._reader.read(index) if table.has_bytes else None
        if content is None and not path:
            raise PictureError("no image: its row has neither bytes nor a path")
        return table.file.parent / path if content is None else content


class _Reader:
    """Reads the bytes of images in any order, from several threads, with little memory.

    Parquet is only decoded forwards: a row costs all rows before it in its row group. Reading in order wastes nothing.
    A group that has wasted more rows than twice its size is copied to a temporary file in the cache, where each image
    can be read directly. Without disk space for the copy, decoding goes on.
    """

    def __init__(self, tables: Sequence[_Table]) -> None:
        self._groups = [(table, number) for table in tables for number in range(len(table.group_rows))]
        self._starts = np.cumsum([0, *(rows for table in tables for rows in table.group_rows)])
        self._lock = threading.Lock()
        self._contents: Iterator[tuple[int, tuple[bytes | None]]] = iter(())  # rows of one group, not decoded yet
        self._last = (-1, -1)  # this group, and its row that was decoded last
        self._recent: dict[tuple[int, int], bytes | None] = {}  # by group and row, oldest first
        self._wasted: Counter[int] = Counter()  # for each group, rows decoded minus rows read
        self._copied: dict[int, NDArray[np.int64]] = {}  # for each copied group offsets and sizes, `(rows, 2)`
        self._copy: IO[bytes] | None = None
        self._has_warned = False

    def read(self, index: int) -> bytes | None:
        """The bytes of an image; None if its cell is empty. Errors as in `read_parquet`."""
        group = int(np.searchsorted(self._starts, index, side="right")) - 1
        row = index - int(self._starts[group])
        with self._lock:
            if group not in self._copied and (group, row) not in self._recent:
                table, number = self._groups[group]
                if self._wasted[group] > _WASTE_LIMIT * table.group_rows[number] and self._has_space(group):
                    self._copy_group(group)
                else:
                    self._decode(group, row)
            self._wasted[group] -= 1
            if group not in self._copied or self._copy is None:
                return self._recent[group, row]
            offset, size = self._copied[group][row].tolist()
            self._copy.seek(offset)
            return self._copy.read(size) if size >= 0 else None

    def _decode(self, group: int, row: int) -> None:
        """Decode the rows of a group up to the end of the batch with this row."""
        last, self._last = self._last, (-1, -1)  # which stays if decoding fails
        if last[0] != group or last[1] >= row:
            table, number = self._groups[group]
            self._contents = enumerate(_cells(table, [table.columns["bytes"]], number))
        for decoded, (content,) in self._contents:
            self._wasted[group] += 1
            self._recent[group, decoded] = content
            if len(self._recent) > _RECENT_ROWS:
                del self._recent[next(iter(self._recent))]
            if decoded >= row and (decoded + 1) % _BATCH_ROWS == 0:
                break
        self._last = (group, decoded)

    def _has_space(self, group: int) -> bool:
        """Whether the cache's disk has space for a copy of a group; if not, warn once."""
        table, number = self._groups[group]
        size_bytes = table.metadata.row_group(number).total_byte_size
        missing = size_bytes + _SPARE_BYTES - files.free_bytes(files.cache_folder("unpacked"))
        if missing > 0 and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"reading {table.file.name} in random order is slow: the disk of the cache has no space for a copy of "
                f"its images; free {missing / 1e6:,.0f} MB there, or set EYEBRIGHT_CACHE to a folder on another disk",
                stacklevel=2,
            )
        return bool(missing <= 0)

    def _copy_group(self, group: int) -> None:
        (table, number), folder = self._groups[group], files.cache_folder("unpacked")
        with files.write_errors(folder):
            if self._copy is None:
                self._copy = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - open as long as this reader
                weakref.finalize(self, self._copy.close)
            offset, places = self._copy.seek(0, 2), []
            for (content,) in _cells(table, [table.columns["bytes"]], number):
                places.append((offset, -1 if content is None else len(content)))
                offset += self._copy.write(content or b"")
            self._copy.flush()
        self._copied[group] = np.array(places, np.int64)
