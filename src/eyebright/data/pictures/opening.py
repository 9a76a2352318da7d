"""The one way from a file to an array: open, turn upright, convert to RGB, resize.

Training, evaluation, prediction, the audit and the server all open images through this module.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.data.pictures.arrays import as_image, is_array
from eyebright.data.pictures.formats import PIXEL_LIMIT, ImageFile, opened
from eyebright.data.pictures.preparation import Preparation, resize_picture
from eyebright.data.pictures.prints import DIGEST_SIDE, digest, take_print
from eyebright.system.errors import PictureError

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


def open_picture(source: ImageInput, preparation: Preparation) -> NDArray[np.uint8]:
    """Open an image and prepare it for a model.

    Args:
        source: A path, the bytes of a file, an open binary file, an image of Pillow, or pixels `(H, W)` or
            `(H, W, channels)`, uint8 or as `as_image` reads them.
        preparation: The size, and how to resize.

    Returns:
        The pixels, RGB or grey as the preparation says, `(height, width, channels)`, uint8: upright (EXIF orientation),
        transparency over white, 16 bits scaled to 8, the first frame of an animation.

    Raises:
        PictureError: If the image cannot be opened; the message gives the reason.
    """
    return resize_picture(decode(source, max(preparation.width, preparation.height, DIGEST_SIDE)), preparation)


class OpenedImage(NamedTuple):
    """A prepared image and what identifies it.

    Args:
        pixels: As `open_picture` returns them.
        digest: 16 bytes that identify the decoded pixels; see `digest`.
        print: The thumbnail and the measurements by which images are compared, one record of `PRINT`.
    """

    pixels: NDArray[np.uint8]
    digest: bytes
    print: NDArray[np.void]


def open_with_digest(source: ImageInput, preparation: Preparation) -> OpenedImage:
    """As `open_picture`, with the digest and the print of the image.

    Both are taken from the decoded pixels: the same image has the same digest in every file and every lossless format,
    and neither depends on the preparation. Large JPEG files are decoded at the smallest scale with at least 256 pixels
    a side.
    """
    side = max(preparation.width, preparation.height, DIGEST_SIDE)
    picture, full_size = _decode(source, side)
    pixels = resize_picture(picture, preparation)
    if side > DIGEST_SIDE and min(picture.size) >= 2 * DIGEST_SIDE and _is_jpeg(source):
        picture = decode(source, DIGEST_SIDE)
    return OpenedImage(pixels, digest(picture), take_print(picture, full_size))


def size_of(source: ImageInput) -> tuple[int, int]:
    """(width, height) of an image as it is stored, read without decoding it; raises as `open_picture`."""
    if is_array(source):
        return _from_array(source).size
    with opened(source) as picture:
        return picture.size


def decode(source: ImageInput, least_side: int) -> Image.Image:
    """Decode an image, upright and in RGB; a large JPEG at a reduced scale with at least `least_side` pixels a side.

    Raises:
        PictureError: If the image cannot be opened; the message gives the reason.
    """
    return _decode(source, least_side)[0]


def _decode(source: ImageInput, least_side: int) -> tuple[Image.Image, tuple[int, int]]:
    """As `decode`, with the (width, height) of the upright image at full scale."""
    if is_array(source):
        picture = _from_array(source)
        return picture, picture.size
    with opened(source) as stored:
        size = stored.size
        if size[0] * size[1] > PIXEL_LIMIT:
            raise Image.DecompressionBombError
        stored.draft(None, (least_side, least_side))
        stored.load()
        orientation = _orientation(stored)
        return _upright(_to_rgb(stored), orientation), size[::-1] if orientation >= 5 else size


def _is_jpeg(source: ImageInput) -> bool:
    """Whether an image has the one format that is decoded at a reduced scale."""
    if is_array(source):
        return False
    with opened(source) as picture:
        return picture.format in ("JPEG", "MPO")


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "F":
        raise PictureError("32-bit float pixels are not supported, since they have no fixed range: use 8 or 16 bits")
    if picture.mode.startswith("I"):  # 16 bits, which Pillow may store in 32
        wide = np.asarray(picture).astype(np.float32)
        return Image.fromarray(np.clip(np.rint(wide / 257), 0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in picture.info:
        overlay = picture.convert("RGBA")
        white = Image.new("RGBA", overlay.size, "white")
        return Image.alpha_composite(white, overlay).convert("RGB")
    return picture.convert("RGB")


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
    return _to_rgb(Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels))
