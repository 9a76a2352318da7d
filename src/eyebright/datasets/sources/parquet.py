"""Parquet tables: a column with each picture's path or its bytes, one with its class, and perhaps its side and group.

Also as Hugging Face writes them: a struct of `bytes` and `path` for the picture, the names of the classes in the
schema's metadata, and shards `train-00000-of-00002.parquet` with the side in their names.
"""

import re
import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from eyebright.datasets.sources.folder import Progress
from eyebright.datasets.sources.found import SIDE_NAMES, Found
from eyebright.datasets.sources.manifest import Row, gathered
from eyebright.datasets.sources.parquet_columns import Columns, columns_of, open_table
from eyebright.datasets.sources.stored import stamp_of
from eyebright.errors import DataError, PictureError
from eyebright.pictures import Source as Openable

SUFFIX = ".parquet"
_ROWS = 64  # pictures held at a time
_SHARD = re.compile(r"(?P<of>(?P<side>[A-Za-z]+)-.*?)(?P<number>\d{5})-of-(?P<count>\d{5})", re.DOTALL)


class ParquetSource:
    """Pictures in the rows of Parquet files, read a few rows at a time, forwards where they are asked for in order.

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
        self._stamps = [stamp_of(file) for file in files]
        self.identity = "parquet " + "\0".join(map(str, files))
        self._lock = threading.Lock()
        self._reading: Iterator[Any] = iter(())
        self._place = (-1, 0)  # the file, and the row at which the next batch starts
        self._recent: dict[tuple[int, int], list[bytes | None]] = {}  # by file and first row, oldest first

    def stamp(self, index: int) -> str:
        which = self._rows[index][0]
        stamp = self._stamps[which]
        if self._columns[which].embedded:
            return stamp
        try:
            return f"{stamp} {stamp_of(self._files[which].parent / self._paths[index])}"
        except OSError:
            return "missing"

    def open(self, index: int) -> Openable:
        which, row = self._rows[index]
        content = self._content(which, row) if self._columns[which].embedded else None
        if content is not None:
            return content
        if not self._paths[index]:
            raise PictureError("no picture in its row: neither bytes nor a path")
        return self._files[which].parent / self._paths[index]

    def _content(self, which: int, row: int) -> bytes | None:
        first = row - row % _ROWS
        with self._lock:
            if (which, first) not in self._recent:
                self._advance(which, first)
            cells = self._recent[which, first]
        if row - first >= len(cells):
            raise PictureError(
                f"{self._files[which]} was changed while it was being read: it ends before row {row + 1}"
            )
        return cells[row - first]

    def _advance(self, which: int, first: int) -> None:
        """Read on to the rows that start at `first`; from the file's beginning where these have gone by."""
        file = self._files[which]
        try:
            if self._place[0] != which or self._place[1] > first:
                if stamp_of(file) != self._stamps[which]:
                    raise PictureError(f"{file} was changed while it was being read")
                self._reading = _cells(file, [self._columns[which].picture])
                self._place = (which, 0)
            skipped = first - self._place[1]
            cells = list(islice(self._reading, skipped, skipped + _ROWS))
        except PictureError:
            raise
        except (OSError, ValueError) as problem:
            self._place = (-1, 0)
            raise PictureError(f"{file} is damaged near row {first + 1}: {problem}") from problem
        self._place = (which, first + _ROWS)
        while len(self._recent) >= 4:  # threads that prepare pictures are not quite in step
            del self._recent[next(iter(self._recent))]
        self._recent[which, first] = [content for (content,) in cells]


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
    by_name = _sides(paths) if len(paths) > 1 else [""] * len(paths)
    rows: list[Row] = []
    counts, columns = [], []
    for file, side in zip(paths, by_name, strict=True):
        before = len(rows)
        columns.append(columns_of(file))
        for row in _rows(file, columns[-1], side):
            rows.append(row)
            if progress and len(rows) % 1_000 == 0:
                progress(len(rows))
        counts.append(len(rows) - before)
    if rows:
        source = ParquetSource([file.absolute() for file in paths], counts, columns, [row.path for row in rows])
        return gathered(origin, rows, source)
    raise DataError(f"{origin} lists no pictures")


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files of a folder or, if it has none, of `data` in it, where Hugging Face puts them."""
    for place in (folder, folder / "data"):
        found = sorted(file for file in place.glob("[!.]*") if file.suffix.lower() == SUFFIX and file.is_file())
        if found:
            return found
    return []


def _cells(file: Path, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Row after row, of these columns only; of a struct one field may be named: `image.bytes`."""
    import pyarrow.compute as pc

    with open_table(file) as table:
        for batch in table.iter_batches(_ROWS, columns=list(names), use_threads=False):
            paths = (name.split(".") for name in names)
            columns = [pc.struct_field(batch[first], rest) if rest else batch[first] for first, *rest in paths]
            yield from zip(*(column.to_pylist() for column in columns), strict=True)


def _rows(file: Path, columns: Columns, side: str) -> Iterator[Row]:
    names = {"path": columns.path, "label": columns.label, "side": columns.side, "group": columns.group}
    wanted = {kind: name for kind, name in names.items() if name}
    number = 0
    try:
        for number, cells in enumerate(_cells(file, [*wanted.values()]), start=1):
            yield _row(f"{file}, row {number}", dict(zip(wanted, cells, strict=True)), columns, side)
    except DataError:
        raise
    except (OSError, ValueError) as problem:
        raise DataError(f"{file} is damaged near row {number + 1}: {problem}") from problem


def _row(where: str, cells: dict[str, Any], columns: Columns, side: str) -> Row:
    label, path = cells["label"], cells.get("path") or ""
    if columns.classes and isinstance(label, int):
        if not 0 <= label < len(columns.classes):
            raise DataError(f"{where}: label {label} is none of the {len(columns.classes)} classes that the file names")
        label = columns.classes[label]
    name = "" if label is None else str(label).strip()
    if not name or (not columns.embedded and (not path.strip() or "\0" in path)):
        raise DataError(f"{where}: {'no path' if name else 'no class'}; every picture needs both")
    given = str(cells.get("side") or "").strip().lower() or side
    if given and given not in SIDE_NAMES:
        raise DataError(f"{where}: split {given!r} is none of train, validation, test")
    group = cells.get("group")
    return Row(
        path if columns.embedded else path.strip(), name, SIDE_NAMES.get(given), str("" if group is None else group)
    )


def _sides(paths: Sequence[Path]) -> list[str]:
    """The side in each file's name: all have one, with train among them, or none counts."""
    sides = [re.split(r"[-_.]", file.stem)[0].lower() for file in paths]
    told = all(side in SIDE_NAMES for side in sides) and "train" in {SIDE_NAMES[side] for side in sides}
    return sides if told else [""] * len(paths)


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
