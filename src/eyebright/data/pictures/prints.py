"""What identifies an image: the digest of its pixels, and a small print by which images are compared.

A print is a thumbnail of the whole image, its full size and its sharpness: 3,084 bytes, the same for every preparation.
The audit finds near-duplicates and dark, bright or blurred images from prints alone; see `eyebright.data.audit`.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LEAST_SIDE = 256  # pixels; images with two or more times as many on each side are reduced first
THUMBNAIL_SIDE = 32
SHARPNESS_SIDE = 128  # larger images are reduced to this before sharpness is measured, so that values are comparable
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


def take_print(small: Image.Image, full_size: tuple[int, int]) -> NDArray[np.void]:
    """The print of an upright RGB image.

    Args:
        small: The image, as `reduced` gives it.
        full_size: Its (width, height) before.

    Returns:
        One record of `PRINT`, shape `()`.
    """
    taken = np.zeros((), PRINT)
    taken["width"], taken["height"] = full_size
    taken["sharpness"] = sharpness(small)
    taken["thumbnail"] = np.asarray(small.resize((THUMBNAIL_SIDE,) * 2, Image.Resampling.BILINEAR))
    return taken


def sharpness(picture: Image.Image) -> float:
    """Sharpness of an image: the variance of the Laplacian of its brightness, divided by that of the brightness itself.

    Sides above 128 pixels are reduced to 128 first. White noise has about 20, photographs 0.05 to 2, a flat area 0.

    Source: Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy". The division is not in the paper;
    without it, images with little contrast would count as blurred.
    """
    size = min(picture.width, SHARPNESS_SIDE), min(picture.height, SHARPNESS_SIDE)
    grey = np.asarray(picture.resize(size, Image.Resampling.BILINEAR).convert("L"), np.float32)  # (H, W)
    if min(size) < 3 or (variance := float(grey.var())) < 1e-3:
        return 0.0
    middle = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle
    return float(laplacian.var()) / variance
