"""A pack: every image of a data set, decoded and resized once, in one flat file of rows of equal size.

    rows.u8        for each image height * width * channels bytes
    prints.bin     for each image 3,084 bytes: thumbnail, size and sharpness, by which the audit compares images
    index.bin      for each image 36 bytes: its key (name, size, time of the file), digest, and checksums (`RowStore`)
    together-*.i8  numbers for each image: the sets that `prepare.find_sets` found, after a digest of them

The first three are a `RowStore`, so that a pack that was cut off at any moment is a valid, shorter pack. A changed
image has another key, and so gets a new row, as does one whose record is damaged. A row that is damaged is prepared
again in its place when it is read. Images that cannot be opened have no row; they are tried again each time.

Where the disk has no space for the rows, only prints and index are stored, which are the same for every preparation,
and images are opened again whenever they are read.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import filelock
import numpy as np
from numpy.typing import NDArray

from eyebright.data.digests import KIND, Digests
from eyebright.data.pictures import PRINT, OpenedImage, Preparation, open_with_digest, take_prints
from eyebright.data.sources.source import Source
from eyebright.data.store import Reader, RowFile, RowStore, rows_of, streamed
from eyebright.data.threads import in_threads
from eyebright.system import cache, files, machine, records
from eyebright.system.errors import DataError, PictureError
from eyebright.system.progress import Report, quiet
from eyebright.system.text import counted, printable

ROWS, PRINTS = "rows.u8", "prints.bin"


class LeftOut(NamedTuple):
    """An image that could not be opened, and why."""

    name: str
    reason: str


class Pack:
    """Prepared images.

    Attributes:
        folder: Where they are stored.
        preparation: How they were resized.
        rows: Row of each image of the source, `(N,)`; -1 where it could not be opened.
        digests: Digest of each image, N times 16 bytes; empty where it could not be opened.
        left_out: The images that could not be opened, with the reasons.
        streamed: Whether images are opened again each time, since the disk has no space for them.

    Args:
        checksums: Of each row on the disk, `(rows, files)`.
        again: Opens the image of a row, where that is damaged; not in another process.
        stream: Reads images where they are streamed.
    """

    def __init__(
        self,
        folder: Path,
        preparation: Preparation,
        rows: NDArray[np.int64],
        digests: Digests,
        left_out: list[LeftOut],
        checksums: NDArray[np.uint32],
        again: Callable[[int], "Parts"] | None = None,
        stream: Reader | None = None,
    ) -> None:
        self.folder = folder
        self.preparation = preparation
        self.rows = rows
        self.digests = digests
        self.left_out = left_out
        self.streamed = stream is not None
        self._checksums = checksums
        self._prints = RowFile(folder / PRINTS, checksums[:, -1], _one(again, PRINTS))
        self._read = stream or self._reader(RowFile(folder / ROWS, checksums[:, 0], _one(again, ROWS)))

    def __reduce__(self) -> tuple[Any, ...]:
        """To be sent to another process on the same disk; images that are streamed cannot be."""
        return Pack, (self.folder, self.preparation, self.rows, self.digests, self.left_out, self._checksums)

    def check(self, indices: NDArray[np.int64]) -> None:
        """Read the images at these positions, and prepare again what is damaged: other processes cannot do that."""
        for start in range(0, len(indices), _AT_ONCE):
            self.read(indices[start : start + _AT_ONCE])

    def prints(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.void]:
        """The prints of the images at these positions of the source: `(n,)` records of `PRINT`."""
        return self._prints.fill(np.empty(len(indices), PRINT), self.rows[np.asarray(indices, np.int64)])

    def thumbnails(self, indices: NDArray[np.int64]) -> "Thumbnails":
        """The thumbnails of the images at these positions of the source, read when they are needed."""
        return Thumbnails(self, indices)

    def read(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """The prepared images at these positions of the source: `(n, height, width, channels)`, uint8.

        Raises:
            DataError: When images are streamed and one of them has changed.
        """
        return self._read(np.asarray(indices, np.int64))

    def _reader(self, kept: RowFile) -> Reader:
        rows, shape = self.rows, self.preparation.shape
        return lambda indices: kept.fill(np.empty((len(indices), *shape), np.uint8), rows[indices])


class Thumbnails:
    """Thumbnails `(N, 32, 32, 3)` that are read part by part, since all of them may not fit in memory.

    Args:
        pack: The pack.
        indices: Positions of the images in the source.
    """

    def __init__(self, pack: Pack, indices: NDArray[np.int64]) -> None:
        self._pack, self._indices = pack, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, positions: NDArray[np.int64] | slice) -> NDArray[np.uint8]:
        return np.asarray(self._pack.prints(self._indices[positions])["thumbnail"])


AUDITED = Preparation(width=128, height=128)
"""How the audit prepares images."""
_RECORD = np.dtype([("key", "<u8"), ("digest", KIND)])
_FORMAT = 3
_AT_ONCE = 64
_KEPT_BYTES = 2**20  # larger buffers are given back after use: as many as there are threads take much memory
_MOST_AT_ONCE, _BYTES_AT_ONCE = 8, 2**20  # images that a thread opens before it hands them over


def pack(source: Source, preparation: Preparation, report: Report = quiet) -> Pack:
    """Prepare every image of a source, or find it prepared by an earlier run.

    Args:
        source: The images.
        preparation: How they are resized.
        report: Receives the progress.

    Raises:
        OutputError: When the cache has no space even for digests and prints, or cannot be written.
    """
    keys = np.fromiter((_key(source, index) for index in range(len(source.names))), np.uint64, len(source.names))
    whole = _Store(source, f"{_FORMAT}\0{source.identity}\0{records.to_json(preparation)}",
                   f"{'x'.join(map(str, preparation.shape))} {preparation.fit}",
                   {ROWS: preparation.size_bytes, PRINTS: PRINT.itemsize})  # fmt: skip
    if whole.lacking_bytes(keys) <= files.free_bytes(whole.folder):
        return whole.packed(preparation, keys, report)
    prints = _Store(source, f"{_FORMAT}\0{source.identity}", "prints alone", {PRINTS: PRINT.itemsize})
    stream = streamed(source, preparation, lambda index: _key(source, index) == keys[index])
    return prints.packed(preparation, keys, report, stream)


def digests_of(source: Source, report: Report = quiet) -> Digests:
    """The digest of each image's pixels; at hand where the images were audited, else each is opened."""
    return pack(source, AUDITED, report).digests


class _Store:
    """The stored form of a source's images, in a folder of its own.

    Args:
        source: The images.
        text: Identifies the folder.
        about: A description for people, in addition to the source.
        row_bytes: The files by name, with the size of an image in each.
    """

    def __init__(self, source: Source, text: str, about: str, row_bytes: dict[str, int]) -> None:
        key = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()
        self.source, self.about = source, f"{source.identity}, {about}"
        self.folder = files.cache_folder("packs") / key
        self.rows = RowStore(self.folder, _RECORD, row_bytes)

    def missing(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        return np.flatnonzero(self.rows.index().rows_of(keys) < 0)

    def lacking_bytes(self, keys: NDArray[np.uint64]) -> int:
        """Bytes that are still to be written."""
        return len(self.missing(keys)) * self.rows.bytes_for_each

    def packed(
        self,
        preparation: Preparation,
        keys: NDArray[np.uint64],
        report: Report,
        stream: Reader | None = None,
    ) -> Pack:
        """Open the missing images, append them, and return the pack."""
        with files.write_errors(self.folder):
            self.folder.mkdir(exist_ok=True)
        with files.write_errors(self.folder), filelock.FileLock(self.folder / cache.LOCK):
            cache.describe(self.folder, self.about)
            missing = self.missing(keys)
            files.require_space(
                self.folder, self.lacking_bytes(keys), what=f"preparing {counted(len(missing), 'image')}"
            )
            report("preparing", len(keys) - len(missing), len(keys))
            left_out = _append(self.rows, self.source, preparation, keys, missing, report)
            index = self.rows.index()
        rows, places = index.rows_of(keys), rows_of(keys, index.records["key"])
        digests = np.zeros(len(rows), KIND)
        digests[rows >= 0] = index.records["digest"][places[rows >= 0]]
        again = _again(self.source, preparation, rows)
        return Pack(self.folder, preparation, rows, Digests(digests), left_out, index.checksums, again, stream)


Parts: TypeAlias = dict[str, NDArray[np.generic]]
"""What is stored of images, by the name of the file: arrays `(n, ...)`."""


class _Packed(NamedTuple):
    """A few images of a source, ready to be appended.

    Args:
        records: Of those that could be opened.
        parts: What is stored of these.
        checksums: Of each row, for each of the parts.
        left_out: The others.
    """

    records: list[tuple[int, bytes]]
    parts: Parts
    checksums: list[list[int]]
    left_out: list[LeftOut]


def _parts(opened: Sequence[OpenedImage], preparation: Preparation) -> Parts:
    pixels = [image.pixels for image in opened]
    return {
        ROWS: np.stack(pixels) if pixels else np.empty((0, *preparation.shape), np.uint8),
        PRINTS: take_prints([image.look for image in opened]),
    }


def _again(source: Source, preparation: Preparation, rows: NDArray[np.int64]) -> Callable[[int], Parts]:
    """Opens the image of a row once more, where that is damaged."""

    def opened(number: int) -> Parts:
        position = int(np.flatnonzero(rows == number)[0])
        try:
            return _parts([open_with_digest(source.open(position), preparation)], preparation)
        except PictureError as problem:
            raise DataError(
                f"the prepared image of {printable(source.names[position])} is damaged on the disk, and it cannot be "
                f"opened again ({problem}): put it back"
            ) from problem

    return opened


def _one(again: Callable[[int], Parts] | None, name: str) -> Callable[[int], bytes] | None:
    """Makes the row of one file."""
    return None if again is None else lambda number: again(number)[name].tobytes()


def _append(
    store: RowStore,
    source: Source,
    preparation: Preparation,
    keys: NDArray[np.uint64],
    missing: NDArray[np.int64],
    report: Report,
) -> list[LeftOut]:
    """Open the missing images with a few threads, in order, and append them.

    Decoding and resizing release Python's lock, but whatever is done between them holds it, and a thread that wants it
    back waits. So a thread opens several images, and what is left to do for each of them is done for all at once.
    """

    def open_some(positions: NDArray[np.int64]) -> _Packed:
        return _opened(source, preparation, keys, positions, store.row_bytes)

    machine.keep_freed_memory(_KEPT_BYTES)
    left_out: list[LeftOut] = []
    done = len(keys) - len(missing)
    with store.appending() as rows:
        shares = max(-(-len(missing) // _at_once(preparation, len(missing))), 1)
        for positions, packed in in_threads(open_some, np.array_split(missing, shares)):
            rows.extend(packed.records, [packed.parts[name].data for name in store.row_bytes], packed.checksums)
            left_out += packed.left_out
            done += len(positions)
            report("preparing", done, len(keys))
    return left_out


def _at_once(preparation: Preparation, count: int) -> int:
    """How many images a thread opens before it hands them over: few where they are large, or each core has few."""
    return max(min(_MOST_AT_ONCE, _BYTES_AT_ONCE // preparation.size_bytes, count // (4 * machine.cores())), 1)


def _opened(
    source: Source,
    preparation: Preparation,
    keys: NDArray[np.uint64],
    positions: NDArray[np.int64],
    names: Iterable[str],
) -> _Packed:
    """Open the images at these positions; `names` are the files that are stored."""
    records, opened, left_out = [], [], []
    for position in positions.tolist():
        try:
            image = open_with_digest(source.open(position), preparation)
        except PictureError as problem:
            left_out.append(LeftOut(source.names[position], str(problem)))
        else:
            opened.append(image)
            records.append((int(keys[position]), image.digest))
    parts = _parts(opened, preparation)
    checksums = [[zlib.crc32(parts[name][row].data) for name in names] for row in range(len(opened))]
    return _Packed(records, parts, checksums, left_out)


def _key(source: Source, index: int) -> int:
    text = f"{source.names[index]}\0{source.stamp(index)}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
