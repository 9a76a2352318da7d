import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from eyebright.data.pictures import Preparation, resize_picture
from eyebright.data.pictures.preparation import takes_images
from eyebright.system import records
from eyebright.system.errors import ModelError, SettingsError

RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (127, 127, 127)

small = st.integers(1, 70)
sampled = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(width + 97 * height).integers(0, 256, (height, width, 3), np.uint8))


@pytest.fixture
def thirds() -> Image.Image:
    """90 x 30: a red, a green and a blue third."""
    return Image.fromarray(np.array([[RED, GREEN, BLUE]], np.uint8).repeat(30, axis=0).repeat(30, axis=1))


def test_crop_keeps_the_middle_of_a_wide_picture(thirds):
    fitted = resize_picture(thirds, Preparation(width=30, height=30))
    assert (fitted == GREEN).all()


def test_crop_keeps_the_middle_of_a_tall_picture(thirds):
    fitted = resize_picture(thirds.transpose(Image.Transpose.TRANSPOSE), Preparation(width=30, height=30))
    assert (fitted == GREEN).all()


def test_pad_shows_all_of_the_picture_in_the_middle_of_grey(thirds):
    fitted = resize_picture(thirds, Preparation(width=90, height=50, fit="pad"))
    assert (fitted[:10] == GREY).all()
    assert (fitted[-10:] == GREY).all()
    np.testing.assert_array_equal(fitted[10:40], thirds)


def test_pad_of_a_tall_picture_has_grey_at_its_sides(thirds):
    fitted = resize_picture(thirds.transpose(Image.Transpose.TRANSPOSE), Preparation(width=40, height=90, fit="pad"))
    assert (fitted[:, :5] == GREY).all()
    assert (fitted[:, -5:] == GREY).all()
    assert (fitted[:30, 5:-5] == RED).all()


def test_stretch_keeps_the_thirds(thirds):
    fitted = resize_picture(thirds, Preparation(width=30, height=60, fit="stretch"))
    assert [tuple(fitted[30, column]) for column in (3, 15, 26)] == [RED, GREEN, BLUE]


def test_one_channel_is_the_luma_of_itu_r_601(thirds):
    fitted = resize_picture(thirds, Preparation(width=90, height=30, channels=1))
    assert fitted.shape == (30, 90, 1)
    assert fitted[0, [10, 40, 80], 0].tolist() == [round(255 * share) for share in (0.299, 0.587, 0.114)]


def test_a_grey_picture_keeps_every_value_in_one_channel():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = Image.fromarray(values).convert("RGB")
    assert np.array_equal(resize_picture(picture, Preparation(width=16, height=16, channels=1))[..., 0], values)


def test_what_a_network_takes_decides_the_preparation():
    assert Preparation.of_input((1, 28, 20), "pad") == Preparation(width=20, height=28, fit="pad", channels=1)
    with pytest.raises(SettingsError, match=r"channels must be 3 \(colour\) or 1 \(grey\), got 4"):
        Preparation.of_input((4, 8, 8))


@sampled
@given(small, small, small, small)
def test_crop_is_the_largest_middle_part_of_the_wanted_proportions(resized, width, height, wide, high):
    picture = noise(width, height)
    part = min(width, height * wide / high), min(height, width * high / wide)
    left, top = (width - part[0]) / 2, (height - part[1]) / 2
    wanted = resized(np.asarray(picture), (left, top, width - left, height - top), wide, high)
    fitted = resize_picture(picture, Preparation(width=wide, height=high, fit="crop"))
    np.testing.assert_allclose(fitted, wanted, atol=1.6)


@sampled
@given(small, small, small, small)
def test_pad_is_the_whole_picture_as_large_as_fits(resized, width, height, wide, high):
    picture = noise(width, height)
    scale = min(wide / width, high / height)
    inner = max(round(width * scale), 1), max(round(height * scale), 1)
    left, top = (wide - inner[0]) // 2, (high - inner[1]) // 2
    wanted = np.full((high, wide, 3), 127.0)
    wanted[top : top + inner[1], left : left + inner[0]] = resized(
        np.asarray(picture), (0, 0, width, height), inner[0], inner[1]
    )
    fitted = resize_picture(picture, Preparation(width=wide, height=high, fit="pad"))
    np.testing.assert_allclose(fitted, wanted, atol=1.6)


@sampled
@given(small, small, small, small)
def test_stretch_is_the_whole_picture_over_the_whole_area(resized, width, height, wide, high):
    picture = noise(width, height)
    fitted = resize_picture(picture, Preparation(width=wide, height=high, fit="stretch"))
    np.testing.assert_allclose(fitted, resized(np.asarray(picture), (0, 0, width, height), wide, high), atol=1.6)


@pytest.mark.parametrize("side", [17, 28, 32, 180, 224])
def test_crop_takes_squares_of_every_size(side):
    shapes = {
        resize_picture(Image.new("RGB", (size, size)), Preparation(width=side, height=side)).shape
        for size in range(1, 260)
    }
    assert shapes == {(side, side, 3)}


@pytest.mark.parametrize("size", [(1, 5_000), (5_000, 1)])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_images_of_one_row_or_column_are_resized(size, fit):
    assert resize_picture(Image.new("RGB", size, RED), Preparation(width=9, height=7, fit=fit)).shape == (7, 9, 3)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_an_image_of_the_wanted_size_is_unchanged(fit):
    picture = noise(23, 17)
    np.testing.assert_array_equal(resize_picture(picture, Preparation(width=23, height=17, fit=fit)), picture)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_a_fine_checkerboard_becomes_grey(fit):
    board = (np.indices((128, 128)).sum(axis=0) % 2 * 255).astype(np.uint8)
    fitted = resize_picture(Image.fromarray(board).convert("RGB"), Preparation(width=32, height=32, fit=fit))
    np.testing.assert_allclose(fitted, 127.5, atol=2)


def test_shape_is_height_then_width():
    preparation = Preparation(width=7, height=5)
    assert (preparation.shape, preparation.size_bytes, preparation.fit) == ((5, 7, 3), 105, "crop")


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (-1, 5), (16_385, 5), (5, 16_385)])
def test_invalid_sizes_are_refused(width, height):
    with pytest.raises(SettingsError, match=f"from 1 to 16384 pixels, got {width}x{height}"):
        Preparation(width=width, height=height)


def test_the_largest_size_is_accepted():
    assert Preparation(width=16_384, height=16_384).shape == (16_384, 16_384, 3)


def test_an_unknown_resize_mode_is_refused_and_the_known_ones_are_listed():
    with pytest.raises(SettingsError, match=r"zoom.*crop.*pad.*stretch"):
        Preparation(width=8, height=8, fit="zoom")


def test_a_preparation_goes_to_json_and_back():
    preparation = Preparation(width=9, height=4, fit="pad")
    assert records.from_json(records.to_json(preparation), Preparation, what="it", error=ModelError) == preparation


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"width": 9, "heigth": 4}', "did you mean 'height'"),
        ('{"width": 9}', "height"),
        ('{"width": "9", "height": 4}', r"\$.width"),
        ('{"width": 9, "height": 4, "fit": "zoom"}', "zoom"),
        ('{"width": 0, "height": 4}', "0x4"),
    ],
)
def test_an_invalid_preparation_in_json_is_refused(text, message):
    with pytest.raises(ModelError, match=message):
        records.from_json(text, Preparation, what="model.json", error=ModelError)


@pytest.mark.parametrize(
    ("shape", "expected"), [((3, 8, 9), True), ((1, 8, 9), True), ((4, 8, 9), False), ((3,), False), ((8, 9), False)]
)
def test_images_have_one_or_three_channels(shape, expected):
    assert takes_images(shape) is expected
