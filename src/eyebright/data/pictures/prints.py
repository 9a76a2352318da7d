"""What identifies an image: the digest of its pixels, and a small print by which images are compared.

A print is a thumbnail of the whole image, its full size and its sharpness: 3,084 bytes, the same for every preparation.
The audit finds near-duplicates and dark, bright or blurred images from prints alone; see `eyebright.data.audit`.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LEAST_SIDE = 256  # pixels; images with two or more times as many on each side are reduced first
THUMBNAIL_SIDE = 32
SHARPNESS_SIDE = 128  # larger images are reduced to this before sharpness is measured, so that values are comparable
_FLAT = 1e-3  # variance of the brightness of an image without any contrast
PRINT = np.dtype(
    [("width", "<u4"), ("height", "<u4"), ("sharpness", "<f4"), ("thumbnail", "u1", (THUMBNAIL_SIDE,) * 2 + (3,))]
)


def reduced(picture: Image.Image) -> Image.Image:
    """An image for its digest and its print: a large one is reduced by whole blocks of pixels to their means."""
    factor = min(picture.size) // _LEAST_SIDE
    return picture.reduce(factor) if factor > 1 else picture


def digest(small: Image.Image, full_size: tuple[int, int]) -> bytes:
    """16 bytes that identify an upright RGB image by its size and its pixels, as `reduced` gives them (BLAKE2b)."""
    state = hashlib.blake2b("{}x{}".format(*full_size).encode(), digest_size=16)
    state.update(small.tobytes())
    return state.digest()


class Look(NamedTuple):
    """What the print of an upright RGB image is computed from.

    Args:
        size: Its (width, height).
        thumbnail: The whole image, `(32, 32, 3)`, uint8.
        grey: Its brightness, `(H, W)`, uint8; sides above 128 pixels are reduced to 128.
    """

    size: tuple[int, int]
    thumbnail: NDArray[np.uint8]
    grey: NDArray[np.uint8]


def look_at(small: Image.Image, full_size: tuple[int, int]) -> Look:
    """What the print of an image is computed from: the image as `reduced` gives it, and its (width, height) before."""
    size = min(small.width, SHARPNESS_SIDE), min(small.height, SHARPNESS_SIDE)
    grey = small.resize(size, Image.Resampling.BILINEAR).convert("L")
    return Look(full_size, np.asarray(small.resize((THUMBNAIL_SIDE,) * 2, Image.Resampling.BILINEAR)), np.asarray(grey))


def take_prints(looks: Sequence[Look]) -> NDArray[np.void]:
    """The prints of images, records of `PRINT`, `(n,)`; of several together, since NumPy holds Python's lock."""
    taken = np.zeros(len(looks), PRINT)
    for place, look in zip(taken, looks, strict=True):
        place["width"], place["height"] = look.size
        place["thumbnail"] = look.thumbnail
    shapes = [look.grey.shape for look in looks]
    for shape in set(shapes):
        places = [place for place, own in enumerate(shapes) if own == shape]
        taken["sharpness"][places] = sharpness(np.stack([looks[place].grey for place in places]))
    return taken


def sharpness(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Sharpness of images, `(n,)`: the variance of the Laplacian of the brightness, divided by that of the brightness.

    White noise has about 20, photographs 0.05 to 2, a flat area 0.

    Args:
        grey: The brightness of images of one size, at most 128 pixels a side so that values are comparable,
            `(n, H, W)`.

    Source: Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy". The division is not in the paper;
    without it, images with little contrast would count as blurred.
    """
    if min(grey.shape[1:]) < 3:
        return np.zeros(len(grey))
    light = grey.astype(np.float32)
    middle = light[:, 1:-1, 1:-1]
    laplacian = light[:, :-2, 1:-1] + light[:, 2:, 1:-1] + light[:, 1:-1, :-2] + light[:, 1:-1, 2:] - 4 * middle
    high, variance = (each.reshape(len(grey), -1).var(1).astype(np.float64) for each in (laplacian, light))
    return np.where(variance < _FLAT, 0, high / np.maximum(variance, _FLAT))
