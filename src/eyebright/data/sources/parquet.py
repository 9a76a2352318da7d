"""Parquet tables: a column with each picture's path or its bytes, one with its class, and perhaps its side and group.

Also as Hugging Face writes them: a struct of `bytes` and `path` for the picture, the names of the classes in the
schema's metadata, and shards `train-00000-of-00002.parquet` with the side in their names.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eyebright.data.pictures import ImageInput
from eyebright.data.sources.folder import FolderSource, Progress
from eyebright.data.sources.labels import label_of
from eyebright.data.sources.parquet_columns import Columns, columns_of, open_table
from eyebright.data.sources.parquet_reading import DAMAGES, Contents, cells_of, damaged
from eyebright.data.sources.source import SIDE_NAMES, Found, sides_by_name
from eyebright.data.sources.stored import stamp_of
from eyebright.data.sources.table import Row, gathered, once
from eyebright.data.split import Side
from eyebright.system.errors import DataError, PictureError

SUFFIX = ".parquet"
_DATA = "data"
_SHARD = re.compile(r"(?P<of>(?P<side>[A-Za-z]+)-.*?)(?P<number>\d{5})-of-(?P<count>\d{5})", re.DOTALL)


class ParquetSource:
    """Pictures in the rows of Parquet files, or at the paths that stand there.

    Args:
        files: The files.
        counts: How many rows each has.
        columns: For each file, what its columns are called.
        names: For each picture its path, or "".
    """

    def __init__(
        self, files: Sequence[Path], counts: Sequence[int], columns: Sequence[Columns], names: Sequence[str]
    ) -> None:
        self._rows = [(which, row) for which, count in enumerate(counts) for row in range(count)]
        self._files, self._columns = files, columns
        inside = [column.embedded for column in columns]
        self.names = [
            f"{files[which].stem}/{row:07d} {name}".rstrip() if inside[which] else name
            for (which, row), name in zip(self._rows, names, strict=True)
        ]
        self._paths = names
        self._contents = Contents(files, [column.picture for column in columns])
        self.identity = "parquet " + "\0".join(map(str, files))

    def stamp(self, index: int) -> str:
        which = self._rows[index][0]
        stamp = self._contents.stamps[which]
        if self._columns[which].embedded:
            return stamp
        try:
            return f"{stamp} {stamp_of(self._files[which].parent / self._paths[index])}"
        except OSError:
            return "missing"

    def open(self, index: int) -> ImageInput:
        which, row = self._rows[index]
        content = self._contents.get(which, row) if self._columns[which].embedded else None
        if content is not None:
            return content
        if not self._paths[index]:
            raise PictureError("no picture in its row: neither bytes nor a path")
        return self._files[which].parent / self._paths[index]


def read_parquet(paths: Sequence[Path], origin: Path, progress: Progress | None = None) -> Found:
    """The pictures of one or several Parquet files; paths in them are relative to their folder.

    Args:
        paths: The files, in order.
        origin: The file or folder that was given.
        progress: Called now and then with the number of pictures so far.

    Raises:
        DataError: When a column is lacking, a row is wrong (its number is given), a file is damaged or not there.
        MissingExtraError: When pyarrow is not installed.
    """
    _require_shards(paths)
    by_name = sides_by_name([file.stem for file in paths]) if len(paths) > 1 else None
    rows: list[Row] = []
    counts, columns = [], []
    for number, file in enumerate(paths):
        before = len(rows)
        columns.append(columns_of(file))
        for row in rows_of(file, columns[-1], by_name[number] if by_name else None):
            rows.append(row)
            if progress and len(rows) % 1_000 == 0:
                progress(len(rows))
        counts.append(len(rows) - before)
    if not rows:
        raise DataError(f"{origin} lists no pictures")
    if not any(column.embedded for column in columns):
        rows = once(origin, rows)
        return gathered(origin, rows, FolderSource(paths[0].absolute().parent, [row.path for row in rows]))
    source = ParquetSource([file.absolute() for file in paths], counts, columns, [row.path for row in rows])
    return gathered(origin, rows, source)


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files of a folder, unless it also holds other folders than for the sides; or else of `data` in it,
    where Hugging Face puts them.
    """
    folders = {entry.name.lower() for entry in folder.glob("[!.]*") if entry.is_dir()}
    own = [folder] if folders <= {_DATA, *SIDE_NAMES} else []
    for place in (*own, folder / _DATA):
        found = sorted(file for file in place.glob("[!.]*") if file.suffix.lower() == SUFFIX and file.is_file())
        if found:
            return found
    return []


def rows_of(file: Path, columns: Columns, side: Side | None = None) -> Iterator[Row]:
    """The rows of a file, without its pictures.

    Args:
        file: The file.
        columns: What is in which column.
        side: The side of rows that tell none.

    Raises:
        DataError: When a row is wrong, or the file is damaged.
    """
    names = {"path": columns.path, "label": columns.label, "side": columns.side, "group": columns.group}
    wanted = {kind: name for kind, name in names.items() if name}
    number = 0
    try:
        with open_table(file) as table:
            for number, cells in enumerate(cells_of(table, [*wanted.values()]), start=1):
                yield _row(f"{file}, row {number}", dict(zip(wanted, cells, strict=True)), columns, side)
    except DataError:
        raise
    except DAMAGES as problem:
        raise damaged(file, number, problem) from problem


def _row(where: str, cells: dict[str, Any], columns: Columns, side: Side | None) -> Row:
    label, path = cells["label"], cells.get("path") or ""
    if columns.classes and isinstance(label, int):
        if not 0 <= label < len(columns.classes):
            raise DataError(f"{where}: label {label} is none of the {len(columns.classes)} classes that the file names")
        label = columns.classes[label]
    name = label_of(label, f"{where}: ")
    if not columns.embedded and (not path.strip() or "\0" in path):
        raise DataError(f"{where}: no path; every picture needs one")
    given = str(cells.get("side") or "").strip().lower()
    if given and given not in SIDE_NAMES:
        raise DataError(f"{where}: split {given!r} is none of train, validation, test")
    group = cells.get("group")
    return Row(
        path if columns.embedded else path.strip(),
        name,
        SIDE_NAMES.get(given, side),
        str("" if group is None else group),
    )


def _require_shards(paths: Sequence[Path]) -> None:
    """Refuse a folder of shards from which some are missing: `-of-00004` says how many there must be."""
    seen: dict[tuple[str, int], set[int]] = {}
    for file in paths if len(paths) > 1 else ():
        if match := _SHARD.fullmatch(file.stem):
            seen.setdefault((match["of"], int(match["count"])), set()).add(int(match["number"]))
    for (name, count), numbers in seen.items():
        lacking = sorted(set(range(count)) - numbers)
        if lacking:
            raise DataError(f"{name}{lacking[0]:05d}-of-{count:05d}{SUFFIX} is missing, {len(lacking)} of {count} are")
