"""numpy's .npz as Keras's data sets use it: arrays `x_train`, `y_train`, `x_test`, `y_test`, or `images`, `labels`."""

import io
import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from eyebright.data.sources.sides import SIDE_NAMES
from eyebright.data.sources.source import FoundImages, stamp_of
from eyebright.data.sources.stored import StoredArray, images_of_arrays, unpack_to_cache
from eyebright.data.split import Side
from eyebright.system.errors import DataError

_NAMES = (("images", "labels"), ("x", "y"), ("data", "target"), ("X", "y"))
_MOST_LABEL_BYTES = 1_000_000_000


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


def _images(file: Path, archive: zipfile.ZipFile, name: str) -> NDArray[np.uint8]:
    """An array of images, mapped into memory; channels may come last or, if there are 1 or 3, first."""
    with archive.open(f"{name}.npy") as stream:
        shape, is_fortran, dtype = _header(stream)
        start = stream.tell()
        if dtype != np.uint8 or is_fortran or len(shape) not in (3, 4):
            order = " in Fortran order" if is_fortran else ""
            raise DataError(
                f"{file}: {name} is {dtype} {shape}{order}: expected images as uint8 from 0 to 255, (N, H, W) or "
                "(N, H, W, channels)"
            )
        stream.seek(0)
        unpacked = unpack_to_cache(file, name, stream, start + math.prod(shape))
    array: NDArray[np.uint8] = np.memmap(unpacked, np.uint8, "r", offset=start, shape=shape)
    if array.ndim == 4 and array.shape[3] not in (1, 3, 4) and array.shape[1] in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    return array


def _labels(file: Path, archive: zipfile.ZipFile, name: str) -> list[str]:
    """Labels as texts."""
    if (size := archive.getinfo(f"{name}.npy").file_size) > _MOST_LABEL_BYTES:
        raise DataError(
            f"{file}: {name} has {size:,} bytes, too many for labels: expected at most {_MOST_LABEL_BYTES:,}"
        )
    labels = np.load(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False).reshape(-1)
    if labels.dtype.kind not in "iuSU":
        raise DataError(f"{file}: {name} is {labels.dtype}: expected whole numbers or texts, one per image")
    texts = np.char.decode(labels, "utf-8") if labels.dtype.kind == "S" else labels.astype(str)
    return [str(text) for text in texts.tolist()]


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, "np.dtype[np.generic]"]:
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return read(stream)
