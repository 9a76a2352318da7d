import io
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pillow_heif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from eyebright.data.pictures import Preparation, open_picture, size_of
from eyebright.system.errors import PictureError

TINY = Preparation(width=8, height=8)


@pytest.mark.parametrize("content", [b"some text", b""])
def test_a_stream_without_an_image_is_refused(stream, content):
    with pytest.raises(PictureError, match=r"empty file|not an image"):
        open_picture(stream(content), TINY)


@pytest.mark.parametrize("kind", ["bytes", "path", "file"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"these are words, no picture\n" * 20, "not an image in a supported format"),
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
            r"a PostScript file \(EPS\) is not supported: convert it to PNG or JPEG",
        ),
        (b"%PDF-1.7\n", "a PDF document is not supported"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "an SVG drawing is not supported"),
    ],
)
def test_files_that_are_not_images_are_refused(tmp_path, content, message, kind):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    source = {"bytes": content, "path": path, "file": io.BytesIO(content)}[kind]
    with pytest.raises(PictureError, match=f"^{message}"):
        open_picture(source, TINY)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_a_truncated_file_is_damaged(photo, encode, kind):
    content = encode(photo(60, 50), kind)
    with pytest.raises(PictureError, match=r"damaged|not an image|truncated"):
        open_picture(content[: len(content) // 2], TINY)


@pytest.mark.parametrize(
    ("path", "message"),
    [("missing.png", "file not found"), (".", "directory"), ("x" * 5_000, "name too long"), ("a\0b", "null")],
)
def test_a_path_that_is_not_a_file_is_refused_with_the_reason(path, message):
    with pytest.raises(PictureError, match=f"(?i){message}"):
        open_picture(path, TINY)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither in its folders")
@pytest.mark.parametrize("kind", ["device", "pipe"])
@pytest.mark.parametrize("open_it", [lambda path: open_picture(path, TINY), size_of])
def test_pipes_and_devices_are_refused_since_reading_them_could_block(tmp_path, kind, open_it):
    path = tmp_path / "a.png"
    path.symlink_to(os.devnull) if kind == "device" else os.mkfifo(path)
    for source in (path, str(path)):
        with pytest.raises(PictureError, match=r"^not a regular file"):
            open_it(source)


def test_an_unreadable_file_is_refused_with_the_reason(monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("PIL.Image.open", refused)
    with pytest.raises(PictureError, match=r"^Permission denied$"):
        open_picture(__file__, TINY)


@pytest.mark.parametrize("open_it", [lambda bomb: open_picture(bomb, TINY), size_of])
def test_a_bomb_is_refused_before_it_is_decoded(png, open_it):
    with pytest.raises(PictureError, match="too large: more than 179 million pixels"):
        open_it(png(60_000, 60_000))


def test_the_limit_holds_also_if_that_of_pillow_is_switched_off(png, monkeypatch):
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", None)
    with pytest.raises(PictureError, match="too large"):
        open_picture(png(60_000, 60_000), TINY)


def test_a_large_image_below_the_limit_causes_no_warning(png, tmp_path):
    (tmp_path / "large.png").write_bytes(png(13_000, 13_000))
    script = "import sys; from eyebright.data.pictures import size_of; print(size_of(sys.argv[1]))"
    run = subprocess.run([sys.executable, "-c", script, tmp_path / "large.png"], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("(13000, 13000)\n", "")


@pytest.mark.parametrize(
    ("kind", "offset", "replaced"),
    [
        pytest.param("BLP", 4, b"\x09", id="BLP of an unknown compression"),
        pytest.param("DDS", 80, b"\x01\0\0\0", id="DDS of an unknown pixel format"),
        pytest.param("TIFF", 4, b"\xff\xff\xff\x7f", id="TIFF whose directory lies beyond its end"),
        pytest.param("BMP", 14, b"\xff\xff", id="BMP with a header of another size"),
        pytest.param("PNG", 24, b"\x07", id="PNG of 7 bits"),
    ],
)
def test_a_damaged_header_is_a_picture_error(encode, kind, offset, replaced):
    picture = Image.new("RGB", (8, 8))
    content = bytearray(encode(picture.convert("P") if kind == "BLP" else picture, kind))
    content[offset : offset + len(replaced)] = replaced
    with pytest.raises(PictureError):
        open_picture(bytes(content), TINY)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "TGA", "JPEG2000"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 2_000))
def test_damage_anywhere_gives_an_image_or_a_picture_error(photo, encode, kind, changes, length):
    content = bytearray(encode(photo(24, 20), kind))
    for position, value in changes:
        content[position % len(content)] = value
    try:
        assert open_picture(bytes(content[: max(length, 20)]), TINY).shape == (8, 8, 3)
    except PictureError as problem:
        assert str(problem)


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


def test_heic_is_recognised_by_content_not_by_name(pixels, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(heic(pixels))
    for source in (tmp_path / "photo.jpg", str(tmp_path / "photo.jpg"), heic(pixels), io.BytesIO(heic(pixels))):
        np.testing.assert_allclose(open_picture(source, SIZE), pixels, atol=6)


def test_a_heic_image_is_turned_upright(pixels):
    exif = Image.Exif()
    exif[274] = 6  # row 0 is the right side
    stored = np.ascontiguousarray(pixels[:, ::-1].swapaxes(0, 1))
    np.testing.assert_allclose(open_picture(heic(stored, exif=exif.tobytes()), SIZE), pixels, atol=6)


def test_a_truncated_heic_file_is_damaged(pixels):
    for end in (12, 40, -200):
        with pytest.raises(PictureError, match="damaged"):
            open_picture(heic(pixels)[:end], SIZE)


def test_without_the_extra_the_error_says_what_to_install(pixels, monkeypatch):
    picture = heic(pixels)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match=r"HEIC image: pip install 'eyebright\[heic\]'"):
        open_picture(picture, SIZE)


@pytest.mark.parametrize("kind", ["AVIF", "WEBP", "TIFF", "PPM"])
def test_other_formats_are_recognised_by_content(pixels, tmp_path, kind):
    options = {"AVIF": {"quality": 100, "subsampling": "4:4:4"}, "WEBP": {"lossless": True}}.get(kind, {})
    Image.fromarray(pixels).save(tmp_path / "a.bin", kind, **options)
    np.testing.assert_allclose(open_picture(tmp_path / "a.bin", SIZE), pixels, atol=6)


PLAIN = b"%s 4000 3000 255\n1 2 3 "  # 12 million pixels, of which the file has one


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PLAIN % b"P3", id="text PPM"),
        pytest.param(PLAIN % b"P2", id="text PGM"),
        pytest.param(b"P1 4000 3000\n1 0 1", id="text PBM"),
        pytest.param(b"P6 4000 3000 100\n" + bytes(30), id="PPM of 100 levels"),
        pytest.param(b"qoif" + struct.pack(">IIBB", 4_000, 3_000, 3, 0) + bytes(30), id="QOI"),
    ],
)
def test_a_large_image_that_pillow_decodes_in_python_is_refused_before_it_is_decoded(content, monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.PyDecoder.setimage", lambda *_: pytest.fail("it is decoded"))
    with pytest.raises(PictureError, match=r"second for each million pixels \(here 12, allowed 8\): convert it to PNG"):
        open_picture(content, TINY)


def test_a_small_image_in_text_padded_by_a_long_comment_is_refused(tmp_path):
    path = tmp_path / "a.ppm"
    path.write_bytes(b"P3 1 1 255\n#")
    os.truncate(path, 2**28)
    with pytest.raises(PictureError, match="too large for this kind of PPM"):
        open_picture(path, TINY)


def test_a_small_image_in_text_is_opened():
    assert (open_picture(b"P3 2 1 255\n255 0 9 255 0 9", TINY) == (255, 0, 9)).all()


def test_a_progressive_jpeg_of_a_thousand_scans_is_refused(photo, encode):
    content = encode(photo(64, 64), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    assert open_picture(content, TINY).shape == (8, 8, 3)
    with pytest.raises(PictureError, match=r"a JPEG of 1,0\d\d scans, which take time \(allowed: 100\)"):
        open_picture(content[:last] + content[last:-2] * 1_000 + b"\xff\xd9", TINY)


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt", b"iCCP", b"tEXt"])
def test_a_png_with_megabytes_of_text_is_opened(blocks, encode, as_is, name):
    text = bytes(range(32, 127)) * 30_000  # 2.8 MB
    parts = {
        b"zTXt": b"history\0\0" + zlib.compress(text),
        b"iTXt": b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(text),
        b"iCCP": b"profile\0\0" + zlib.compress(text),
        b"tEXt": b"history\0" + text,
    }
    content = encode(blocks, "PNG")
    np.testing.assert_array_equal(
        open_picture(content[:33] + chunk(name, parts[name]) + content[33:], as_is(blocks)), blocks
    )


def test_a_png_whose_text_is_a_bomb_is_refused(blocks, encode):
    content = encode(blocks, "PNG")
    bomb = chunk(b"zTXt", b"history\0\0" + zlib.compress(bytes(2**27), 1))
    with pytest.raises(PictureError, match="damaged: Decompressed data too large"):
        open_picture(content[:33] + bomb + content[33:], TINY)


def test_large_images_are_decoded_one_at_a_time(photo, encode, monkeypatch):
    entered = []

    class Alone:
        def __enter__(self):
            entered.append("large")

        def __exit__(self, *_):
            pass

    monkeypatch.setattr("eyebright.data.pictures.formats._alone", Alone())
    monkeypatch.setattr("eyebright.data.pictures.formats._ALONE_PIXELS", 1_000)
    for size in ((50, 20), (50, 21)):
        open_picture(encode(photo(*size), "PNG"), TINY)
    assert entered == ["large"]


def test_an_image_of_pillow_is_taken_at_its_frame_and_stays_open(encode):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime")]
    with Image.open(io.BytesIO(encode(frames[0], "TIFF", save_all=True, append_images=frames[1:]))) as picture:
        picture.seek(1)
        assert (open_picture(picture, TINY) == (0, 255, 0)).all()
        picture.seek(0)
        assert (open_picture(picture, TINY) == (255, 0, 0)).all()
