"""The image formats that can be opened, and clear errors for files that cannot."""

import io
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

from PIL import Image, UnidentifiedImageError

from eyebright.system.errors import PictureError

ImageFile: TypeAlias = str | Path | bytes | BinaryIO | Image.Image
"""A file with an image: its path, its bytes, or an open binary file; or what Pillow has opened."""

PIXEL_LIMIT = 178_956_970  # Pillow's limit against decompression bombs: half a gigabyte when decoded

# The formats that Pillow decodes without help, common ones first: Pillow imports the others when it tries them.
# Not included: EPS (starts Ghostscript), stubs, and containers that are not images. MPO comes with JPEG.
FORMATS = (
    "JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM", "TIFF", "AVIF", "BLP", "CUR", "DDS", "DIB", "FLI", "ICNS", "ICO", "IM",
    "JPEG2000", "MSP", "PCX", "QOI", "SGI", "SPIDER", "SUN", "TGA", "XBM", "XPM",
)  # fmt: skip
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

# Pillow warns above half of the limit; only the limit itself is an error here.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@contextmanager
def opened(file: ImageFile) -> Iterator[Image.Image]:
    """Open a file without decoding it; any problem, here or in the `with` block, becomes a `PictureError`."""
    try:
        with _undecoded(file) as picture:
            yield picture
    except PictureError:
        raise
    except Image.DecompressionBombError as problem:
        raise PictureError(f"too large: more than {PIXEL_LIMIT / 1e6:.0f} million pixels") from problem
    except UnidentifiedImageError as problem:
        raise PictureError("empty file" if _is_empty(file) else "not an image in a supported format") from problem
    except FileNotFoundError as problem:
        raise PictureError("file not found") from problem
    except OSError as problem:
        raise PictureError(problem.strerror or f"damaged: {problem}") from problem
    except Exception as problem:  # Pillow's parsers raise a dozen types on broken files
        raise PictureError(f"damaged: {problem}") from problem


def _undecoded(file: ImageFile) -> Image.Image:
    """The image, not yet decoded. The HEIC decoder is only imported for a HEIC file."""
    if isinstance(file, Image.Image):
        return file.copy()  # the caller's stays open
    if isinstance(file, str | Path):
        mode = os.stat(file).st_mode  # noqa: PTH116 - a Path for each of a million files takes seconds
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # for a folder, the system's own message is good
            raise PictureError("not a regular file: a pipe, socket or device")  # reading one could block forever
    elif not isinstance(file, bytes) and not hasattr(file, "read"):
        raise PictureError(
            "expected the path or the bytes of a file, an open binary file, an array or an image of Pillow, got "
            f"{'None' if file is None else f'a {type(file).__name__}'}"
        )
    try:
        return Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=FORMATS)
    except UnidentifiedImageError:
        if not _is_heic(file):
            raise
    try:
        import pillow_heif
    except ImportError as problem:
        raise PictureError("a HEIC image: pip install 'eyebright[heic]' to open it") from problem
    pillow_heif.register_heif_opener()
    try:
        return Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=("HEIF",))
    except UnidentifiedImageError as problem:
        raise PictureError("damaged: it starts as a HEIC image, but cannot be opened as one") from problem


def _is_heic(file: str | Path | bytes | BinaryIO) -> bool:
    """Whether a file starts as HEIC does: with a box `ftyp` and a brand (ISO/IEC 23008-12, 10.2)."""
    if isinstance(file, bytes):
        start = file[:12]
    elif isinstance(file, str | Path):
        with Path(file).open("rb") as stream:
            start = stream.read(12)
    elif file.seekable():
        file.seek(0)
        start = file.read(12)
    else:
        return False
    return start[4:8] == b"ftyp" and start[8:] in _HEIC_BRANDS


def _is_empty(file: ImageFile) -> bool:
    if isinstance(file, Image.Image):
        return False
    if isinstance(file, bytes):
        return not file
    if isinstance(file, str | Path):
        return Path(file).stat().st_size == 0
    return file.seekable() and file.seek(0, io.SEEK_END) == 0
