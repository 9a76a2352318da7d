"""numpy's .npz as Keras's data sets use it: arrays `x_train`, `y_train`, `x_test`, `y_test`, or `images`, `labels`.

Images of uint8 are mapped into memory from the disk. Those in another form are converted in memory.
"""

import math
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from eyebright.data.pictures.arrays import as_images
from eyebright.data.sources.labels import flat_labels, names_of
from eyebright.data.sources.sides import SIDE_NAMES
from eyebright.data.sources.source import FoundImages, stamp_of
from eyebright.data.sources.stored import StoredArray, images_of_arrays, unpack_to_cache
from eyebright.data.split import Side
from eyebright.system.errors import DataError

_NAMES = (("images", "labels"), ("x", "y"), ("data", "target"), ("X", "y"))
_MOST_LABEL_BYTES = 1_000_000_000
T = TypeVar("T")


class _Pair(NamedTuple):
    images: str
    labels: str
    side: Side | None


def read_npz(file: Path) -> FoundImages:
    """Read the images and labels of an .npz. Names such as `x_train` give the splits; labels are numbers or texts.

    Raises:
        DataError: When the file is damaged or of another format, has pickled objects, or no arrays of images and
            labels.
    """
    try:
        stamp = stamp_of(file)
        with zipfile.ZipFile(file) as archive:
            pairs = _pairs(file, {Path(name).stem for name in archive.namelist() if name.endswith(".npy")})
            arrays = [
                StoredArray(
                    pair.images, _images(file, archive, pair.images), _labels(file, archive, pair.labels), pair.side,
                    stamp,
                )
                for pair in pairs
            ]  # fmt: skip
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError) as problem:
        if isinstance(problem, DataError):
            raise
        raise DataError(f"{file} cannot be read as .npz, it is damaged or another format: {problem}") from problem
    return images_of_arrays(file, arrays)


def _pairs(file: Path, names: set[str]) -> list[_Pair]:
    """The arrays that belong together: those with the name of a split at their end, or else the first pair."""
    found = [
        _Pair(f"{images}_{name}", f"{labels}_{name}", side)
        for images, labels in _NAMES
        for name, side in SIDE_NAMES.items()
        if {f"{images}_{name}", f"{labels}_{name}"} <= names
    ]
    found = found or [_Pair(images, labels, None) for images, labels in _NAMES if {images, labels} <= names][:1]
    if not found:
        has = f"the arrays {', '.join(sorted(names))}" if names else "no arrays"
        raise DataError(f"{file} contains {has}: expected images and labels, or x_train and y_train")
    return found


def _images(file: Path, archive: zipfile.ZipFile, name: str) -> Sequence[NDArray[np.uint8]]:
    """An array of images; of uint8 it is mapped into memory."""
    with archive.open(f"{name}.npy") as stream:
        shape, is_fortran, dtype = _header(stream)
        start = stream.tell()
        stream.seek(0)
        if dtype == np.uint8 and not is_fortran:
            unpacked = unpack_to_cache(file, name, stream, start + math.prod(shape))
            array: NDArray[Any] = np.memmap(unpacked, np.uint8, "r", offset=start, shape=shape)
        else:
            array = _loaded(file, name, stream, dtype)
    return _explained(file, name, as_images, array)


def _loaded(file: Path, name: str, stream: IO[bytes], dtype: "np.dtype[np.generic]") -> NDArray[Any]:
    """A whole array, in memory."""
    if dtype.hasobject:
        raise DataError(
            f"{file}: {name} holds Python objects, which are not read, since they may run code: save it as an array of "
            f"numbers or texts, for labels with {name}={name}.astype(str)"
        )
    return np.asarray(np.load(stream, allow_pickle=False))


def _explained(file: Path, name: str, read: Callable[[object], T], array: NDArray[Any]) -> T:
    """The result of a function that reads an array; a `DataError` names the file and the array."""
    try:
        return read(array)
    except DataError as problem:
        raise DataError(f"{file}: {name} cannot be used: {problem}") from problem


def _labels(file: Path, archive: zipfile.ZipFile, name: str) -> list[str]:
    """Labels as texts."""
    if (size := archive.getinfo(f"{name}.npy").file_size) > _MOST_LABEL_BYTES:
        raise DataError(
            f"{file}: {name} has {size:,} bytes, too many for labels: expected at most {_MOST_LABEL_BYTES:,}"
        )
    with archive.open(f"{name}.npy") as stream:
        _, _, dtype = _header(stream)
        stream.seek(0)
        labels = _loaded(file, name, stream, dtype)
    return _explained(file, name, lambda given: names_of(flat_labels(given)), labels)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, "np.dtype[np.generic]"]:
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return read(stream)
