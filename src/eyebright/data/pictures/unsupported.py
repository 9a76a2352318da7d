"""Names of the formats that cannot be opened, recognised by the first bytes of a file, for the error message."""

import re
from contextlib import suppress
from typing import BinaryIO

from PIL import TiffImagePlugin

START_BYTES = 4096  # what `name_of` looks at, except for the directory of a TIFF file

HTML_PAGE = "an HTML page"
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_BRANDS = {b"crx ": "a camera raw file (CR3)", b"jxl ": "a JPEG XL image", b"avif": "an AVIF image"}
_SIGNATURES = (
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
    (b"II\xbc", "a JPEG XR image"),
    (b"8BPS", "a Photoshop file (PSD)"),
    (b"gimp xcf", "a GIMP file (XCF)"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript file (EPS)"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file (EPS)"),
    (b"v/1\x01", "an OpenEXR image"),
    (b"#?RADIANCE", "a Radiance HDR image"),
    (b"SIMPLE  =", "a FITS image"),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile (WMF)"),
    (b"FUJIFILMCCD-RAW", "a camera raw file (RAF)"),
    (b"IIU\0", "a camera raw file (RW2)"),
    (b"IIRO", "a camera raw file (ORF)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"version https://git-lfs", "a Git LFS pointer: run `git lfs pull`; the file"),
)
_SAMPLES = {1: "unsigned integers", 2: "signed integers", 3: "floats"}
BITS, _SAMPLE_FORMAT = 258, 339  # TIFF 6.0
NO_RANGE = "which have no fixed range: convert it to 8 or 16 bits"  # what to say of other numbers


def is_heic(start: bytes) -> bool:
    """Whether a file starts as HEIC does: with a box `ftyp` and a brand (ISO/IEC 23008-12, 10.2)."""
    return start[4:8] == b"ftyp" and start[8:12] in _HEIC_BRANDS


def name_of(start: bytes, content: BinaryIO | None = None) -> str | None:
    """What a file is that Pillow does not recognise, with an article; None if that is not known.

    Args:
        start: Its first `START_BYTES` bytes.
        content: The whole file, for the kinds of TIFF.
    """
    for signature, name in _SIGNATURES:
        if start.startswith(signature):
            return name
    if start[128:132] == b"DICM":
        return "a DICOM image"
    if start[4:8] == b"ftyp":
        return _BRANDS.get(start[8:12], "a video (MP4 or QuickTime)")
    if start[:4] == b"RIFF" and start[8:12] in (b"AVI ", b"WAVE"):
        return "a video or sound (RIFF)"
    if start[:4] in TiffImagePlugin.PREFIXES:
        return _kind_of_tiff(content)
    if re.search(rb"<svg[\s>]", start):
        return "an SVG drawing"
    if re.match(rb"\s*<(!doctype html|html)", start, re.IGNORECASE):
        return HTML_PAGE
    return None


def samples_of(tags: "TiffImagePlugin.ImageFileDirectory_v2") -> str | None:
    """The kind of numbers that a TIFF file stores, unless they are unsigned integers of at most 16 bits."""
    bits, sample = (_first(tags.get(tag), default) for tag, default in ((BITS, 1), (_SAMPLE_FORMAT, 1)))
    if sample in (1, 4) and bits <= 16:  # 4: undefined
        return None
    return f"a TIFF of {bits}-bit {_SAMPLES.get(sample, 'complex numbers')}"


def _kind_of_tiff(content: BinaryIO | None) -> str:
    if content is not None:
        with suppress(Exception):  # the directory may be damaged in many ways
            content.seek(0)
            tags = TiffImagePlugin.ImageFileDirectory_v2(content.read(8))
            content.seek(tags.next)
            tags.load(content)
            bits = tags.get(BITS, (1,))
            return samples_of(tags) or f"a TIFF with {len(bits)} channels of {bits[0]} bits in an unusual form"
    return "a TIFF of an unusual kind"


def _first(value: object, default: int) -> int:
    first = value[0] if isinstance(value, tuple) and value else value
    return first if isinstance(first, int) else default
