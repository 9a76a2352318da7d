import io

import numpy as np
import pytest
from PIL import Image

from eyebright.data.pictures import Preparation, open_picture
from eyebright.data.pictures.holes import has_hole
from eyebright.system.errors import PictureError

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))


def jpeg(picture: Image.Image = NOISE, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", **options)
    return file.getvalue()


def holed(content: bytes, size: int = 300) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(size) + content[middle + size :]


@pytest.mark.parametrize("options", [{}, {"quality": 95}, {"subsampling": 0}, {"comment": b"x" * 500}])
def test_zeros_in_the_middle_are_found_and_the_decoder_does_not_notice(options):
    content = jpeg(**options)
    assert not has_hole(content)
    assert has_hole(holed(content))
    Image.open(io.BytesIO(holed(content))).load()


@pytest.mark.parametrize(
    "content",
    [
        jpeg(Image.new("RGB", (2000, 2000), "white"), optimize=True),
        jpeg(comment=bytes(1000)),
        jpeg() + bytes(1000),
        holed(jpeg(progressive=True)),
        holed(jpeg(), 200),
        jpeg()[:300] + bytes(1000),
        bytes(1000),
        b"\xff\xd8\xff\xc4\x00" + bytes(1000),
        b"",
    ],
    ids=["white", "comment", "behind", "progressive", "short", "no end", "no image", "broken table", "empty"],
)
def test_zeros_that_may_be_meant_are_no_hole(content):
    assert not has_hole(content)


def test_the_white_image_has_a_run_of_zeros_as_long_as_a_hole():
    assert bytes(256) in jpeg(Image.new("RGB", (2000, 2000), "white"), optimize=True)


def test_an_image_with_a_hole_is_not_opened():
    with pytest.raises(PictureError, match="damaged: there are zeros in the middle of the file"):
        open_picture(holed(jpeg()), Preparation(width=8, height=8))
