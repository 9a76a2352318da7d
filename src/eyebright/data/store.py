"""Rows of equal size in flat files with an index of fixed records: packs and features are stored in this way.

The files only ever grow, the index last, so that a store that was cut off at any moment is a valid, shorter store. A
process that appends to it holds a lock. Where the disk has no space for the rows, images are opened again each time
(`streamed`).
"""

import os
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import Preparation, open_picture
from eyebright.data.sources.source import Source
from eyebright.data.threads import in_threads
from eyebright.system.errors import DataError, PictureError
from eyebright.system.text import printable

INDEX = "index.bin"
_FLUSH_EVERY = 512


class RowStore:
    """Rows on the disk, to which more can be appended.

    Args:
        folder: Where the files are.
        record: The index entry of each row; its field "key" identifies the row.
        row_bytes: The files by name, with the size of a row in each.
    """

    def __init__(self, folder: Path, record: np.dtype[np.void], row_bytes: Mapping[str, int]) -> None:
        self.folder = folder
        self.record = record
        self.row_bytes = row_bytes

    def index(self) -> NDArray[np.void]:
        """The index entries of the rows that are complete."""
        paths = [self.folder / name for name in (INDEX, *self.row_bytes)]
        if not all(path.exists() for path in paths):
            return np.empty(0, self.record)
        sizes = (self.record.itemsize, *self.row_bytes.values())
        complete = min(path.stat().st_size // size for path, size in zip(paths, sizes, strict=True))
        return np.frombuffer(paths[0].read_bytes()[: complete * self.record.itemsize], self.record)

    @contextmanager
    def appending(self) -> Iterator["RowWriter"]:
        """Append rows; they stay, also where the block ends with an error or a Ctrl-C."""
        there = len(self.index())
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

    def add(self, record: tuple[Any, ...], *parts: bytes | memoryview) -> None:
        """Append a row: its index entry, and its part in each of the files."""
        for file, part in zip(self._contents, parts, strict=True):
            file.write(part)
        self._records.append(record)
        if len(self._records) >= _FLUSH_EVERY:
            self.flush()

    def flush(self) -> None:
        """Write rows to the disk before their index entries."""
        for file in self._contents:
            file.flush()
            os.fsync(file.fileno())
        content = np.array(self._records, self._record).tobytes()
        self._records.clear()  # before they are written: an interrupt must not write them twice
        self._index.write(content)
        self._index.flush()


def rows_of(wanted: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Position of each wanted key among the known keys, -1 where it is missing."""
    if not len(known):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(known, kind="stable")
    places = order[np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)]
    return np.where(known[places] == wanted, places, -1).astype(np.int64)


Kind = TypeVar("Kind", bound=np.generic)
Reader: TypeAlias = Callable[[NDArray[np.int64]], NDArray[np.uint8]]
"""Gives the prepared images at positions of the source: `(n, height, width, channels)`."""


class RowFile:
    """Rows of equal size in a file, read by any number of threads.

    Args:
        path: The file; it stays open while this object is used, also when it is removed meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._handle)

    def fill(self, target: NDArray[Kind], numbers: NDArray[np.int64]) -> NDArray[Kind]:
        """Fill `target`, `(n, ...)`, with the rows of these numbers; a row has the size of one of its items."""
        flat = target.view(np.uint8).reshape(len(target), -1) if len(target) else ()
        for row, number in zip(flat, numbers.tolist(), strict=True):
            _read_at(self._handle, row.data, number * len(row))
        return target


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
