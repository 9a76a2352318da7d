"""Rows of equal size in flat files with an index of fixed records: packs and features are stored in this way.

The files only ever grow, the index last, so that a store that was cut off at any moment is a valid, shorter store. A
process that appends to it holds a lock.

Disks and memory damage data in silence, so every record of the index has a checksum of itself and of its row in each
file (CRC-32). A damaged record counts as missing; a row is checked when it is read the first time, and made again where
it is damaged. A record whose key is 0 is void.

Where the disk has no space for the rows, images are opened again each time
(`streamed`).
"""

import os
import weakref
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import Preparation, open_picture
from eyebright.data.sources.source import Source
from eyebright.data.threads import in_threads
from eyebright.system import cache, files
from eyebright.system.errors import DataError, PictureError
from eyebright.system.text import printable

INDEX = "index.bin"
_FLUSH_EVERY = 512
_CRC = np.dtype("<u4")


class Index(NamedTuple):
    """The rows of a store that are complete.

    Args:
        numbers: Number of each row, int64 `(n,)`.
        records: Their records `(n,)`: the fields of the store, "key" and others.
        checksums: Checksums of all rows by their numbers, uint32 `(rows, files)`.
    """

    numbers: NDArray[np.int64]
    records: NDArray[np.void]
    checksums: NDArray[np.uint32]

    def rows_of(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Number of the row of each key, -1 where it is missing."""
        places = rows_of(keys, self.records["key"])
        return np.where(places < 0, -1, self.numbers[places] if len(self.numbers) else -1)


class RowStore:
    """Rows on the disk, to which more can be appended.

    Args:
        folder: Where the files are.
        record: What the index says of each row; its field "key" identifies the row.
        row_bytes: The files by name, with the size of a row in each.
    """

    def __init__(self, folder: Path, record: np.dtype[np.void], row_bytes: Mapping[str, int]) -> None:
        self.folder = folder
        self.record = np.dtype([("own", record), ("checksums", "<u4", (len(row_bytes),)), ("checksum", "<u4")])
        self.row_bytes = row_bytes

    @property
    def bytes_for_each(self) -> int:
        """Bytes that a row takes in all files together."""
        return sum((self.record.itemsize, *self.row_bytes.values()))

    def __len__(self) -> int:
        """How many rows are complete, damaged ones included."""
        paths = [self.folder / name for name in (INDEX, *self.row_bytes)]
        if not all(path.exists() for path in paths):
            return 0
        sizes = (self.record.itemsize, *self.row_bytes.values())
        return min(path.stat().st_size // size for path, size in zip(paths, sizes, strict=True))

    def index(self) -> Index:
        """The rows that are complete, without those whose record is damaged."""
        size, count = self.record.itemsize, len(self)
        content = (self.folder / INDEX).read_bytes()[: count * size] if count else b""
        records = np.frombuffer(content, self.record)
        sound = records["checksum"] == _sums(content, size)
        if not sound.all():
            cache.warn_of_damage(self.folder)
            with suppress(OSError):  # it may only be read
                self.forget(np.flatnonzero(~sound))
        numbers = np.flatnonzero(sound & (records["own"]["key"] != 0))
        return Index(numbers, records["own"][numbers], records["checksums"])

    def forget(self, numbers: NDArray[np.int64]) -> None:
        """Make the records of these rows void, so that they count as missing."""
        void = np.zeros((), self.record)
        void["checksum"] = _sums(void.tobytes(), self.record.itemsize)[0]
        with (self.folder / INDEX).open("r+b") as file:
            for number in numbers.tolist():
                file.seek(number * self.record.itemsize)
                file.write(void.tobytes())

    @contextmanager
    def appending(self) -> Iterator["RowWriter"]:
        """Append rows; they stay, also where the block ends with an error or a Ctrl-C."""
        there = len(self)
        with ExitStack() as stack:
            index, *contents = (
                stack.enter_context((self.folder / name).open("ab")) for name in (INDEX, *self.row_bytes)
            )
            for file, size in zip((index, *contents), (self.record.itemsize, *self.row_bytes.values()), strict=True):
                file.truncate(there * size)
            writer = RowWriter(index, contents, self.record)
            try:
                yield writer
            finally:
                writer.flush()


class RowWriter:
    """Writes rows to the disk; see `RowStore.appending`."""

    def __init__(self, index: BinaryIO, contents: Sequence[BinaryIO], record: np.dtype[np.void]) -> None:
        self._index, self._contents, self._record = index, contents, record
        self._records: list[tuple[Any, ...]] = []
        self._checksums: list[list[int]] = []

    def add(self, record: tuple[Any, ...], *parts: bytes | memoryview) -> None:
        """Append a row: its record, and its part in each of the files."""
        self.extend([record], parts, [[zlib.crc32(part) for part in parts]])

    def extend(
        self, records: Sequence[tuple[Any, ...]], parts: Sequence[bytes | memoryview], checksums: Sequence[list[int]]
    ) -> None:
        """Append rows: their records, for each of the files their parts one after the other, and their checksums."""
        for file, part in zip(self._contents, parts, strict=True):
            file.write(part)
        self._records += records
        self._checksums += checksums
        if len(self._records) >= _FLUSH_EVERY:
            self.flush()

    def flush(self) -> None:
        """Write rows to the disk before their records."""
        for file in self._contents:
            file.flush()
            os.fsync(file.fileno())
        entries = np.zeros(len(self._records), self._record)
        entries["own"], entries["checksums"] = np.array(self._records, self._record["own"]), self._checksums or 0
        self._records, self._checksums = [], []  # before they are written: an interrupt must not write them twice
        entries["checksum"] = _sums(entries.tobytes(), self._record.itemsize)
        self._index.write(entries.tobytes())
        self._index.flush()


def _sums(content: bytes, size: int) -> NDArray[np.uint32]:
    """The checksum of each record, which stands at its end."""
    starts = range(0, len(content), size)
    return np.array([zlib.crc32(content[start : start + size - _CRC.itemsize]) for start in starts], _CRC)


def rows_of(wanted: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Position of each wanted key among the known keys, -1 where it is missing."""
    if not len(known):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(known, kind="stable")
    places = order[np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)]
    return np.where(known[places] == wanted, places, -1).astype(np.int64)


Number = TypeVar("Number", bound=np.generic)
Reader: TypeAlias = Callable[[NDArray[np.int64]], NDArray[np.uint8]]
"""Gives the prepared images at positions of the source: `(n, height, width, channels)`."""


class RowFile:
    """Rows of equal size in a file, read by any number of threads. Each is checked when it is read the first time.

    Args:
        path: The file; it stays open while this object is used, also when it is removed meanwhile.
        checksums: Of all its rows, `(rows,)`.
        make: Makes the row of this number again, where it is damaged; None if it cannot be made here.
    """

    def __init__(
        self, path: Path, checksums: NDArray[np.uint32], make: Callable[[int], bytes | memoryview] | None = None
    ) -> None:
        self.path, self.checksums, self._make = path, checksums, make
        self._unchecked = np.ones(len(checksums), np.bool_)
        self._handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._handle)

    def __reduce__(self) -> tuple[Any, ...]:
        """To be sent to another process on the same disk, which cannot make rows again."""
        return RowFile, (self.path, self.checksums)

    def fill(self, target: NDArray[Number], numbers: NDArray[np.int64]) -> NDArray[Number]:
        """Fill `target`, `(n, ...)`, with the rows of these numbers; a row has the size of one of its items.

        Raises:
            DataError: When a row is damaged and cannot be made again.
        """
        flat = target.view(np.uint8).reshape(len(target), -1) if len(target) else ()
        for row, number in zip(flat, numbers.tolist(), strict=True):
            _read_at(self._handle, row.data, number * len(row))
            if self._unchecked[number]:
                if zlib.crc32(row.data) != self.checksums[number]:
                    row.data[:] = self._made_again(number)
                self._unchecked[number] = False
        return target

    def damaged(self, numbers: NDArray[np.int64], row_bytes: int) -> NDArray[np.int64]:
        """Those of these rows that are damaged."""
        row, found = np.empty(row_bytes, np.uint8), []
        for number in numbers.tolist():
            _read_at(self._handle, row.data, number * row_bytes)
            if zlib.crc32(row.data) != self.checksums[number]:
                found.append(number)
            self._unchecked[number] = False
        return np.array(found, np.int64)

    def _made_again(self, number: int) -> memoryview:
        """The content of a damaged row, which is also written in its place."""
        cache.warn_of_damage(self.path.parent)
        row = memoryview(self._make(number) if self._make else b"").cast("B")
        if zlib.crc32(row) != self.checksums[number]:
            raise DataError(f"{self.path} is damaged, and what it was made from has changed: remove {self.path.parent}")
        with files.write_errors(self.path), self.path.open("r+b") as file:
            file.seek(number * len(row))
            file.write(row)
        return row


def streamed(source: Source, preparation: Preparation, unchanged: Callable[[int], bool]) -> Reader:
    """A reader that opens images through their source each time, in a few threads.

    Args:
        source: The images.
        preparation: How they are resized.
        unchanged: Whether the image at a position is still the one whose digest was computed.
    """

    def opened(position: int) -> NDArray[np.uint8]:
        try:
            if unchanged(position):
                return open_picture(source.open(position), preparation)
            problem = "it has changed"
        except PictureError as reason:
            problem = str(reason)
        raise DataError(
            f"{printable(source.names[position])} cannot be read again ({problem}): images must not change "
            "during a training that streams them; put it back, or start a new run"
        )

    def read(positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        batch = np.empty((len(positions), *preparation.shape), np.uint8)
        for place, (_, pixels) in zip(batch, in_threads(opened, positions.tolist()), strict=True):
            place[...] = pixels
        return batch

    return read


def _read_at(handle: int, target: memoryview, offset: int) -> None:
    """Fill `target` from a file without a file position, which threads would share."""
    if hasattr(os, "preadv"):
        count = os.preadv(handle, [target], offset)
    else:  # Windows: one reader at a time
        os.lseek(handle, offset, os.SEEK_SET)
        chunk = os.read(handle, len(target))
        target[: len(chunk)] = chunk
        count = len(chunk)
    if count != len(target):
        raise OSError(f"the pack ends early: {count} of {len(target)} bytes at {offset}")
