import io
import sys

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from eyebright.data.pictures import Preparation, open_picture
from eyebright.system.errors import PictureError

SIZE = Preparation(width=48, height=32)


@pytest.fixture(scope="module")
def pixels():
    """Four quarters of different colours, so that no turn or mirror looks the same."""
    quarters = np.array([[[250, 10, 10], [10, 240, 10]], [[10, 10, 250], [240, 240, 240]]], np.uint8)
    return quarters.repeat(16, axis=0).repeat(24, axis=1)


def heic(pixels, **options) -> bytes:
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(stream, quality=-1, chroma=444, **options)
    return stream.getvalue()


def test_heic_opens_by_content_whatever_it_is_called(pixels, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(heic(pixels))
    for source in (tmp_path / "photo.jpg", str(tmp_path / "photo.jpg"), heic(pixels), io.BytesIO(heic(pixels))):
        np.testing.assert_allclose(open_picture(source, SIZE), pixels, atol=6)


def test_a_turned_heic_comes_upright(pixels):
    exif = Image.Exif()
    exif[274] = 6  # row 0 is the right side
    stored = np.ascontiguousarray(pixels[:, ::-1].swapaxes(0, 1))
    np.testing.assert_allclose(open_picture(heic(stored, exif=exif.tobytes()), SIZE), pixels, atol=6)


def test_a_broken_heic_is_damaged(pixels):
    for end in (12, 40, -200):
        with pytest.raises(PictureError, match="damaged"):
            open_picture(heic(pixels)[:end], SIZE)


def test_without_the_extra_the_error_says_what_to_install(pixels, monkeypatch):
    picture = heic(pixels)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match=r"HEIC picture: pip install 'eyebright\[heic\]'"):
        open_picture(picture, SIZE)


@pytest.mark.parametrize("kind", ["AVIF", "WEBP", "TIFF", "PPM"])
def test_other_formats_open_by_content(pixels, tmp_path, kind):
    options = {"AVIF": {"quality": 100, "subsampling": "4:4:4"}, "WEBP": {"lossless": True}}.get(kind, {})
    Image.fromarray(pixels).save(tmp_path / "a.bin", kind, **options)
    np.testing.assert_allclose(open_picture(tmp_path / "a.bin", SIZE), pixels, atol=6)
