"""What kind of picture a file is, and what is wrong with one that cannot be opened."""

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

File: TypeAlias = str | Path | bytes | BinaryIO

PIXEL_LIMIT = 178_956_970  # Pillow's own limit against decompression bombs: half a gigabyte once decoded

# Formats that Pillow decodes by itself, the common ones first: Pillow loads the others' code when it comes to them.
# Left out: EPS (starts Ghostscript), stubs, and containers that are no pictures. MPO comes with JPEG.
FORMATS = (
    "JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM", "TIFF", "AVIF", "BLP", "CUR", "DDS", "DIB", "FLI", "ICNS", "ICO", "IM",
    "JPEG2000", "MSP", "PCX", "QOI", "SGI", "SPIDER", "SUN", "TGA", "XBM", "XPM",
)  # fmt: skip
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

# Between half of the limit and the limit Pillow only warns; the limit itself is an error here.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@contextmanager
def recognised(source: File) -> Iterator[Image.Image]:
    """Open a file, and turn whatever goes wrong with it, here or in the block, into a `PictureError`."""
    try:
        with _undecoded(source) as picture:
            yield picture
    except PictureError:
        raise
    except Image.DecompressionBombError as problem:
        raise PictureError(f"too large: more than {PIXEL_LIMIT / 1e6:.0f} million pixels") from problem
    except UnidentifiedImageError as problem:
        raise PictureError(_why_unknown(source)) from problem
    except FileNotFoundError as problem:
        raise PictureError("file not found") from problem
    except OSError as problem:
        raise PictureError(problem.strerror or f"damaged: {problem}") from problem
    except Exception as problem:  # Pillow's parsers raise a dozen kinds on broken files
        raise PictureError(f"damaged: {problem}") from problem


def _undecoded(source: File) -> Image.Image:
    """The picture, not yet decoded; what decodes HEIC is only loaded when there is one."""
    if isinstance(source, str | Path):
        kind = os.stat(source).st_mode  # noqa: PTH116 - a Path for each of a million files costs seconds
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):  # of a folder, the system has the better words
            raise PictureError("not a file but a pipe, socket or device")  # which might be waited for without end
    try:
        return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
    except UnidentifiedImageError:
        if not _is_heic(source):
            raise
    try:
        import pillow_heif
    except ImportError as problem:
        raise PictureError("a HEIC picture: pip install 'eyebright[heic]' to open it") from problem
    pillow_heif.register_heif_opener()
    try:
        return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=("HEIF",))
    except UnidentifiedImageError as problem:
        raise PictureError("damaged: it begins as a HEIC picture does, but cannot be read as one") from problem


def _is_heic(source: File) -> bool:
    """Whether a file begins as HEIC does: a box `ftyp` and a brand (ISO/IEC 23008-12, 10.2)."""
    if isinstance(source, bytes):
        start = source[:12]
    elif isinstance(source, str | Path):
        with Path(source).open("rb") as file:
            start = file.read(12)
    elif source.seekable():
        source.seek(0)
        start = source.read(12)
    else:
        return False
    return start[4:8] == b"ftyp" and start[8:] in _HEIC_BRANDS


def _why_unknown(source: File) -> str:
    """An empty file is the commonest of all that are no pictures, and worth its own words."""
    if isinstance(source, bytes):
        empty = not source
    elif isinstance(source, str | Path):
        empty = Path(source).stat().st_size == 0
    else:
        empty = source.seekable() and source.seek(0, io.SEEK_END) == 0
    return "empty file" if empty else "not a picture in a format that can be read"
