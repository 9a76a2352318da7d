"""The one way from a file to an array: open, orient, convert, fit.

Everything that looks at a picture comes through here: training, evaluation, prediction, the audit and the server.
"""

import hashlib
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.data.pictures.preparation import Preparation, fit_picture
from eyebright.data.pictures.prints import take_print
from eyebright.data.pictures.recognising import PIXEL_LIMIT, File, recognised
from eyebright.system.errors import PictureError

Source: TypeAlias = File | NDArray[np.uint8]

DIGEST_SIDE = 256  # the scale at which a picture's content is compared; see `open_with_digest`

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


def open_picture(source: Source, preparation: Preparation) -> NDArray[np.uint8]:
    """Open a picture as a model wants it.

    Args:
        source: A path, the bytes of a file, an open binary file, or pixels `(H, W)`, `(H, W, 1)`, `(H, W, 3)` or
            `(H, W, 4)`, uint8.
        preparation: Size and fit.

    Returns:
        The pixels, RGB, `(height, width, 3)`, uint8: upright (EXIF), transparency over white, 16 bits scaled to 8, the
        first frame of an animation.

    Raises:
        PictureError: When it cannot be opened; the message gives the reason.
    """
    return fit_picture(decode(source, max(preparation.width, preparation.height, DIGEST_SIDE)), preparation)


class Opened(NamedTuple):
    """A picture with all that is kept of it.

    Args:
        pixels: As `open_picture` gives them.
        digest: 16 bytes that stand for its content.
        print: By which it is compared and judged, a record of `PRINT`.
    """

    pixels: NDArray[np.uint8]
    digest: bytes
    print: NDArray[np.void]


def open_with_digest(source: Source, preparation: Preparation) -> Opened:
    """As `open_picture`, with a digest of the picture's content and its print.

    The digest is taken from the decoded pixels, so that it is the same for the same picture in another file or another
    lossless format, and neither it nor the print depends on the preparation. Large JPEGs are decoded at the reduced
    scale that leaves at least 256 pixels a side.
    """
    side = max(preparation.width, preparation.height, DIGEST_SIDE)
    picture, full_size = _decode(source, side)
    pixels = fit_picture(picture, preparation)
    if side > DIGEST_SIDE and min(picture.size) >= 2 * DIGEST_SIDE and _is_jpeg(source):
        picture = decode(source, DIGEST_SIDE)
    return Opened(pixels, digest(picture), take_print(picture, full_size))


def size_of(source: Source) -> tuple[int, int]:
    """(width, height) of a picture as its file says, had without decoding it; raises as `open_picture`."""
    if isinstance(source, np.ndarray):
        return source.shape[1], source.shape[0]
    with recognised(source) as picture:
        return picture.size


def _is_jpeg(source: Source) -> bool:
    """Whether a picture is of the one kind that is decoded at a reduced scale."""
    if isinstance(source, np.ndarray):
        return False
    with recognised(source) as picture:
        return picture.format in ("JPEG", "MPO")


def digest(picture: Image.Image) -> bytes:
    """16 bytes that stand for the pixels of an RGB picture."""
    state = hashlib.blake2b(f"{picture.width}x{picture.height}".encode(), digest_size=16)
    state.update(picture.tobytes())
    return state.digest()


def decode(source: Source, least_side: int) -> Image.Image:
    """Decode a picture, upright and in RGB; a large JPEG at a reduced scale with at least `least_side` pixels a side.

    Raises:
        PictureError: When it cannot be opened; the message gives the reason.
    """
    return _decode(source, least_side)[0]


def _decode(source: Source, least_side: int) -> tuple[Image.Image, tuple[int, int]]:
    """As `decode`, with the (width, height) of the upright picture at full scale."""
    if isinstance(source, np.ndarray):
        picture = _from_array(source)
        return picture, picture.size
    with recognised(source) as opened:
        size = opened.size
        if size[0] * size[1] > PIXEL_LIMIT:
            raise Image.DecompressionBombError
        opened.draft(None, (least_side, least_side))
        opened.load()
        orientation = _orientation(opened)
        return _upright(_to_rgb(opened), orientation), size[::-1] if orientation >= 5 else size


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "F":
        raise PictureError("32-bit float pixels have no agreed range: save it with 8 or 16 bits")
    if picture.mode.startswith("I"):  # 16 bits, which Pillow may hold in 32
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
    except Exception:  # a damaged EXIF block raises whatever its parser stumbles over; the picture itself may be sound
        return 1


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    method = _TRANSPOSE.get(orientation)
    return picture if method is None else picture.transpose(method)


def _from_array(pixels: NDArray[np.uint8]) -> Image.Image:
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or channels not in (1, 3, 4) or 0 in pixels.shape:
        raise PictureError(
            "an array must be uint8 of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), "
            f"got {pixels.dtype} {pixels.shape}"
        )
    return _to_rgb(Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and channels == 1 else pixels))
