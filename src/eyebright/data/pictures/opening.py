"""The one way from a file to an array: open, turn upright, convert to RGB, resize.

Training, evaluation, prediction, the audit and the server all open images through this module.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.data.pictures.arrays import as_image, is_array
from eyebright.data.pictures.colours import to_rgb
from eyebright.data.pictures.formats import ImageFile, has_16_bits, load, opened
from eyebright.data.pictures.preparation import Preparation, resize_picture
from eyebright.data.pictures.prints import Look, digest, look_at, reduced

ImageInput: TypeAlias = ImageFile | NDArray[Any]
"""Anything that can be opened as one image: a file, an image of Pillow, or pixels as `as_image` reads them."""

_ORIENTATION = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = {5, 6, 7, 8}


def open_picture(source: ImageInput, preparation: Preparation) -> NDArray[np.uint8]:
    """Open an image and prepare it for a model.

    Args:
        source: A path, the bytes of a file, an open binary file, an image of Pillow, or pixels `(H, W)` or
            `(H, W, channels)`, uint8 or as `as_image` reads them.
        preparation: The size, and how to resize.

    Returns:
        The pixels, RGB or grey as the preparation says, `(height, width, channels)`, uint8: upright (EXIF orientation),
        in sRGB, transparency over white, 16 bits scaled to 8, the first frame of an animation.

    Raises:
        PictureError: If the image cannot be opened; the message gives the reason.
    """
    return resize_picture(decode(source), preparation)


class OpenedImage(NamedTuple):
    """A prepared image and what identifies it.

    Args:
        pixels: As `open_picture` returns them.
        digest: 16 bytes that identify the decoded pixels; see `digest`.
        look: What its print is computed from; see `take_prints`.
    """

    pixels: NDArray[np.uint8]
    digest: bytes
    look: Look


def open_with_digest(source: ImageInput, preparation: Preparation) -> OpenedImage:
    """As `open_picture`, with the digest of the image and what its print is computed from.

    Both are taken from the decoded pixels: the same image has the same digest in every file, as bytes, and as an array,
    and neither depends on the preparation.
    """
    picture = decode(source)
    pixels = resize_picture(picture, preparation)
    small = reduced(picture)
    return OpenedImage(pixels, digest(small, picture.size), look_at(small, picture.size))


def size_of(source: ImageInput) -> tuple[int, int]:
    """(width, height) of an image as it is stored, read without decoding it; raises as `open_picture`."""
    if is_array(source):
        return _from_array(source).size
    with opened(source) as picture:
        return picture.size


class StoredSize(NamedTuple):
    """The size of an image, as it is seen and as it is stored: a photograph may be stored lying on its side.

    Args:
        upright: (width, height) after the EXIF orientation, as all other functions see the image.
        stored: (width, height) before it.
    """

    upright: tuple[int, int]
    stored: tuple[int, int]


def sizes_of(source: ImageInput) -> StoredSize:
    """The size of an image, read without decoding it; raises as `open_picture`."""
    if is_array(source):
        size = _from_array(source).size
        return StoredSize(size, size)
    with opened(source) as picture:
        size = picture.size
        turned = _orientation(picture) in _ON_ITS_SIDE
    return StoredSize(size[::-1] if turned else size, size)


def decode(source: ImageInput) -> Image.Image:
    """Decode an image in full, upright and in RGB.

    Raises:
        PictureError: If the image cannot be opened; the message gives the reason.
    """
    if is_array(source):
        return _from_array(source)
    with opened(source) as stored:
        wide = has_16_bits(stored)
        load(stored)
        orientation = _orientation(stored)
        return _upright(to_rgb(stored, wide=wide), orientation)


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # Pillow raises many types of errors on a damaged EXIF block; the image itself may be good
        return 1


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    method = _TRANSPOSE.get(orientation)
    return picture if method is None else picture.transpose(method)


def _from_array(values: NDArray[Any]) -> Image.Image:
    pixels = as_image(values)
    return to_rgb(Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels))
