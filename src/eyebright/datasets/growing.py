"""Equal rows in flat files beside an index of fixed records: packs and features are kept so.

The files only ever grow, the index last, so that a store cut off at any moment is a shorter store: whoever opens it
next finds what is there and goes on. Whoever adds to it holds a lock.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

INDEX = "index.bin"
_FLUSH_EVERY = 512


class Growing:
    """Rows that are there, and more to come.

    Args:
        folder: Where the files are.
        record: What the index holds for each row; its field "key" tells one row from another.
        row_bytes: The files by name, and what a row takes in each.
    """

    def __init__(self, folder: Path, record: np.dtype[np.void], row_bytes: Mapping[str, int]) -> None:
        self.folder = folder
        self.record = record
        self.row_bytes = row_bytes

    def index(self) -> NDArray[np.void]:
        """The records whose rows are complete, one for each row."""
        paths = [self.folder / name for name in (INDEX, *self.row_bytes)]
        if not all(path.exists() for path in paths):
            return np.empty(0, self.record)
        sizes = (self.record.itemsize, *self.row_bytes.values())
        complete = min(path.stat().st_size // size for path, size in zip(paths, sizes, strict=True))
        return np.frombuffer(paths[0].read_bytes()[: complete * self.record.itemsize], self.record)

    @contextmanager
    def adding(self) -> Iterator["Adding"]:
        """Append rows; those that were added stay, also where the block ends with an error or a Ctrl-C."""
        there = len(self.index())
        with ExitStack() as stack:
            index, *contents = (
                stack.enter_context((self.folder / name).open("ab")) for name in (INDEX, *self.row_bytes)
            )
            for file, size in zip((index, *contents), (self.record.itemsize, *self.row_bytes.values()), strict=True):
                file.truncate(there * size)
            adding = Adding(index, contents, self.record)
            try:
                yield adding
            finally:
                adding.flush()


class Adding:
    """Rows on their way to the disk; see `Growing.adding`."""

    def __init__(self, index: BinaryIO, contents: Sequence[BinaryIO], record: np.dtype[np.void]) -> None:
        self._index, self._contents, self._record = index, contents, record
        self._records: list[tuple[Any, ...]] = []

    def add(self, record: tuple[Any, ...], *parts: bytes | memoryview) -> None:
        """Add a row: its record, and its part in each of the files."""
        for file, part in zip(self._contents, parts, strict=True):
            file.write(part)
        self._records.append(record)
        if len(self._records) >= _FLUSH_EVERY:
            self.flush()

    def flush(self) -> None:
        """Rows reach the disk before the records that speak of them."""
        for file in self._contents:
            file.flush()
            os.fsync(file.fileno())
        content = np.array(self._records, self._record).tobytes()
        self._records.clear()  # before the writing: an interrupt must not lead to writing them twice
        self._index.write(content)
        self._index.flush()


def rows_of(wanted: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Position of each wanted key among the known ones, -1 where it is not among them."""
    if not len(known):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(known, kind="stable")
    places = order[np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)]
    return np.where(known[places] == wanted, places, -1).astype(np.int64)
