import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.data.pictures.making import (
    DISPLAY_P3,
    GAMMA,
    PROPHOTO,
    SRGB,
    cmyk_profile,
    grey_profile,
    rgb_profile,
    tiff,
    tiff_of_two,
)

from eyebright.data.pictures import Preparation, decode, open_with_digest
from eyebright.data.pictures.colours import to_rgb
from eyebright.system.errors import PictureError

RAMP = np.linspace(0, 65_535, 85).astype(int).reshape(5, 17)


def eight(values) -> np.ndarray:
    """What 16 bits are in 8, as grey in three channels."""
    return np.rint(np.asarray(values, float) / 65_535 * 255)[:, :, None].repeat(3, axis=2)


def opened(content) -> np.ndarray:
    return np.asarray(decode(content))


def encoded(linear) -> np.ndarray:
    """The curve of sRGB (IEC 61966-2-1) for light from 0 to 1, as 0 to 255."""
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bits_of_a_tiff(order):
    np.testing.assert_array_equal(opened(tiff(RAMP.astype(f"{order}u2"))), eight(RAMP))


def test_16_bits_where_0_is_white_are_no_negative():
    np.testing.assert_array_equal(opened(tiff(RAMP.astype("<u2"), t262=0)), eight(65_535 - RAMP))


def test_12_bits_of_a_tiff_use_the_whole_range():
    """Two pixels in three bytes: 0xFFF and 0x800."""
    content = bytearray(tiff(np.array([[0xFF, 0xF8, 0x00]], "u1"), t258=12, t256=2))
    np.testing.assert_array_equal(opened(bytes(content))[0, :, 0], [255, 128])


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("<i1", "a TIFF of 8-bit signed integers"),
        ("<i2", "a TIFF of 16-bit signed integers"),
        (">i2", "a TIFF of 16-bit signed integers"),
        ("<u4", "a TIFF of 32-bit unsigned integers"),
        (">u4", "a TIFF of 32-bit unsigned integers"),
        ("<i4", "a TIFF of 32-bit signed integers"),
        (">i4", "a TIFF of 32-bit signed integers"),
        ("<f2", "a TIFF of 16-bit floats"),
        (">f2", "a TIFF of 16-bit floats"),
        ("<f4", "a TIFF of 32-bit floats"),
        ("<f8", "a TIFF of 64-bit floats"),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_tiff_without_a_fixed_range_is_refused_by_its_name(kind, name, channels):
    values = RAMP % 100 if channels == 1 else (RAMP % 100)[:, :, None].repeat(3, axis=2)
    with pytest.raises(PictureError, match=rf"^{name}.*convert it to"):
        decode(tiff(values.astype(kind)))


def test_floats_and_32_bit_integers_of_other_formats_are_refused(encode):
    floats, integers = Image.fromarray(np.ones((4, 4), np.float32)), Image.fromarray(np.ones((4, 4), np.int32))
    for content, message in (
        (encode(floats, "SPIDER"), "SPIDER image of floats"),
        (integers, "Pillow image of 32-bit integers"),
    ):
        with pytest.raises(PictureError, match=f"^{message}, which have no fixed range: convert it to 8 or 16 bits"):
            decode(content)


def chunked(content: bytes, name: bytes, chunk: bytes) -> bytes:
    """A PNG with one more chunk, after its header."""
    whole = struct.pack(">I", len(chunk)) + name + chunk + struct.pack(">I", zlib.crc32(name + chunk))
    return content[:33] + whole + content[33:]


@pytest.mark.parametrize("largest", [1, 1_000, 4_095])
def test_12_bits_stored_in_16_are_refused_with_the_conversion(encode, png, largest):
    values = (RAMP.astype(np.int64) * largest // 65_535).astype(">u2")
    colour = png(17, 5, 16, 2, [row.repeat(3).tobytes() for row in values])
    for content in (encode(Image.fromarray(values.astype(np.uint16)), "PNG"), tiff(values), colour):
        if largest < 256 and content is colour:
            continue  # Pillow decodes the upper 8 bits, which are 0: nothing to see, and nothing to tell it by
        with pytest.raises(PictureError, match=r"at most 12 of 16 bits, .* becomes 65535, or save it in 8 bits"):
            decode(content)


@pytest.mark.parametrize("largest", [0, 4_096, 20_000])
def test_black_and_dark_images_of_16_bits_are_opened(encode, largest):
    values = (RAMP.astype(np.int64) * largest // 65_535).astype(np.uint16)
    np.testing.assert_array_equal(opened(encode(Image.fromarray(values), "PNG")), eight(values))


def test_the_range_that_a_pgm_declares_is_used():
    values = (RAMP.astype(np.int64) * 1_000 // 65_535).astype(">u2")
    content = b"P5 17 5 4095\n" + values.tobytes()  # dark, in 12 bits
    np.testing.assert_allclose(opened(content)[:, :, 0], values / 4_095 * 255, atol=1)


def test_a_thumbnail_in_front_of_a_tiff_is_not_the_picture():
    small, large = np.full((3, 4), 9, np.uint8), np.arange(60, dtype=np.uint8).reshape(6, 10)
    np.testing.assert_array_equal(opened(tiff_of_two(small, large, t254=1))[:, :, 0], large)
    np.testing.assert_array_equal(opened(tiff_of_two(small, large))[:, :, 0], small)  # two pages: the first


def test_a_tiff_with_only_a_thumbnail_is_refused():
    with pytest.raises(PictureError, match=r"only a thumbnail, perhaps a camera raw file"):
        decode(tiff(np.zeros((3, 4), np.uint8), t254=1))


COLOURS = np.random.default_rng(8).integers(0, 256, (9, 11, 3), np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("primaries", [DISPLAY_P3, PROPHOTO], ids=["Display P3", "ProPhoto"])
def test_colours_of_a_profile_become_srgb(encode, kind, primaries):
    content = encode(
        COLOURS, kind, icc_profile=rgb_profile(primaries), **({"lossless": True} if kind == "WEBP" else {})
    )
    light = (COLOURS / 255) ** GAMMA @ np.array(primaries).T @ np.linalg.inv(SRGB).T
    np.testing.assert_allclose(opened(content), encoded(light), atol=2.5)
    assert np.abs(opened(content).astype(int) - COLOURS).mean() > 5


def test_the_profile_of_a_jpeg_is_used_as_well(encode, blocks):
    content = encode(blocks, "JPEG", quality=95, icc_profile=rgb_profile(PROPHOTO))
    stored = np.asarray(Image.open(io.BytesIO(content)))
    light = (stored / 255) ** GAMMA @ np.array(PROPHOTO).T @ np.linalg.inv(SRGB).T
    np.testing.assert_allclose(opened(content), encoded(light), atol=2.5)


def test_a_profile_of_grey_is_used(encode):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    content = encode(levels, "PNG", icc_profile=grey_profile(1.75))
    np.testing.assert_allclose(opened(content)[:, :, 1], encoded((levels / 255) ** 1.75), atol=2.5)
    wide = Image.fromarray(levels.astype(np.uint16) * 257)
    np.testing.assert_array_equal(opened(encode(wide, "PNG", icc_profile=grey_profile(1.75))), opened(content))


def test_a_profile_of_inks_is_used(encode):
    """Cyan of L 60, a -30, b -40, converted to XYZ by the formulas of CIELAB."""
    ink = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 0, 0, 255]]], np.uint8).repeat(16, 0).repeat(16, 1)
    content = encode(Image.frombytes("CMYK", (48, 16), ink.tobytes()), "TIFF", icc_profile=cmyk_profile((153, 98, 88)))
    height = (60 + 16) / 116
    white = np.array([0.9642, 1, 0.8249])
    light = white * np.array([height - 30 / 500, height, height + 40 / 200]) ** 3 @ np.linalg.inv(SRGB).T
    wanted = [[255, 255, 255], encoded(light), [0, 0, 0]]
    np.testing.assert_allclose(opened(content)[8, 8::16], wanted, atol=3)


def test_transparency_lies_over_white_after_the_colours_are_converted(encode):
    alpha = np.tile(np.array([0, 128, 255], np.uint8), 33).reshape(9, 11)
    profile = rgb_profile(DISPLAY_P3)
    opaque = opened(encode(COLOURS, "PNG", icc_profile=profile)).astype(float)
    share = alpha[:, :, None] / 255
    content = encode(np.dstack([COLOURS, alpha]), "PNG", icc_profile=profile)
    np.testing.assert_allclose(opened(content), opaque * share + 255 * (1 - share), atol=1)


def test_a_palette_with_a_profile_is_converted(encode):
    picture = Image.fromarray(COLOURS).quantize(8)
    profile = rgb_profile(DISPLAY_P3)
    wanted = opened(encode(picture.convert("RGB"), "PNG", icc_profile=profile))
    np.testing.assert_array_equal(opened(encode(picture, "PNG", icc_profile=profile)), wanted)


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(b"no profile at all", id="damaged"),
        pytest.param(rgb_profile(DISPLAY_P3)[:150], id="cut off"),
        pytest.param(grey_profile(1.0), id="of grey"),
        pytest.param(cmyk_profile((153, 98, 88)), id="of inks"),
        pytest.param(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), id="of sRGB"),
    ],
)
def test_profiles_that_say_nothing_about_the_colours_are_ignored(encode, profile):
    np.testing.assert_array_equal(opened(encode(COLOURS, "PNG", icc_profile=profile)), COLOURS)


def test_the_digest_is_that_of_the_converted_colours(encode):
    content = encode(COLOURS, "PNG", icc_profile=rgb_profile(PROPHOTO))
    preparation = Preparation(width=5, height=5)
    assert open_with_digest(content, preparation).digest == open_with_digest(opened(content), preparation).digest
    assert open_with_digest(content, preparation).digest != open_with_digest(COLOURS, preparation).digest


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "CMYK", "I;16", "1"])
def test_strips_give_what_the_whole_image_gives(mode, monkeypatch):
    random = np.random.default_rng(4)
    if mode == "I;16":
        picture = Image.fromarray(random.integers(0, 65_536, (50, 31), np.uint16))
    else:
        picture = Image.fromarray(random.integers(0, 256, (50, 31, 4), np.uint8)).convert(mode)
    whole = np.asarray(to_rgb(picture))
    monkeypatch.setattr("eyebright.data.pictures.colours._STRIP_PIXELS", 100)
    np.testing.assert_array_equal(to_rgb(picture), whole)


def test_a_large_image_with_alpha_takes_little_memory(png, monkeypatch):
    """Of 30 million pixels: 4 bytes as stored and 4 as RGB for each, and a strip; it was 24 bytes."""
    import subprocess
    import sys

    script = (
        "import resource, sys; from eyebright.data.pictures import Preparation, open_picture\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "open_picture(sys.stdin.buffer.read(), Preparation(width=32, height=32))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    content = png(6_000, 5_000, 16, 6, [bytes(range(48)) * 1_000] * 5_000)
    run = subprocess.run([sys.executable, "-c", script], input=content, capture_output=True, check=True)
    assert int(run.stdout) / 1024 < 30 * 8 + 60
