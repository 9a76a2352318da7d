"""The images of Parquet files, in any order: those whose bytes are in the rows, and those at paths."""

import tempfile
import threading
import warnings
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import ImageInput
from eyebright.data.sources.parquet_table import BATCH_ROWS, ParquetTable
from eyebright.data.sources.source import stamp_of
from eyebright.system import files
from eyebright.system.errors import PictureError

_RECENT_ROWS = 4 * BATCH_ROWS  # in memory, because threads that read in order are not quite in step
_WASTE_LIMIT = 2  # in sizes of a row group
_SPARE_BYTES = 1_000_000_000  # left free on the disk for checkpoints and the like


class ParquetSource:
    """Images of Parquet files: the bytes in their rows, or else the files at `paths`, one or "" for each row."""

    def __init__(self, tables: Sequence[ParquetTable], paths: Sequence[str]) -> None:
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

    def __init__(self, tables: Sequence[ParquetTable]) -> None:
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
        """The bytes of an image; None if its cell is empty. Errors as in `ParquetTable.cells`."""
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
            self._contents = enumerate(table.cells([table.columns["bytes"]], number))
        for decoded, (content,) in self._contents:
            self._wasted[group] += 1
            self._recent[group, decoded] = content
            if len(self._recent) > _RECENT_ROWS:
                del self._recent[next(iter(self._recent))]
            if decoded >= row and (decoded + 1) % BATCH_ROWS == 0:
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
            for (content,) in table.cells([table.columns["bytes"]], number):
                places.append((offset, -1 if content is None else len(content)))
                offset += self._copy.write(content or b"")
            self._copy.flush()
        self._copied[group] = np.array(places, np.int64)
