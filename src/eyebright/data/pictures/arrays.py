"""Images as arrays in the forms that other libraries use, made into the one of this package.

That one is uint8 from 0 to 255, `(H, W)` or channels last. It is taken as it is; booleans, numbers from 0 to 255 and
floats from 0 to 1 are converted, and channels may come first. What could be read in two ways is refused, with the line
that makes it clear: a wrong guess would only be seen in a low accuracy.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.system.errors import DataError, EyebrightError, PictureError
from eyebright.system.text import kind_of

if TYPE_CHECKING:
    from typing_extensions import TypeIs

_BLOCK = 1024  # images that are converted at once
_DIM = 127  # whole numbers up to this may be of another range, such as 0 to 16


def is_array(values: object) -> "TypeIs[NDArray[Any]]":
    """Whether something is an array or a tensor: numpy can read it, and it is not an image of Pillow."""
    return hasattr(values, "__array__") and not isinstance(values, Image.Image)


def as_array(values: object) -> NDArray[Any]:
    """Anything that numpy can read as an array; also a tensor of PyTorch that is on a GPU or has a gradient.

    Raises:
        ValueError: When it is not an array: rows of different lengths, for example.
    """
    detach = getattr(values, "detach", None)
    try:
        return np.asarray(detach().cpu() if callable(detach) else values)
    except TypeError as problem:
        raise ValueError(str(problem)) from problem


def as_image(values: object, error: type[EyebrightError] = PictureError) -> NDArray[np.uint8]:
    """One image as uint8, `(H, W)` or `(H, W, C)`.

    Args:
        values: An array or tensor, `(H, W)`, `(H, W, C)` or `(C, H, W)`; C is 1, 3 or 4.
        error: The class of error to raise.

    Raises:
        EyebrightError: An `error`, when it is not such an array; the message says how to convert it.
    """
    return _converted(_read(values, error), "image", 2, error)


def as_images(values: object, error: type[EyebrightError] = DataError) -> Sequence[NDArray[np.uint8]]:
    """Many images as uint8: an array `(N, H, W)` or `(N, H, W, C)`, or a list of images of different sizes.

    Args:
        values: An array or tensor, `(N, H, W)`, `(N, H, W, C)` or `(N, C, H, W)`; or a list of single images.
        error: The class of error to raise.

    Raises:
        EyebrightError: An `error`, as in `as_image`.
    """
    if isinstance(values, list | tuple) or getattr(values, "dtype", None) == np.dtype(object):
        images = [_read(image, error) for image in values]  # type: ignore[attr-defined]
        if len({image.shape for image in images}) != 1 or images[0].ndim < 2:
            return [_converted(image, "image", 2, error) for image in images]
        values = np.stack(images)
    array: Sequence[NDArray[np.uint8]] = _converted(_read(values, error), "images", 3, error)  # type: ignore[assignment]
    return array


def _read(values: object, error: type[EyebrightError]) -> NDArray[Any]:
    try:
        array = as_array(values)
    except ValueError as problem:
        raise error(f"expected images as arrays, got {kind_of(values)}: {problem}") from problem
    if array.dtype.kind not in "buif":
        hint = "; for a folder, write eb.Dataset.from_folder(...)" if isinstance(values, str) else ""
        raise error(f"expected images as arrays of numbers, got {kind_of(values)} of {array.dtype}{hint}")
    return array


def _converted(array: NDArray[Any], what: str, axes: int, error: type[EyebrightError]) -> NDArray[np.uint8]:
    """An image, or images, of so many axes without that of the channels."""
    return _as_bytes(_channels_last(array, what, axes, error), what, error)


def _channels_last(array: NDArray[Any], what: str, axes: int, error: type[EyebrightError]) -> NDArray[Any]:
    if array.ndim not in (axes, axes + 1) or 0 in array.shape[axes - 2 :]:
        raise error(f"{_received(array, what, axes)}{_flat(array, what, axes)}")
    if array.ndim == axes:
        return array
    first, last = array.shape[-3], array.shape[-1]
    if first == 3 and last in (1, 3, 4):
        place = "(0, 2, 3, 1)" if axes == 3 else "(1, 2, 0)"
        raise error(
            f"{_received(array, what, axes)}; channels may be first or last here: resize the {what} to more than 4 "
            f"pixels a side, after {what}.transpose{place} if channels are first"
        )
    if last in (1, 3, 4):
        return array
    if first in (1, 3):
        return np.moveaxis(array, -3, -1)
    raise error(_received(array, what, axes))


def _received(array: NDArray[Any], what: str, axes: int) -> str:
    many = "N, " if axes == 3 else ""
    return (
        f"{what}: got {array.dtype} {array.shape}, expected uint8 ({many}H, W), ({many}H, W, channels) or "
        f"({many}channels, H, W) with 1 or 3 channels"
    )


def _flat(array: NDArray[Any], what: str, axes: int) -> str:
    """How to write images that were made into vectors."""
    if array.ndim != 2 or axes != 3:
        return ""
    for channels in (1, 3):
        side = math.isqrt(array.shape[1] // channels)
        if side > 1 and channels * side * side == array.shape[1]:
            shape = f"{side}, {side}" + (", 3" if channels == 3 else "")
            return f"; for square images write {what}.reshape(-1, {shape})"
    return ""


def _as_bytes(array: NDArray[Any], what: str, error: type[EyebrightError]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8 or not array.size:
        return array.astype(np.uint8, copy=False)
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    low, high = float(array.min()), float(array.max())
    if low >= 0 and (_DIM < high <= 255 or high == 0):  # 0 is black in every range
        scale = 1
    elif low >= 0 and high <= 1 and array.dtype.kind == "f":
        scale = 255
    else:
        shown = f"{what}: got {array.dtype} from {low:.4g} to {high:.4g}, expected uint8, or floats from 0 to 1"
        raise error(f"{shown}: {_fix(low, high, what, array.dtype.kind)}")
    rounded = np.empty(array.shape, np.uint8)
    for at in range(0, len(array), _BLOCK):
        rounded[at : at + _BLOCK] = np.rint(array[at : at + _BLOCK] * scale)
    return rounded


def _fix(low: float, high: float, what: str, kind: str) -> str:
    """The line that makes other values clear."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"look for NaN and infinite values with np.argwhere(~np.isfinite({what}))"
    if -1 <= low < 0 and high <= 1:
        return f"from -1 to 1, write (({what} + 1) * 127.5).round().astype('uint8')"
    if low < 0:
        return "give the pixels before they were normalised; a network can begin with Normalize(mean, std)"
    if high > 255:
        bits = 16 if high > 4095 else 12 if high > 1023 else 10
        return f"divide by the largest value that is possible; for {bits} bits, write {what} / {2**bits - 1}"
    dim = f"{what}.round().astype('uint8')" if kind == "f" else f"{what}.astype('uint8')"
    return f"if they are from 0 to 255 and just dark, write {dim}; if {high:.4g} is white, write {what} / {high:.4g}"
