"""The image formats that can be opened, the bounds of what is opened, and clear errors for other files."""

import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, BinaryIO, TypeAlias

from PIL import Image, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError, _imaging
from PIL.ImageFile import ImageFile as PillowFile

from eyebright.data.pictures.holes import has_hole
from eyebright.data.pictures.unsupported import HTML_PAGE, NO_RANGE, START_BYTES, is_heic, name_of, samples_of
from eyebright.system.errors import PictureError
from eyebright.system.text import kind_of

ImageFile: TypeAlias = str | Path | bytes | BinaryIO | Image.Image
"""A file with an image: its path, its bytes, or an open binary file; or what Pillow has opened."""

PIXEL_LIMIT = 178_956_970  # Pillow's limit against decompression bombs: half a gigabyte when decoded
SLOW_PIXEL_LIMIT = 2**23  # for the formats that Pillow decodes in Python: a second for each million pixels
_SLOW_BYTE_LIMIT = 2**27
_SCAN_LIMIT = 100  # of a progressive JPEG, each of which takes as long as the whole image; encoders write 3 to 20
_ALONE_PIXELS = 2**25  # larger images are decoded one at a time, so that memory does not grow with the cores
_BLOCKS_KEPT = 8  # of 16 MB, Pillow's memory for large images; otherwise the kernel clears new pages for each image
_READ_AT_ONCE = 2**18  # bytes of a file
_TEXT_BYTES = 2**26  # of a PNG's texts and profile; the default of 1 MB is less than what some programs write

# The formats that Pillow decodes without help, common ones first: Pillow imports the others when it tries them.
# Not included: EPS (starts Ghostscript), stubs, and containers that are not images. MPO comes with JPEG.
FORMATS = (
    "JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM", "TIFF", "AVIF", "BLP", "CUR", "DDS", "DIB", "FLI", "ICNS", "ICO", "IM",
    "JPEG2000", "MSP", "PCX", "QOI", "SGI", "SPIDER", "SUN", "TGA", "XBM", "XPM",
)  # fmt: skip
_START_OF_SCAN = b"\xff\xda"  # of a JPEG; in compressed data 0xFF is followed by 0
_SUBFILE, _OLD_SUBFILE, _DNG = 254, 255, 50706  # tags of TIFF 6.0 and DNG 1.4
_FRAMES_SEARCHED = 32

# Pillow warns above half of the limit; only the limit itself is an error here.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, _TEXT_BYTES)
if _imaging.get_blocks_max() == 0:  # PILLOW_BLOCKS_MAX is not set
    _imaging.set_blocks_max(_BLOCKS_KEPT)
_alone = threading.Lock()


@contextmanager
def opened(file: ImageFile) -> Iterator[Image.Image]:
    """Open a file without decoding it; any problem, here or in the `with` block, becomes a `PictureError`."""
    try:
        if isinstance(file, Image.Image):  # at the frame that the caller has chosen, and not closed
            _check_samples(file)
            yield file
            return
        with _undecoded(file) as picture:
            _find_picture(picture)
            _check_samples(picture)
            yield picture
    except PictureError:
        raise
    except Image.DecompressionBombError as problem:
        raise PictureError(f"too large: more than {PIXEL_LIMIT / 1e6:.0f} million pixels") from problem
    except UnidentifiedImageError as problem:
        raise PictureError(_unidentified(file)) from problem
    except FileNotFoundError as problem:
        raise PictureError("file not found") from problem
    except OSError as problem:
        raise PictureError(problem.strerror or f"damaged: {problem}") from problem
    except Exception as problem:  # Pillow's parsers raise a dozen types on broken files
        raise PictureError(f"damaged: {problem}") from problem


def has_16_bits(picture: Image.Image) -> bool:
    """Whether an image that is not decoded yet has 16 bits for each channel, and its file does not say their range."""
    stored = picture.format in ("PNG", "TIFF", "SGI") and picture.mode != "CMYK"
    return stored and ";16" in str(getattr(picture, "tile", ""))


def load(picture: Image.Image) -> None:
    """Decode an opened image, unless that would take too much memory or time."""
    pixels = picture.width * picture.height
    if pixels > PIXEL_LIMIT:
        raise Image.DecompressionBombError
    if isinstance(picture, PillowFile) and picture.tile and picture.fp is not None:
        _check_time(picture, picture.fp)
        if picture.format in ("JPEG", "MPO") and has_hole(_whole(picture.fp)):
            raise PictureError("damaged: there are zeros in the middle of the file instead of image data")
    with _alone if pixels > _ALONE_PIXELS else nullcontext():
        picture.load()


def _check_time(picture: PillowFile, stream: IO[bytes]) -> None:
    """Refuse an image whose decoding could take minutes."""
    pixels = picture.width * picture.height
    in_python = any(tile.codec_name in Image.DECODERS for tile in picture.tile)
    if in_python and (pixels > SLOW_PIXEL_LIMIT or _size(stream) > _SLOW_BYTE_LIMIT):
        raise PictureError(
            f"too large for this kind of {picture.format}, which takes about a second for each million pixels "
            f"(here {pixels / 1e6:.0f}, allowed {SLOW_PIXEL_LIMIT / 1e6:.0f}): convert it to PNG"
        )
    if picture.info.get("progressive") and (scans := _whole(stream).count(_START_OF_SCAN)) > _SCAN_LIMIT:
        raise PictureError(f"a JPEG of {scans:,} scans, which take time (allowed: {_SCAN_LIMIT}): save it again")


def _undecoded(file: str | Path | bytes | BinaryIO) -> Image.Image:
    """The image, not yet decoded. The HEIC decoder is only imported for a HEIC file."""
    readable = _readable(file)
    try:
        return Image.open(readable, formats=FORMATS)
    except UnidentifiedImageError:
        with _content(file) as stream:
            if stream is None or not is_heic(stream.read(START_BYTES)):
                raise
    try:
        import pillow_heif
    except ImportError as problem:
        raise PictureError("a HEIC image: pip install 'eyebright[heic]' to open it") from problem
    pillow_heif.register_heif_opener()
    try:
        return Image.open(readable, formats=("HEIF",))
    except UnidentifiedImageError as problem:
        raise PictureError("damaged: it starts as a HEIC image, but cannot be opened as one") from problem


def _readable(file: str | Path | bytes | BinaryIO) -> str | Path | BinaryIO:
    """What Pillow reads of a file: a small one is read here by one call, for each call of a thread waits for others."""
    if isinstance(file, bytes):
        return io.BytesIO(file)
    if isinstance(file, str | Path):
        status = os.stat(file)  # noqa: PTH116 - a Path for each of a million files takes seconds
        if stat.S_ISREG(status.st_mode) and status.st_size <= _READ_AT_ONCE:
            with open(file, "rb", buffering=0) as stream:  # noqa: PTH123 - as above
                return io.BytesIO(stream.read())
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):  # of a folder, the system says enough
            raise PictureError("not a regular file: a pipe, socket or device")  # reading one could block forever
    elif not hasattr(file, "read"):
        raise PictureError(
            "expected the path or the bytes of a file, an open binary file, an array or an image of Pillow, got "
            + kind_of(file)
        )
    return file


def _find_picture(picture: Image.Image) -> None:
    """Go to the first image of a TIFF file that is no thumbnail."""
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return
    if _DNG in picture.tag_v2:
        raise PictureError("a camera raw file (DNG): convert it to PNG or JPEG")
    while picture.tag_v2.get(_SUBFILE, 0) & 1 or picture.tag_v2.get(_OLD_SUBFILE) == 2:
        if picture.tell() + 1 >= min(picture.n_frames, _FRAMES_SEARCHED):
            raise PictureError("a TIFF with only a thumbnail, perhaps a camera raw file: convert it to PNG or JPEG")
        picture.seek(picture.tell() + 1)


def _check_samples(picture: Image.Image) -> None:
    """Refuse the numbers of a TIFF file that have no fixed range."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile) and (kind := samples_of(picture.tag_v2)):
        raise PictureError(f"{kind}, {NO_RANGE}")


def _unidentified(file: ImageFile) -> str:
    """What to say about a file that Pillow does not recognise."""
    with _content(file) as stream:
        if stream is None:
            return "not an image in a supported format"
        start = stream.read(START_BYTES)
        name = name_of(start, stream)
    if name == HTML_PAGE:
        return f"{name}, not an image: the address may be that of a page which shows the image; give the image itself"
    if name is not None:
        return f"{name} is not supported: convert it to PNG or JPEG"
    return "not an image in a supported format" if start else "empty file"


@contextmanager
def _content(file: ImageFile) -> Iterator[BinaryIO | None]:
    """A file from its beginning; None for a stream that cannot go back."""
    if isinstance(file, bytes):
        yield io.BytesIO(file)
    elif isinstance(file, str | Path):
        with Path(file).open("rb") as stream:
            yield stream
    elif not isinstance(file, Image.Image) and file.seekable():
        file.seek(0)
        yield file
    else:
        yield None


def _size(stream: IO[bytes]) -> int:
    position = stream.tell()
    size = stream.seek(0, io.SEEK_END)
    stream.seek(position)
    return size


def _whole(stream: IO[bytes]) -> bytes:
    """All bytes of a file, whose position is kept."""
    position = stream.tell()
    stream.seek(0)
    content = stream.read()
    stream.seek(position)
    return content
