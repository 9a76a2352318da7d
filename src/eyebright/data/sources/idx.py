"""IDX pairs, the form of MNIST and Fashion-MNIST: a file of pictures and a file of labels, also gzipped.

    train-images-idx3-ubyte.gz  train-labels-idx1-ubyte.gz  t10k-images-idx3-ubyte.gz  t10k-labels-idx1-ubyte.gz
    classes.txt                 where it is there: the name of label 0 on its first line, of label 1 on the second...

A file begins with 0, 0, the type of its values (8: uint8), the number of its dimensions, and each of them as four
bytes, the high one first; then come the values. Source: "The IDX file format" on the MNIST page of LeCun, Cortes and
Burges.
"""

import gzip
import math
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from eyebright.data.sources.source import SIDE_NAMES, Found
from eyebright.data.sources.stored import StoredSource, stamp_of, unpacked
from eyebright.data.split import Side
from eyebright.system.errors import DataError
from eyebright.system.files import read_errors

CLASSES = "classes.txt"
_IMAGES, _LABELS = "images-idx3", "labels-idx1"
_GZIP = b"\x1f\x8b"
_UINT8 = 8
_MOST_BYTES = 1 << 36


def image_files(folder: Path) -> list[Path]:
    """The files of pictures in a folder of IDX pairs, in the order of their names."""
    return sorted(file for file in folder.iterdir() if is_images(file))


def is_images(file: Path) -> bool:
    """Whether a file's name is that of IDX pictures."""
    return _IMAGES in file.name.replace(".", "-") and not file.name.startswith(".") and file.is_file()


def read_idx(images: list[Path]) -> Found:
    """Pictures of IDX files; their labels lie beside them. Classes are the labels as numbers, or as
    `classes.txt` beside them names them.

    Args:
        images: The files of pictures. Where all their names begin with that of a side (train, t10k for test), the
            sides are given.

    Raises:
        DataError: When a file is missing, of another kind, cut off, or a pair is of different lengths, or
            `classes.txt` names a label not at all or two alike.
    """
    arrays, labels, titles, stamps = [], [], [], []
    for file in images:
        with read_errors(file):
            stamps.append(stamp_of(file))
        pictures, classes = _read(file, 3), _read(_labels_of(file), 1)
        if len(pictures) != len(classes):
            raise DataError(f"{file} holds {len(pictures):,} pictures, {_labels_of(file).name} {len(classes):,} labels")
        arrays.append(pictures)
        labels.append(classes)
        titles.append(f"{file.name.split(_IMAGES)[0].strip('-_.') or 'picture'} ")
    values, positions = np.unique(np.concatenate(labels), return_inverse=True)
    listing = images[0].with_name(CLASSES)
    told = _named(listing, values.tolist()) if listing.is_file() else [str(value) for value in values.tolist()]
    names, order = np.unique(told, return_inverse=True)  # sorted as texts, as the names of folders are
    origin = images[0].parent if len(images) > 1 else images[0]
    sides = _sides(titles, arrays)
    source = StoredSource(origin, stamps, arrays, titles)
    return Found(source, tuple(names.tolist()), order[positions].tolist(), sides=sides, origin=origin)


def _named(listing: Path, labels: list[int]) -> list[str]:
    """The names of labels; in a file with one for each line, from label 0."""
    try:
        names = [line.strip() for line in listing.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"{listing} cannot be read: {problem}") from problem
    for label in labels:
        if label >= len(names) or not names[label]:
            raise DataError(f"{listing} does not name label {label}: expected a line for each label, from 0 on")
    found = [names[label] for label in labels]
    for label, name in zip(labels, found, strict=True):
        if found.count(name) > 1:
            raise DataError(f"{listing} names label {label} and another one {name!r}: give each a name of its own")
    return found


def _sides(titles: list[str], arrays: list[NDArray[np.uint8]]) -> list[Side] | None:
    known = SIDE_NAMES | {"t10k": "test"}
    sides = [known.get(title.strip().lower()) for title in titles]
    if "train" not in sides or None in sides:
        return None
    return [side for side, array in zip(sides, arrays, strict=True) for _ in range(len(array)) if side]


def _labels_of(images: Path) -> Path:
    name = images.name.replace(_IMAGES, _LABELS).replace("images.idx3", "labels.idx1")
    return images.with_name(name)


def _read(file: Path, dimensions: int) -> NDArray[np.uint8]:
    """The values of a file, mapped into memory."""
    try:
        with file.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            if not packed:
                shape, begin = _header(file, raw, dimensions)
                if file.stat().st_size != begin + math.prod(shape):
                    raise DataError(
                        f"{file} is {file.stat().st_size:,} bytes long, its header says {begin + math.prod(shape):,}: "
                        "it is damaged, fetch it again"
                    )
                return np.memmap(file, np.uint8, "r", offset=begin, shape=shape)
            with gzip.open(raw) as stream:
                shape, _ = _header(file, stream, dimensions)
                place = unpacked(file, "values", stream, math.prod(shape))
    except FileNotFoundError as problem:
        raise DataError(f"{file} is missing: IDX files come in pairs, pictures and labels") from problem
    except (OSError, EOFError, zlib.error) as problem:
        raise DataError(f"{file} cannot be read: {problem}") from problem
    return np.memmap(place, np.uint8, "r", shape=shape)


def _header(file: Path, stream: IO[bytes] | gzip.GzipFile, dimensions: int) -> tuple[tuple[int, ...], int]:
    """The shape, and where the values begin."""
    head = stream.read(4 + 4 * dimensions)
    if len(head) < 4 + 4 * dimensions or head[:2] != b"\0\0" or head[2] != _UINT8 or head[3] != dimensions:
        raise DataError(
            f"{file} is no IDX file of {dimensions} dimension(s) of bytes: it begins with {head[:4].hex(' ')}, "
            f"expected 00 00 08 {dimensions:02x}"
        )
    shape = tuple(int(size) for size in np.frombuffer(head, ">u4", dimensions, 4))
    if not all(shape) or math.prod(shape) > _MOST_BYTES:
        raise DataError(f"{file} says that it holds {' x '.join(map(str, shape))} values: it is empty or damaged")
    return shape, len(head)
