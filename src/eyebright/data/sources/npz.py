"""numpy's .npz, as Keras's data sets come: `x_train`, `y_train`, `x_test`, `y_test`; or `images` and `labels`."""

import io
import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from eyebright.data.sources.source import SIDE_NAMES, Found
from eyebright.data.sources.stored import StoredSource, stamp_of, unpacked
from eyebright.data.split import Side
from eyebright.system.errors import DataError

_PAIRS = (("images", "labels"), ("x", "y"), ("data", "target"), ("X", "y"))
_MOST_LABEL_BYTES = 1_000_000_000


class _Pair(NamedTuple):
    images: str
    labels: str
    side: str


def read_npz(file: Path) -> Found:
    """Pictures and labels of a file; arrays named for a side give the sides. Labels are numbers or texts.

    Raises:
        DataError: When it is no such file, is damaged, holds pickled objects or no pair of arrays that fit together.
    """
    try:
        stamp = stamp_of(file)
        with zipfile.ZipFile(file) as archive:
            pairs = _pairs(file, {Path(name).stem for name in archive.namelist() if name.endswith(".npy")})
            images = [_images(file, archive, pair.images) for pair in pairs]
            labels = [_labels(file, archive, pair.labels) for pair in pairs]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError) as problem:
        if isinstance(problem, DataError):
            raise
        raise DataError(f"{file} is no .npz that can be read: {problem}") from problem
    for pair, pictures, classes in zip(pairs, images, labels, strict=True):
        if len(pictures) != len(classes):
            raise DataError(
                f"{file}: {pair.images} has {len(pictures):,} pictures, {pair.labels} {len(classes):,} labels"
            )
    texts = np.concatenate(labels)
    names, positions = np.unique(texts, return_inverse=True)
    titles = [f"{pair.images} " for pair in pairs]
    return Found(
        StoredSource(file, [stamp] * len(images), images, titles), tuple(names.tolist()), positions.tolist(),
        sides=_sides(pairs, images), origin=file,
    )  # fmt: skip


def _pairs(file: Path, names: set[str]) -> list[_Pair]:
    """Arrays that belong together: by a side's name at their end, or the only ones."""
    found = [
        _Pair(f"{images}_{side}", f"{labels}_{side}", side)
        for images, labels in _PAIRS
        for side in SIDE_NAMES
        if {f"{images}_{side}", f"{labels}_{side}"} <= names
    ]
    found = found or [_Pair(images, labels, "") for images, labels in _PAIRS if {images, labels} <= names][:1]
    if not found:
        raise DataError(
            f"{file} holds {', '.join(sorted(names)) or 'no arrays'}: expected images and labels, "
            "or x_train and y_train"
        )
    return found


def _sides(pairs: list[_Pair], images: list[NDArray[np.uint8]]) -> list[Side] | None:
    if not all(pair.side for pair in pairs):
        return None
    sides = [SIDE_NAMES[pair.side] for pair in pairs]
    if "train" not in sides:
        return None
    return [side for side, array in zip(sides, images, strict=True) for _ in range(len(array))]


def _images(file: Path, archive: zipfile.ZipFile, name: str) -> NDArray[np.uint8]:
    """An array of pictures, mapped into memory; channels may come last or, if there are 1 or 3 of them, first."""
    with archive.open(f"{name}.npy") as stream:
        shape, fortran, dtype = _header(stream)
        begin = stream.tell()
        if dtype != np.uint8 or fortran or len(shape) not in (3, 4):
            raise DataError(
                f"{file}: {name} is {dtype} {shape}: expected pictures of uint8 from 0 to 255, (N, H, W) or "
                "(N, H, W, channels)"
            )
        stream.seek(0)
        place = unpacked(file, name, stream, begin + math.prod(shape))
    array: NDArray[np.uint8] = np.memmap(place, np.uint8, "r", offset=begin, shape=shape)
    if array.ndim == 4 and array.shape[3] not in (1, 3, 4) and array.shape[1] in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    return array


def _labels(file: Path, archive: zipfile.ZipFile, name: str) -> NDArray[np.str_]:
    """Labels as texts."""
    if archive.getinfo(f"{name}.npy").file_size > _MOST_LABEL_BYTES:
        raise DataError(f"{file}: {name} is larger than labels can be")
    labels = np.load(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False).reshape(-1)
    if labels.dtype.kind not in "iuSU":
        raise DataError(f"{file}: {name} is of {labels.dtype}: expected whole numbers or texts, one for each picture")
    return np.char.decode(labels, "utf-8") if labels.dtype.kind == "S" else labels.astype(str)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, "np.dtype[np.generic]"]:
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return read(stream)
