"""Images that are stored in one file as one array: read one by one, so that the file may be of any size.

The readers of IDX and .npz share this module. A compressed array (gzip, zip) is unpacked into the cache once.
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import ImageInput
from eyebright.data.sources.labels import index_classes
from eyebright.data.sources.source import FoundImages, stamp_of
from eyebright.data.split import Side
from eyebright.system import cache, files
from eyebright.system.errors import DataError
from eyebright.system.text import counted

_CHUNK_BYTES = 1 << 20


class StoredArray(NamedTuple):
    """An array of images in a file, with their classes.

    Args:
        title: The text before the number in the names of the images.
        images: `(N, H, W)`, `(N, H, W, 1)`, `(N, H, W, 3)` or `(N, H, W, 4)`, uint8.
        labels: For each image the name of its class.
        side: The split of the images, if known.
        stamp: The stamp of the file.
    """

    title: str
    images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]
    labels: Sequence[str]
    side: Side | None
    stamp: str


class StoredSource:
    """Images of one or several arrays on the disk.

    Args:
        origin: The file or folder of the arrays.
        arrays: The arrays.
    """

    def __init__(self, origin: Path, arrays: Sequence[StoredArray]) -> None:
        self._arrays = arrays
        self._starts = np.cumsum([0, *(len(array.images) for array in arrays)])
        self.names = [f"{array.title} {number:07d}" for array in arrays for number in range(len(array.images))]
        self.identity = f"file {origin}"

    def stamp(self, index: int) -> str:
        return self._array_of(index)[0].stamp

    def open(self, index: int) -> ImageInput:
        array, number = self._array_of(index)
        return np.asarray(array.images[number])

    def _array_of(self, index: int) -> tuple[StoredArray, int]:
        which = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self._arrays[which], index - int(self._starts[which])


def images_of_arrays(origin: Path, arrays: Sequence[StoredArray]) -> FoundImages:
    """The images of all arrays. They have splits if every array has one and one is the training set.

    Raises:
        DataError: When an array has not one label per image.
    """
    for title, images, labels, *_ in arrays:
        if len(images) != len(labels):
            raise DataError(
                f"{origin}: {title} has {counted(len(images), 'image')} but {counted(len(labels), 'label')}: expected "
                "one label per image"
            )
    classes, positions = index_classes([label for array in arrays for label in array.labels])
    known = {array.side for array in arrays}
    sides = [array.side for array in arrays for _ in array.labels if array.side]
    source = StoredSource(origin, arrays)
    return FoundImages(
        source, classes, positions, None if None in known or "train" not in known else sides, origin=origin
    )


def unpack_to_cache(file: Path, member: str, stream: IO[bytes] | gzip.GzipFile, size_bytes: int) -> Path:
    """The content of a compressed stream as a file in the cache, written once.

    Args:
        file: The file that holds the stream.
        member: The name of the stream in the file.
        stream: The content, which is unpacked while it is read.
        size_bytes: The expected size; reading stops beyond it, so that a wrong file cannot fill the disk.

    Returns:
        The file in the cache.

    Raises:
        DataError: When the stream is damaged or has another size.
        OutputError: When the cache has no space or cannot be written.
    """
    key = hashlib.blake2b(f"{file}\0{member}\0{stamp_of(file)}".encode("utf-8", "surrogateescape"), digest_size=16)
    place = files.cache_folder("unpacked") / f"{key.hexdigest()}.bin"
    if place.exists() and place.stat().st_size == size_bytes:
        cache.mark_used(place)
        return place
    files.require_space(place, size_bytes, what=f"unpacking {file.name}")
    part = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        with files.write_errors(place), part.open("wb") as target:
            _copy(file, stream, target, size_bytes)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
    return place


def _copy(file: Path, stream: IO[bytes] | gzip.GzipFile, target: IO[bytes], size_bytes: int) -> None:
    done = 0
    while done <= size_bytes:
        try:
            chunk = stream.read(_CHUNK_BYTES)
        except (OSError, EOFError, zlib.error) as problem:
            raise DataError(f"{file} is damaged: {problem}; download it again") from problem
        if not chunk:
            break
        target.write(chunk)
        done += len(chunk)
    if done != size_bytes:
        amount = f"more than {size_bytes:,}" if done > size_bytes else f"{done:,}"
        raise DataError(
            f"{file} is damaged: it holds {amount} bytes, expected {size_bytes:,} by its header; download it again"
        )
