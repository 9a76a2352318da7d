"""IDX files, the format of MNIST and Fashion-MNIST: pairs of a file of images and a file of labels, perhaps gzipped.

    train-images-idx3-ubyte.gz  train-labels-idx1-ubyte.gz  t10k-images-idx3-ubyte.gz  t10k-labels-idx1-ubyte.gz
    classes.txt                 optional: the name of label 0 on its first line, of label 1 on the second...

A file starts with two zeros, the type of its values (8: uint8), the number of its dimensions, and each dimension as
four bytes, the highest first; then come the values. Source: "The IDX file format" on the MNIST page of LeCun, Cortes
and Burges.
"""

import gzip
import math
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from eyebright.data.sources.sides import side_of
from eyebright.data.sources.source import FoundImages, stamp_of
from eyebright.data.sources.stored import StoredArray, images_of_arrays, unpack_to_cache
from eyebright.system.errors import DataError
from eyebright.system.files import read_errors

CLASSES = "classes.txt"
_IMAGES, _LABELS = "images-idx3", "labels-idx1"
_GZIP_MAGIC = b"\x1f\x8b"
_UINT8 = 8
_MOST_BYTES = 1 << 36


def idx_files(folder: Path) -> list[Path]:
    """The files of images in a folder of IDX pairs, sorted by name."""
    return sorted(file for file in folder.iterdir() if is_idx(file))


def is_idx(file: Path) -> bool:
    """Whether a file has the name of IDX images."""
    return _IMAGES in file.name.replace(".", "-") and not file.name.startswith(".") and file.is_file()


def read_idx(files: list[Path]) -> FoundImages:
    """Read IDX images; the files of their labels and `classes.txt` are beside them.

    Args:
        files: The files of images. If all names start with that of a split (`train`, `t10k` for the test set), the
            images have these splits.

    Raises:
        DataError: When a file is missing, damaged or of another format, a pair has different lengths, or
            `classes.txt` does not give each label a name of its own.
    """
    labels = {file: _read(_labels_of(file), dimensions=1).tolist() for file in files}
    names = _names(files[0].with_name(CLASSES), sorted({label for own in labels.values() for label in own}))
    arrays = [_array(file, [names[label] for label in labels[file]]) for file in files]
    return images_of_arrays(files[0].parent if len(files) > 1 else files[0], arrays)


def _array(file: Path, labels: list[str]) -> StoredArray:
    with read_errors(file):
        stamp = stamp_of(file)
    title = file.name.split(_IMAGES)[0].strip("-_.") or "image"
    side = "test" if title.lower() == "t10k" else side_of(title)
    return StoredArray(title, _read(file, dimensions=3), labels, side, stamp)


def _names(listing: Path, labels: list[int]) -> dict[int, str]:
    """The names of labels: from a file with one per line if it exists, or else the numbers."""
    if not listing.is_file():
        return {label: str(label) for label in labels}
    try:
        lines = [line.strip() for line in listing.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"{listing} cannot be read: {problem}; expected one name per line, in UTF-8") from problem
    names: dict[int, str] = {}
    for label in labels:
        if label >= len(lines) or not lines[label]:
            raise DataError(f"{listing} has no name for label {label}: expected one name per line, from label 0 on")
        if lines[label] in names.values():
            raise DataError(f"{listing} gives label {label} the name {lines[label]!r} of another label: rename one")
        names[label] = lines[label]
    return names


def _labels_of(images: Path) -> Path:
    name = images.name.replace(_IMAGES, _LABELS).replace("images.idx3", "labels.idx1")
    return images.with_name(name)


def _read(file: Path, *, dimensions: int) -> NDArray[np.uint8]:
    """The values of a file, mapped into memory."""
    try:
        with file.open("rb") as raw:
            is_packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            if not is_packed:
                shape, start = _header(file, raw, dimensions)
                size, expected = file.stat().st_size, start + math.prod(shape)
                if size != expected:
                    raise DataError(
                        f"{file} is damaged: it has {size:,} bytes, expected {expected:,} by its header; download it "
                        "again"
                    )
                return np.memmap(file, np.uint8, "r", offset=start, shape=shape)
            with gzip.open(raw) as stream:
                shape, _ = _header(file, stream, dimensions)
                unpacked = unpack_to_cache(file, "values", stream, math.prod(shape))
    except FileNotFoundError as problem:
        raise DataError(f"{file} is missing: IDX files come in pairs, one of images and one of labels") from problem
    except (OSError, EOFError, zlib.error) as problem:
        raise DataError(f"{file} cannot be read: {problem}") from problem
    return np.memmap(unpacked, np.uint8, "r", shape=shape)


def _header(file: Path, stream: IO[bytes] | gzip.GzipFile, dimensions: int) -> tuple[tuple[int, ...], int]:
    """The shape, and the position of the first value."""
    head = stream.read(4 + 4 * dimensions)
    if len(head) < 4 + 4 * dimensions or head[:4] != bytes([0, 0, _UINT8, dimensions]):
        raise DataError(
            f"{file} is not an IDX file of {dimensions} dimension(s) of bytes: expected 00 00 08 {dimensions:02x} at "
            f"its start, got {head[:4].hex(' ') or 'nothing'}"
        )
    shape = tuple(int(size) for size in np.frombuffer(head, ">u4", dimensions, 4))
    if not all(shape) or math.prod(shape) > _MOST_BYTES:
        raise DataError(f"{file} is empty or damaged: its header says {' x '.join(map(str, shape))} values")
    return shape, len(head)
