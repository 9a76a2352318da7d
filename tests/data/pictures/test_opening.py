import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from eyebright.data.pictures import Preparation, decode, open_picture, open_with_digest, size_of, sizes_of, take_prints
from eyebright.system.errors import PictureError

TINY = Preparation(width=8, height=8)


# What is stored under each orientation, from the table of EXIF 2.32 (tag 274): where row 0 and column 0 lie.
STORED = {
    1: lambda upright: upright,  # top, left
    2: lambda upright: upright[:, ::-1],  # top, right
    3: lambda upright: upright[::-1, ::-1],  # bottom, right
    4: lambda upright: upright[::-1],  # bottom, left
    5: lambda upright: upright.swapaxes(0, 1),  # left, top
    6: lambda upright: upright[:, ::-1].swapaxes(0, 1),  # right, top
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),  # right, bottom
    8: lambda upright: upright[::-1].swapaxes(0, 1),  # left, bottom
}


FORMATS = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "TIFF": {},
    "WEBP": {"lossless": True},
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", FORMATS)
def test_every_orientation_is_turned_upright(blocks, encode, as_is, kind, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    stored = np.ascontiguousarray(STORED[orientation](blocks))
    opened = open_picture(encode(stored, kind, exif=exif, **FORMATS[kind]), as_is(blocks))
    np.testing.assert_allclose(opened, blocks, atol=5 if kind == "JPEG" else 0)


@pytest.mark.parametrize("orientation", [0, 9, 60_000])
def test_an_unknown_orientation_is_ignored(blocks, encode, as_is, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    np.testing.assert_array_equal(open_picture(encode(blocks, "PNG", exif=exif), as_is(blocks)), blocks)


def test_an_image_with_damaged_exif_is_opened(blocks, encode, as_is):
    content = encode(blocks, "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff broken")
    np.testing.assert_array_equal(open_picture(content, as_is(blocks)), blocks)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "TGA", "PPM", "JPEG2000"])
def test_lossless_formats_give_their_pixels(blocks, encode, as_is, kind):
    options = {"WEBP": {"lossless": True}, "JPEG2000": {"irreversible": False}}.get(kind, {})
    np.testing.assert_array_equal(open_picture(encode(blocks, kind, **options), as_is(blocks)), blocks)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_grey_is_three_equal_channels(blocks, encode, as_is, kind):
    grey = np.ascontiguousarray(blocks[:, :, 0])
    opened = open_picture(encode(grey, kind), as_is(grey))
    np.testing.assert_allclose(opened, grey[:, :, None].repeat(3, axis=2), atol=2 if kind == "JPEG" else 0)


def test_one_bit_is_black_and_white(encode, as_is):
    bits = np.indices((9, 13)).sum(axis=0) % 3 == 0
    opened = open_picture(encode(Image.fromarray(bits), "PNG"), as_is(bits))
    np.testing.assert_array_equal(opened, bits[:, :, None].repeat(3, axis=2) * 255)


@pytest.mark.parametrize("transparency", [None, 1, bytes([255, 0, 255])])
def test_a_palette_gives_its_colours_and_white_where_it_is_transparent(encode, as_is, transparency):
    colours = np.array([[10, 200, 30], [90, 80, 70], [0, 0, 255]], np.uint8)
    indices = np.indices((6, 9)).sum(axis=0).astype(np.uint8) % 3
    picture = Image.fromarray(indices)
    picture.putpalette(colours.tobytes())
    options = {} if transparency is None else {"transparency": transparency}
    opened = open_picture(encode(picture, "PNG", **options), as_is(indices))
    if transparency is not None:
        colours[1] = 255
    np.testing.assert_array_equal(opened, colours[indices])


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_transparency_lies_over_white(encode, as_is, kind, channels):
    pixels = np.random.default_rng(channels).integers(0, 256, (16, 20, channels), np.uint8)
    colour, alpha = pixels[:, :, :-1].astype(float), pixels[:, :, -1:] / 255
    opened = open_picture(encode(pixels, kind), as_is(pixels))
    np.testing.assert_allclose(opened, np.broadcast_to(colour * alpha + 255 * (1 - alpha), (16, 20, 3)), atol=1)


def test_a_transparent_colour_of_an_opaque_picture_is_white(blocks, encode, as_is):
    opened = open_picture(encode(blocks, "PNG", transparency=tuple(blocks[0, 0].tolist())), as_is(blocks))
    assert (opened[:16, :16] == 255).all()
    np.testing.assert_array_equal(opened[16:], blocks[16:])


def test_cmyk_jpeg_is_ink_on_white_paper(encode, as_is):
    ink = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 255, 0], [0, 0, 0, 255], [0, 0, 0, 102]]], np.uint8)
    pixels = ink.repeat(16, axis=0).repeat(16, axis=1)
    picture = Image.frombytes("CMYK", (80, 16), pixels.tobytes())
    opened = open_picture(encode(picture, "JPEG", quality=95), as_is(pixels))
    wanted = [[255, 255, 255], [0, 255, 255], [255, 0, 0], [0, 0, 0], [153, 153, 153]]
    np.testing.assert_allclose(opened[8, 8::16], wanted, atol=4)


def sixteen_bits() -> np.ndarray:
    return np.arange(0, 65_536, 23, np.uint16)[:2_800].reshape(40, 70)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PGM"])
def test_sixteen_bits_are_scaled_to_eight(encode, as_is, kind, order):
    wide = sixteen_bits()
    if kind == "PGM":
        content = b"P5 70 40 65535\n" + wide.astype(">u2").tobytes()
    else:
        content = encode(Image.fromarray(wide.astype(f"{order}u2")), kind)
    opened = open_picture(content, as_is(wide))
    np.testing.assert_array_equal(opened, np.rint(wide / 65_535 * 255)[:, :, None].repeat(3, axis=2))


def test_ten_bits_are_scaled_to_eight(as_is):
    wide = np.arange(1_024).reshape(32, 32)
    opened = open_picture(b"P5 32 32 1023\n" + wide.astype(">u2").tobytes(), as_is(wide))
    np.testing.assert_allclose(opened[:, :, 1], wide / 1_023 * 255, atol=1)


@pytest.mark.parametrize("kind", ["PNG", "PPM"])
def test_sixteen_bit_colours_are_scaled_to_eight(png, blocks, as_is, kind):
    wide = blocks.astype(">u2") * 257
    rows = [row.astype(">u2").tobytes() for row in wide]
    content = png(80, 48, 16, 2, rows) if kind == "PNG" else b"P6 80 48 65535\n" + b"".join(rows)
    np.testing.assert_array_equal(open_picture(content, as_is(blocks)), blocks)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation_is_taken(encode, kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert (open_picture(content, TINY) == (255, 0, 0)).all()


@pytest.mark.parametrize("progressive", [False, True])
def test_a_large_jpeg_is_decoded_in_full(photo, encode, progressive):
    content = encode(photo(2_100, 1_100), "JPEG", quality=90, progressive=progressive)
    np.testing.assert_array_equal(decode(content), Image.open(io.BytesIO(content)))


def test_a_preparation_larger_than_the_digest_gets_all_of_its_detail(encode):
    stripes = np.zeros((1_200, 1_200, 3), np.uint8)
    stripes[:, ::2] = 255  # gone at half the scale
    opened = open_picture(encode(stripes, "JPEG", quality=95), Preparation(width=1_200, height=1_200))
    np.testing.assert_allclose(opened, stripes, atol=20)


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(lambda blocks: blocks[:, :, 0], id="H W"),
        pytest.param(lambda blocks: blocks[:, :, :1], id="H W 1"),
        pytest.param(lambda blocks: blocks, id="H W 3"),
        pytest.param(lambda blocks: blocks[::-1, ::2], id="a view with steps"),
        pytest.param(np.asfortranarray, id="columns first"),
    ],
)
def test_arrays_keep_their_pixels(blocks, as_is, pixels):
    pixels = pixels(blocks)
    wanted = pixels if pixels.ndim == 3 else pixels[:, :, None]
    np.testing.assert_array_equal(open_picture(pixels, as_is(pixels)), np.broadcast_to(wanted, (*wanted.shape[:2], 3)))


def test_an_array_with_alpha_lies_over_white(as_is):
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8)
    np.testing.assert_array_equal(open_picture(pixels, as_is(pixels)), [[[10, 20, 30], [255, 255, 255]]])


@pytest.mark.parametrize(
    ("source", "received"),
    [
        (None, "got None"),
        (7, "got an int"),
        ({"image": 1}, "got a dict"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"got uint8 \(1, 4, 4, 3\), expected uint8 \(H, W\)"),
    ],
)
def test_what_is_no_image_is_refused_with_what_is_expected(source, received):
    with pytest.raises(PictureError, match=rf"expected the path or the bytes.*{received}|{received}"):
        open_picture(source, Preparation(width=4, height=4))


def test_an_image_that_pillow_has_opened_is_one_of_its_file(blocks, as_is, encode):
    """Also a palette, whose numbers are no colours, and the orientation in EXIF; and it stays open."""
    exif = Image.Exif()
    exif[0x0112] = 6
    for content in (encode(blocks, "PNG", exif=exif), encode(Image.fromarray(blocks).quantize(16), "PNG")):
        picture = Image.open(io.BytesIO(content))
        expected = open_picture(content, as_is(blocks))
        np.testing.assert_array_equal(open_picture(picture, as_is(blocks)), expected)
        np.testing.assert_array_equal(open_picture(picture, as_is(blocks)), expected)


def test_path_str_bytes_and_file_give_the_same_pixels(tmp_path, blocks, encode, as_is):
    path = tmp_path / "Schöne Blüte 花\n🌼.png"
    path.write_bytes(encode(blocks, "PNG"))
    with path.open("rb") as file:
        for source in (path, str(path), path.read_bytes(), file):
            np.testing.assert_array_equal(open_picture(source, as_is(blocks)), blocks)
        assert not file.closed


def test_a_stream_that_cannot_go_back_is_read(stream, blocks, encode, as_is):
    np.testing.assert_array_equal(open_picture(stream(encode(blocks, "PNG")), as_is(blocks)), blocks)


def test_size_of_reads_width_then_height_as_stored(png, blocks):
    assert (size_of(png(31, 17)), size_of(blocks)) == ((31, 17), (80, 48))


@pytest.mark.parametrize("folder", ["flowers", "traffic_signs"])
def test_real_images_are_opened_as_by_pillow(real_pictures, folder):
    found = (Path(place, name) for place, _, names in os.walk(real_pictures / folder) for name in sorted(names))
    pictures = [path for path in found if path.suffix.lower() in (".jpg", ".png", ".ppm")][::50][:20]
    assert pictures
    for path in pictures:
        with Image.open(path) as picture:
            wanted = ImageOps.exif_transpose(picture).convert("RGB")
        opened = open_picture(path, Preparation(width=wanted.width, height=wanted.height))
        np.testing.assert_array_equal(opened, wanted)


def test_the_digest_is_the_same_in_every_lossless_file(blocks, encode):
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


@pytest.mark.parametrize("size", [(300, 200), (512, 600), (600, 530), (1_100, 1_030), (1_700, 515), (2_200, 2_100)])
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
    assert len({(one.digest, take_prints([one.look]).tobytes()) for one in opened}) == 1
    for preparation, (pixels, _, _) in zip(preparations, opened, strict=True):
        np.testing.assert_array_equal(pixels, open_picture(content, preparation))


def test_sizes_of_reads_the_size_as_it_is_seen_and_as_it_is_stored(tmp_path, blocks):
    exif = Image.Exif()
    for orientation, upright in [(1, (31, 17)), (3, (31, 17)), (6, (17, 31)), (8, (17, 31))]:
        exif[0x0112] = orientation
        Image.new("RGB", (31, 17)).save(tmp_path / "a.jpg", exif=exif)
        assert sizes_of(tmp_path / "a.jpg") == (upright, (31, 17))
        assert decode(tmp_path / "a.jpg").size == upright
    assert sizes_of(blocks) == ((80, 48), (80, 48))
