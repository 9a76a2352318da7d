"""Pictures out of a column of Parquet files, a few at a time, so that memory stays flat whatever a row group holds.

Parquet is read forwards: a row is had by decoding its row group up to it. Who asks for the rows in order pays nothing
for that. Where somebody keeps entering a group in the middle, or leaving it before its end, its pictures are laid out
once in a file of the cache, without a name, and taken from there; without room for that, they are read on, slowly.
"""

import tempfile
import threading
import warnings
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.sources.parquet_columns import open_table
from eyebright.data.sources.stored import stamp_of
from eyebright.system import files
from eyebright.system.errors import DataError

ROWS = 64  # pictures held at a time
_RECENT = 4  # threads that prepare pictures are not quite in step
_SPARED_BYTES = 1_000_000_000  # for checkpoints and what else is written while pictures are read
_JUMPS = 5  # into the middle of a row group or out of it, until it is laid out
DAMAGES = (OSError, ValueError, MemoryError)  # what pyarrow raises on damaged files is of these kinds


def cells_of(table: Any, names: Sequence[str], groups: Sequence[int] | None = None) -> Iterator[tuple[Any, ...]]:
    """Row after row, of these columns only; of a struct one field may be named: `image.bytes`."""
    import pyarrow.compute as pc

    for batch in table.iter_batches(ROWS, columns=list(names), row_groups=groups, use_threads=False):
        paths = (name.split(".") for name in names)
        columns = [pc.struct_field(batch[first], rest) if rest else batch[first] for first, *rest in paths]
        yield from zip(*(column.to_pylist() for column in columns), strict=True)


def damaged(file: Path, row: int, problem: Exception) -> DataError:
    """What to raise where a file cannot be read at a row, counted from zero."""
    return DataError(f"{file} is damaged near row {row + 1:,}: {' '.join(str(problem).split())}; fetch it again")


class Contents:
    """The cells of one column of bytes, of several files.

    Args:
        files: The files.
        columns: The name of the column in each.
    """

    def __init__(self, files: Sequence[Path], columns: Sequence[str]) -> None:
        self._files, self._columns = files, columns
        self.stamps = [stamp_of(file) for file in files]
        self._lock = threading.Lock()
        self._open: tuple[int, Any, NDArray[np.int64]] = (-1, None, np.zeros(1, np.int64))  # file, table, group starts
        self._reading: Iterator[tuple[Any, ...]] = iter(())
        self._place = (-1, -1, 0)  # the file, the group, and the row that comes next
        self._recent: dict[tuple[int, int], list[bytes | None]] = {}  # by file and first row, oldest first
        self._jumps: Counter[tuple[int, int]] = Counter()
        self._laid_out: dict[tuple[int, int], _LaidOut] = {}
        self._stream: IO[bytes] | None = None
        self._told = False

    def get(self, which: int, row: int) -> bytes | None:
        """The cell in a row of a file; None where it holds nothing.

        Raises:
            DataError: When the file is damaged there, or was changed.
        """
        with self._lock:
            try:
                return self._get(which, row)
            except DataError:
                raise
            except DAMAGES as problem:
                self._place = (-1, -1, 0)
                raise damaged(self._files[which], row, problem) from problem

    def _get(self, which: int, row: int) -> bytes | None:
        starts = self._starts(which)
        group = int(np.searchsorted(starts, row, side="right")) - 1
        if group >= len(starts) - 1:
            raise DataError(f"{self._files[which]} was changed while it was being read: it ends before row {row + 1:,}")
        start = int(starts[group])
        if (which, group) in self._laid_out:
            return self._laid_out[which, group].get(row - start)
        first = row - (row - start) % ROWS
        if (which, first) not in self._recent:
            if not self._go_to(which, group, start, first):
                return self._laid_out[which, group].get(row - start)
            while len(self._recent) >= _RECENT:
                del self._recent[next(iter(self._recent))]
            self._recent[which, first] = [content for (content,) in islice(self._reading, ROWS)]
            self._place = (which, group, min(first + ROWS, int(starts[group + 1])))
        return self._recent[which, first][row - first]

    def _starts(self, which: int) -> NDArray[np.int64]:
        """The first row of each row group, and the number of all rows."""
        if self._open[0] != which:
            if stamp_of(self._files[which]) != self.stamps[which]:
                raise DataError(f"{self._files[which]} was changed while it was being read")
            table = open_table(self._files[which])
            sizes = [table.metadata.row_group(group).num_rows for group in range(table.num_row_groups)]
            if self._open[1] is not None:
                self._open[1].close()
            self._open = (which, table, np.cumsum([0, *sizes]))
            self._place = (-1, -1, 0)
        return self._open[2]

    def _go_to(self, which: int, group: int, start: int, first: int) -> bool:
        """Move the reading to a row; False where the group has been laid out instead."""
        if self._place[:2] != (which, group) or self._place[2] > first:
            left = self._place[:2]
            if left[0] == which and self._place[2] < self._open[2][left[1] + 1]:
                self._jumps[left] += 1
            self._jumps[which, group] += first > start
            if self._jumps[which, group] >= _JUMPS and self._has_room(which, group):
                self._laid_out[which, group] = self._lay_out(which, group)
                return False
            self._reading = cells_of(self._open[1], [self._columns[which]], [group])
            self._place = (which, group, start)
        skipped = first - self._place[2]
        next(islice(self._reading, skipped, skipped), None)
        return True

    def _has_room(self, which: int, group: int) -> bool:
        """Whether a group may be laid out; where not, that is told once."""
        size: int = self._open[1].metadata.row_group(group).total_byte_size
        lacking = size + _SPARED_BYTES - files.free_bytes(files.cache_folder("unpacked"))
        if lacking > 0 and not self._told:
            self._told = True
            warnings.warn(
                f"the cache has no room to lay out the pictures of {self._files[which].name}: they are read from its "
                f"middle again and again, which is slow; {lacking / 1e6:,.0f} MB more would help",
                stacklevel=2,
            )
        return lacking <= 0

    def _lay_out(self, which: int, group: int) -> "_LaidOut":
        place = files.cache_folder("unpacked")
        there = []
        with files.write_errors(place):
            if self._stream is None:
                self._stream = tempfile.TemporaryFile(dir=place)  # noqa: SIM115 - kept open
                weakref.finalize(self, self._stream.close)
            stream = self._stream
            ends = [stream.seek(0, 2)]
        for (content,) in cells_of(self._open[1], [self._columns[which]], [group]):
            with files.write_errors(place):
                stream.write(content or b"")
            ends.append(ends[-1] + len(content or b""))
            there.append(content is not None)
        return _LaidOut(stream, np.array(ends, np.int64), np.array(there))


class _LaidOut(NamedTuple):
    """The cells of a row group, one after the other in a file."""

    stream: IO[bytes]
    ends: NDArray[np.int64]
    there: NDArray[np.bool_]

    def get(self, row: int) -> bytes | None:
        if not self.there[row]:
            return None
        begin, end = int(self.ends[row]), int(self.ends[row + 1])
        self.stream.seek(begin)
        return self.stream.read(end - begin)
