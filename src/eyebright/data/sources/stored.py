"""Pictures that lie in one file as one array, uncompressed: read row by row, whatever the size of the file.

Where the array is compressed (gzip, zip), it is unpacked into the cache once; the file itself is only read.
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import ImageInput
from eyebright.system import cache, files
from eyebright.system.errors import DataError

_CHUNK = 1 << 20


class StoredSource:
    """Pictures of arrays on the disk, one after the other.

    Args:
        origin: The file or folder that they come from.
        stamps: For each array the stamp of its file, whose change is theirs.
        images: The arrays, each `(N, H, W)`, `(N, H, W, 1)`, `(N, H, W, 3)` or `(N, H, W, 4)`, uint8.
        titles: For each array what stands before the numbers of its pictures.
    """

    def __init__(
        self, origin: Path, stamps: Sequence[str], images: Sequence[NDArray[np.uint8]], titles: Sequence[str]
    ) -> None:
        self._images = images
        self._starts = np.cumsum([0, *(len(array) for array in images)])
        self.names = [f"{title}{n:07d}" for array, title in zip(images, titles, strict=True) for n in range(len(array))]
        self.identity = f"file {origin}"
        self._stamps = stamps

    def stamp(self, index: int) -> str:
        return self._stamps[self._array_of(index)]

    def open(self, index: int) -> ImageInput:
        which = self._array_of(index)
        return np.asarray(self._images[which][index - int(self._starts[which])])

    def _array_of(self, index: int) -> int:
        return int(np.searchsorted(self._starts, index, side="right")) - 1


def stamp_of(file: Path) -> str:
    """Size and times of a file."""
    status = file.stat()
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def unpacked(file: Path, member: str, stream: IO[bytes] | gzip.GzipFile, size_bytes: int) -> Path:
    """The content of a compressed stream as a file in the cache, written once.

    Args:
        file: The file that holds the stream.
        member: What it is in the file.
        stream: The content, unpacked while it is read.
        size_bytes: How long it must be; a longer one is refused before it fills the disk.

    Raises:
        DataError: When the stream is damaged, or of another length.
        OutputError: When the cache has no room, or cannot be written.
    """
    key = hashlib.blake2b(f"{file}\0{member}\0{stamp_of(file)}".encode("utf-8", "surrogateescape"), digest_size=16)
    place = files.cache_folder("unpacked") / f"{key.hexdigest()}.bin"
    if place.exists() and place.stat().st_size == size_bytes:
        cache.mark_used(place)
        return place
    files.require_space(place, size_bytes, what=f"unpacking {file.name}")
    part = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        with files.explained(place), part.open("wb") as target:
            _copy(file, stream, target, size_bytes)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
    return place


def _copy(file: Path, stream: IO[bytes] | gzip.GzipFile, target: IO[bytes], size_bytes: int) -> None:
    done = 0
    while done <= size_bytes:
        try:
            chunk = stream.read(_CHUNK)
        except (OSError, EOFError, zlib.error) as problem:
            raise DataError(f"{file} is damaged: {problem}") from problem
        if not chunk:
            break
        target.write(chunk)
        done += len(chunk)
    if done != size_bytes:
        what = "more" if done > size_bytes else f"{done:,}"
        raise DataError(f"{file} holds {what} bytes where its header says {size_bytes:,}: it is damaged")
