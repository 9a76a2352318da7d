import hashlib

import numpy as np
import pytest
from PIL import Image

from eyebright.data.pictures import Preparation, digest, open_picture, open_with_digest

TINY = Preparation(width=8, height=8)


def test_a_digest_is_blake2b_of_size_and_pixels(blocks):
    wanted = hashlib.blake2b(b"80x48" + blocks.tobytes(), digest_size=16).digest()
    assert digest(Image.fromarray(blocks)) == wanted


def test_the_digest_is_that_of_the_content_in_any_lossless_file(blocks, encode):
    exif = Image.Exif()
    exif[274] = 6
    turned = np.ascontiguousarray(np.rot90(blocks))
    sources = [
        blocks,
        *(encode(blocks, kind) for kind in ("PNG", "BMP", "TIFF", "PPM")),
        encode(blocks, "PNG", compress_level=0),
        encode(np.dstack([blocks, np.full(blocks.shape[:2], 255, np.uint8)]), "PNG"),
        encode(turned, "PNG", exif=exif),
    ]
    assert len({open_with_digest(source, TINY)[1] for source in sources}) == 1


def test_the_digest_changes_with_one_value_of_one_pixel(blocks):
    changed = blocks.copy()
    changed[47, 79, 2] ^= 1
    assert open_with_digest(blocks, TINY)[1] != open_with_digest(changed, TINY)[1]


def test_the_digest_changes_with_the_proportions(blocks):
    assert open_with_digest(blocks, TINY)[1] != open_with_digest(blocks.reshape(80, 48, 3), TINY)[1]


@pytest.mark.parametrize("size", [(300, 200), (600, 530), (1_100, 1_030), (1_700, 515), (2_200, 2_100)])
@pytest.mark.parametrize("kind", ["JPEG", "BMP"])
def test_digest_and_print_do_not_depend_on_the_preparation(photo, encode, kind, size):
    content = encode(photo(*size), kind)
    preparations = [
        TINY,
        Preparation(width=256, height=200, fit="pad"),
        Preparation(width=257, height=257),
        Preparation(width=300, height=512, fit="stretch"),
        Preparation(width=1_100, height=64),
    ]
    opened = [open_with_digest(content, preparation) for preparation in preparations]
    assert len({(one.digest, one.print.tobytes()) for one in opened}) == 1
    for preparation, (pixels, _, _) in zip(preparations, opened, strict=True):
        np.testing.assert_array_equal(pixels, open_picture(content, preparation))
