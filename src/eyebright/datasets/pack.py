"""A pack: every picture of a set, prepared once, as one flat file of equal rows.

    rows.u8      row after row of height * width * 3 bytes
    prints.bin   record after record of 3,084 bytes: the print by which the audit compares and judges pictures
    index.bin    one record of 24 bytes for each row: 8 for the picture as it was (name, size, time), 16 of its digest

They grow as `datasets/growing.py` says, so that a pack cut off at any moment is a shorter pack. A changed picture has
another key in the index, and so gets a new row. Pictures that cannot be opened have none; they are tried again each
time, in case they have been mended.
"""

import hashlib
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import filelock
import numpy as np
from numpy.typing import NDArray

from eyebright import cache, codec, files
from eyebright.datasets.ahead import in_threads
from eyebright.datasets.growing import Growing, rows_of
from eyebright.datasets.sources import Source
from eyebright.errors import PictureError
from eyebright.pictures import PRINT, Opened, Preparation, open_with_digest

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of pictures done and the number of all."""

_RECORD = np.dtype([("key", "<u8"), ("digest", "V16")])
_FORMAT = 2
_ROWS, _PRINTS = "rows.u8", "prints.bin"


class LeftOut(NamedTuple):
    """A picture that could not be used, and why."""

    name: str
    reason: str


class Pack:
    """Prepared pictures on disk.

    Attributes:
        preparation: What was done to them.
        rows: Row of each picture of the source, `(N,)`; -1 where it could not be opened.
        digests: Content of each picture, N times 16 bytes; empty where it could not be opened.
        left_out: The pictures that could not be opened, with the reasons.
    """

    def __init__(
        self,
        path: Path,
        preparation: Preparation,
        rows: NDArray[np.int64],
        digests: list[bytes],
        left_out: list[LeftOut],
    ) -> None:
        self.preparation = preparation
        self.rows = rows
        self.digests = digests
        self.left_out = left_out
        self._prints_path = path.with_name(_PRINTS)
        self._handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._handle)

    def prints(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.void]:
        """The prints of the pictures at these positions of the source: `(n,)` records of `PRINT`."""
        if not len(indices):
            return np.empty(0, PRINT)
        return np.asarray(np.memmap(self._prints_path, PRINT, "r")[self.rows[indices]])

    def read(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """The prepared pictures at these positions of the source: `(n, height, width, 3)`, uint8."""
        batch = np.empty((len(indices), *self.preparation.shape), np.uint8)
        size = self.preparation.size_bytes
        for target, index in zip(batch, indices, strict=True):
            _read_at(self._handle, target.data.cast("B"), int(self.rows[index]) * size)
        return batch


def pack(source: Source, preparation: Preparation, progress: Progress | None = None) -> Pack:
    """Prepare every picture of a source, or find it prepared by an earlier run.

    Args:
        source: The pictures.
        preparation: Size and fit.
        progress: Called now and then with the number of pictures done and the number of all.

    Raises:
        OutputError: When the cache has no room, or cannot be written.
    """
    total = len(source.names)
    text = f"{_FORMAT}\0{source.identity}\0{codec.to_json(preparation)}"
    key = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()
    folder = files.cache_folder("packs", key)
    with files.explained(folder), filelock.FileLock(folder / cache.LOCK):
        cache.describe(folder, f"{source.identity}, {preparation.width}x{preparation.height} {preparation.fit}")
        keys = np.fromiter((_key(source, index) for index in range(total)), np.uint64, total)
        store = Growing(folder, _RECORD, {_ROWS: preparation.size_bytes, _PRINTS: PRINT.itemsize})
        rows = rows_of(keys, store.index()["key"])
        missing = np.flatnonzero(rows < 0)
        files.require_space(
            folder,
            len(missing) * (preparation.size_bytes + PRINT.itemsize),
            what=f"preparing {len(missing):,} pictures",
        )
        if progress:
            progress(total - len(missing), total)
        left_out = _append(store, source, preparation, keys, missing, progress)
        index = store.index()
    rows = rows_of(keys, index["key"])
    digests = [bytes(index["digest"][row]) if row >= 0 else b"" for row in rows]
    return Pack(folder / _ROWS, preparation, rows, digests, left_out)


def _append(
    store: Growing,
    source: Source,
    preparation: Preparation,
    keys: NDArray[np.uint64],
    missing: NDArray[np.int64],
    progress: Progress | None,
) -> list[LeftOut]:
    """Open the missing pictures with a few threads, in order, and append them."""
    left_out: list[LeftOut] = []
    done = len(keys) - len(missing)
    with store.adding() as rows:
        for position, result in _opened(source, preparation, missing):
            done += 1
            if isinstance(result, PictureError):
                left_out.append(LeftOut(source.names[position], str(result)))
            else:
                pixels = np.ascontiguousarray(result.pixels).data
                rows.add((int(keys[position]), result.digest), pixels, result.print.tobytes())
            if progress:
                progress(done, len(keys))
    return left_out


def _opened(
    source: Source, preparation: Preparation, positions: NDArray[np.int64]
) -> Iterator[tuple[int, Opened | PictureError]]:
    """Open pictures ahead of the reader, in a few threads: decoding and resizing leave Python's lock free."""

    def attempt(position: int) -> Opened | PictureError:
        try:
            return open_with_digest(source.open(position), preparation)
        except PictureError as problem:
            return problem

    return in_threads(attempt, positions.tolist())


def _key(source: Source, index: int) -> int:
    text = f"{source.names[index]}\0{source.stamp(index)}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _read_at(handle: int, target: memoryview, offset: int) -> None:
    """Fill `target` from a file, without moving a position that threads would share."""
    if hasattr(os, "preadv"):
        count = os.preadv(handle, [target], offset)
    else:  # Windows: one reader at a time
        os.lseek(handle, offset, os.SEEK_SET)
        chunk = os.read(handle, len(target))
        target[: len(chunk)] = chunk
        count = len(chunk)
    if count != len(target):
        raise OSError(f"the pack ends early: {count} of {len(target)} bytes at {offset}")
