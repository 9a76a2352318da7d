"""What a pack gives: prepared pictures, their contents, and the prints by which they are compared.

A pack: every picture of a set, prepared once, as one flat file of equal rows.

    rows.u8        row after row of height * width * 3 bytes
    prints.bin     record after record of 3,084 bytes: the print by which the audit compares and judges pictures
    index.bin      one record of 24 bytes for each row: 8 for the picture as it was (name, size, time), 16 of its digest
    together-*.i8  a number for each picture: what `auditing.keep_together` found to belong together

All but the last grow as `datasets/growing.py` says, so that a pack cut off at any moment is a shorter pack. A changed
picture has another key in the index, and so gets a new row. Pictures that cannot be opened have none; they are tried
again each time, in case they have been mended.

Where the disk has no room for the rows, prints and index alone are kept, which serve every preparation, and pictures
are opened anew whenever they are read.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import filelock
import numpy as np
from numpy.typing import NDArray

from eyebright.data.digests import KIND, Digests
from eyebright.data.pictures import PRINT, Opened, Preparation, open_with_digest
from eyebright.data.sources.source import Source
from eyebright.data.store import Growing, Reader, Rows, rows_of, streamed
from eyebright.data.threads import in_threads
from eyebright.system import cache, files, records
from eyebright.system.errors import PictureError

ROWS, PRINTS = "rows.u8", "prints.bin"


class LeftOut(NamedTuple):
    """A picture that could not be used, and why."""

    name: str
    reason: str


class Pack:
    """Prepared pictures.

    Attributes:
        folder: Where they are kept.
        preparation: What was done to them.
        rows: Row of each picture of the source, `(N,)`; -1 where it could not be opened.
        digests: Content of each picture, N times 16 bytes; empty where it could not be opened.
        left_out: The pictures that could not be opened, with the reasons.
        streamed: Whether they are opened anew each time, since the disk has no room for them.
    """

    def __init__(
        self,
        folder: Path,
        preparation: Preparation,
        rows: NDArray[np.int64],
        digests: Digests,
        left_out: list[LeftOut],
        stream: Reader | None = None,
    ) -> None:
        self.folder = folder
        self.preparation = preparation
        self.rows = rows
        self.digests = digests
        self.left_out = left_out
        self.streamed = stream is not None
        self._prints = Rows(folder / PRINTS)
        self._read = stream or self._reader(Rows(folder / ROWS))

    def __reduce__(self) -> tuple[Any, ...]:
        """To be sent to another process on the same disk; images that are streamed cannot be."""
        return Pack, (self.folder, self.preparation, self.rows, self.digests, self.left_out)

    def prints(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.void]:
        """The prints of the pictures at these positions of the source: `(n,)` records of `PRINT`."""
        return self._prints.fill(np.empty(len(indices), PRINT), self.rows[np.asarray(indices, np.int64)])

    def thumbnails(self, indices: NDArray[np.int64]) -> "Thumbnails":
        """The thumbnails of the pictures at these positions of the source, to be read when they are asked for."""
        return Thumbnails(self, indices)

    def read(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """The prepared pictures at these positions of the source: `(n, height, width, 3)`, uint8.

        Raises:
            DataError: When pictures are streamed and one is no longer what it was.
        """
        return self._read(np.asarray(indices, np.int64))

    def _reader(self, kept: Rows) -> Reader:
        rows, shape = self.rows, self.preparation.shape
        return lambda indices: kept.fill(np.empty((len(indices), *shape), np.uint8), rows[indices])


class Thumbnails:
    """What stands for an array of thumbnails `(N, 32, 32, 3)` that would not fit in memory: parts of it, on request.

    Args:
        pack: Whose they are.
        indices: Of which pictures of the source.
    """

    def __init__(self, pack: Pack, indices: NDArray[np.int64]) -> None:
        self._pack, self._indices = pack, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, positions: NDArray[np.int64] | slice) -> NDArray[np.uint8]:
        return np.asarray(self._pack.prints(self._indices[positions])["thumbnail"])


Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of pictures done and the number of all."""

_RECORD = np.dtype([("key", "<u8"), ("digest", KIND)])
_FORMAT = 2


def pack(source: Source, preparation: Preparation, progress: Progress | None = None) -> Pack:
    """Prepare every picture of a source, or find it prepared by an earlier run.

    Args:
        source: The pictures.
        preparation: Size and fit.
        progress: Called now and then with the number of pictures done and the number of all.

    Raises:
        OutputError: When the cache has no room even for digests and prints, or cannot be written.
    """
    keys = np.fromiter((_key(source, index) for index in range(len(source.names))), np.uint64, len(source.names))
    whole = _Store(source, f"{_FORMAT}\0{source.identity}\0{records.to_json(preparation)}",
                   f"{preparation.width}x{preparation.height} {preparation.fit}",
                   {ROWS: preparation.size_bytes, PRINTS: PRINT.itemsize})  # fmt: skip
    if whole.lacking_bytes(keys) <= files.free_bytes(whole.folder):
        return whole.packed(preparation, keys, progress)
    prints = _Store(source, f"{_FORMAT}\0{source.identity}", "prints alone", {PRINTS: PRINT.itemsize})
    stream = streamed(source, preparation, lambda index: _key(source, index) == keys[index])
    return prints.packed(preparation, keys, progress, stream)


class _Store:
    """What is kept of a source's pictures, in a folder of its own.

    Args:
        source: The pictures.
        text: What tells the folder from any other.
        about: What people are told of it, beside the source.
        row_bytes: The files by name, and what a picture takes in each.
    """

    def __init__(self, source: Source, text: str, about: str, row_bytes: dict[str, int]) -> None:
        key = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()
        self.source, self.about = source, f"{source.identity}, {about}"
        self.folder = files.cache_folder("packs") / key
        self.rows = Growing(self.folder, _RECORD, row_bytes)

    def missing(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        return np.flatnonzero(rows_of(keys, self.rows.index()["key"]) < 0)

    def lacking_bytes(self, keys: NDArray[np.uint64]) -> int:
        """What there is no room for yet."""
        return len(self.missing(keys)) * sum((_RECORD.itemsize, *self.rows.row_bytes.values()))

    def packed(
        self,
        preparation: Preparation,
        keys: NDArray[np.uint64],
        progress: Progress | None,
        stream: Reader | None = None,
    ) -> Pack:
        """Open what is missing, add it, and give all."""
        with files.explained(self.folder):
            self.folder.mkdir(exist_ok=True)
        with files.explained(self.folder), filelock.FileLock(self.folder / cache.LOCK):
            cache.describe(self.folder, self.about)
            missing = self.missing(keys)
            files.require_space(self.folder, self.lacking_bytes(keys), what=f"preparing {len(missing):,} pictures")
            if progress:
                progress(len(keys) - len(missing), len(keys))
            left_out = _append(self.rows, self.source, preparation, keys, missing, progress)
            index = self.rows.index()
        rows = rows_of(keys, index["key"])
        digests = np.zeros(len(rows), KIND)
        digests[rows >= 0] = index["digest"][rows[rows >= 0]]
        return Pack(self.folder, preparation, rows, Digests(digests), left_out, stream)


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
                parts: dict[str, bytes | memoryview] = {
                    ROWS: np.ascontiguousarray(result.pixels).data,
                    PRINTS: result.print.tobytes(),
                }
                rows.add((int(keys[position]), result.digest), *(parts[name] for name in store.row_bytes))
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
