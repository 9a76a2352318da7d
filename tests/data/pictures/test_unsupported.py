import io

import numpy as np
import pytest
from tests.data.pictures.making import tiff

from eyebright.data.pictures import Preparation, open_picture
from eyebright.data.pictures.unsupported import is_heic, name_of
from eyebright.system.errors import PictureError


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (bytes.fromhex("ff0a fa1f"), "a JPEG XL image"),
        (bytes.fromhex("0000000c 4a584c20 0d0a870a 00000014 66747970 6a786c20"), "a JPEG XL image"),
        (b'<?xml version="1.0"?>\n<!-- made by hand -->\n<svg width="9">', "an SVG drawing"),
        (b"8BPS\0\1", r"a Photoshop file \(PSD\)"),
        (bytes(128) + b"DICM\2\0\0\0UL", "a DICOM image"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", r"a video \(MP4 or QuickTime\)"),
        (b"\0\0\0\x14ftypqt  ", r"a video \(MP4 or QuickTime\)"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", r"a camera raw file \(CR3\)"),
        (b"RIFF\x24\0\0\0AVI LIST", r"a video or sound \(RIFF\)"),
        (b"v/1\x01\2\0\0\0", "an OpenEXR image"),
        (b"SIMPLE  =                    T", "a FITS image"),
        (b"PK\x03\x04\x14\0", "a ZIP archive or an Office document"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "a Git LFS pointer: run `git lfs",
        ),
    ],
)
def test_files_of_other_formats_are_named(start, name):
    with pytest.raises(PictureError, match=f"^{name}.* is not supported: convert it to PNG or JPEG$"):
        open_picture(start + bytes(300), Preparation(width=4, height=4))


def test_a_page_is_no_image_and_needs_no_conversion():
    with pytest.raises(PictureError, match=r"^an HTML page, not an image: .*; give the image itself$"):
        open_picture(b"<!DOCTYPE html>\n<html>", Preparation(width=4, height=4))


def test_what_is_not_known_has_no_name():
    assert name_of(b"these are words") is None
    assert name_of(b"") is None


def test_heic_is_recognised_by_its_brand():
    assert is_heic(b"\0\0\0\x18ftypheic\0\0\0\0")
    assert not is_heic(b"\0\0\0\x18ftypisom\0\0\0\0")


def test_a_tiff_that_pillow_cannot_read_is_described():
    values = np.zeros((4, 5, 3))
    assert name_of(b"II*\0", io.BytesIO(tiff(values.astype("<f2")))) == "a TIFF of 16-bit floats"
    assert name_of(b"MM\0*", io.BytesIO(tiff(values.astype(">u2"), t262=32_803))) == (
        "a TIFF with 3 channels of 16 bits in an unusual form"
    )
    assert name_of(b"II*\0", io.BytesIO(b"II*\0\xff\xff\xff\xff")) == "a TIFF of an unusual kind"
