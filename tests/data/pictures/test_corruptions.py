import colorsys
import io

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from eyebright.data.pictures.corruptions import (
    CORRUPTIONS,
    SEVERITIES,
    blur,
    brightness,
    jpeg,
    noise,
    rescaling,
    rotation,
)

BY_NAME = {corruption.name: corruption for corruption in CORRUPTIONS}


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture(height: int = 56, width: int = 64, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Soft shapes, as photos have: noise that is smoothed and stretched to the full range."""
    values = scipy.ndimage.gaussian_filter(stream(seed).random((height, width, channels)), (3, 3, 0))
    low, high = values.min(), values.max()
    return np.rint(255 * (values - low) / (high - low)).astype(np.uint8)


def apart(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 40), st.integers(3, 40), st.sampled_from([1, 3]), st.sampled_from(sorted(BY_NAME)))
def test_an_image_of_any_size_keeps_its_shape_and_the_same_stream_gives_the_same(height, width, channels, name):
    pixels = picture(height, width, channels)
    before = pixels.copy()
    for severity in SEVERITIES:
        one, other = (BY_NAME[name](pixels, severity, stream(7)) for _ in range(2))
        assert one.shape == pixels.shape and one.dtype == np.uint8
        assert np.array_equal(one, other) and np.array_equal(pixels, before)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_severity_2_changes_an_image_more_than_severity_1(name):
    pixels = picture(224, 224)
    mild, stronger = (
        np.abs(BY_NAME[name](pixels, severity, stream()) - pixels.astype(float)).mean() for severity in (1, 2)
    )
    assert 0 < mild < stronger


def test_the_strengths_are_those_of_imagenet_c():
    """As printed in `make_imagenet_c.py` for severity 1 and 2; the rotation is within the range of ImageNet-P."""
    assert {name: one.strengths for name, one in BY_NAME.items()} == {
        "blur": (1, 2),
        "noise": (0.08, 0.12),
        "JPEG": (25, 18),
        "brightness": (0.1, 0.2),
        "rescaling": (0.6, 0.5),
        "rotation": (5, 10),
    }


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_blur_is_a_convolution_with_a_gaussian_that_scales_with_the_image(sigma):
    pixels = picture(112, 120)
    width = sigma / 2  # of 112 pixels instead of 224
    offsets = np.arange(-6, 7)
    kernel = np.exp(-(offsets**2) / (2 * width**2)) * (np.abs(offsets) <= int(4 * width + 0.5))
    kernel /= kernel.sum()
    padded = np.pad(pixels.astype(float), ((6, 6), (6, 6), (0, 0)), mode="edge")
    rows = sum(weight * padded[at : at + 112] for at, weight in enumerate(kernel))
    expected = sum(weight * rows[:, at : at + 120] for at, weight in enumerate(kernel))
    assert apart(blur(pixels, sigma, stream()), np.rint(expected)) <= 1


def test_noise_has_the_deviation_of_its_strength_and_is_cut_at_the_ends():
    grey = np.full((200, 200, 3), 128, np.uint8)
    added = noise(grey, 0.08, stream()).astype(float) - 128
    assert added.std() == pytest.approx(0.08 * 255, rel=0.02) and abs(added.mean()) < 0.3
    assert np.corrcoef(added[:, :, 0].ravel(), added[:, :, 1].ravel())[0, 1] == pytest.approx(0, abs=0.02)
    white = noise(np.full((200, 200, 1), 255, np.uint8), 0.08, stream())
    assert (white == 255).mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_what_a_file_of_that_quality_holds(channels):
    pixels, file = picture(channels=channels), io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, format="JPEG", quality=25)
    saved = Image.open(file)
    table = saved.quantization[0]
    assert table[0] == 32  # ITU T.81, table K.1 begins with 16; libjpeg's quality 25 doubles it
    assert np.array_equal(jpeg(pixels, 25, stream()).squeeze(), np.asarray(saved))


def test_brightness_lifts_the_value_of_hsv():
    pixels = picture(12, 12)
    pixels[0, 0] = 0
    found = brightness(pixels, 0.2, stream())
    for row, column in np.ndindex(12, 12):
        hue, saturation, value = colorsys.rgb_to_hsv(*(pixels[row, column] / 255))
        expected = 255 * np.array(colorsys.hsv_to_rgb(hue, saturation, min(value + 0.2, 1)))
        assert found[row, column] == pytest.approx(expected, abs=0.51)
    grey = picture(9, 9, 1)
    assert apart(brightness(grey, 0.1, stream()), np.minimum(grey + 25.5, 255).round()) <= 1


@pytest.mark.parametrize("seed", range(4))
def test_rotation_is_that_of_scipy_to_either_side_with_a_mirrored_border(seed):
    pixels = picture(60, 60)
    found = rotation(pixels, 10, stream(seed))
    sides = [
        scipy.ndimage.rotate(pixels.astype(float), turn, order=1, reshape=False, mode="mirror") for turn in (10, -10)
    ]
    assert min(apart(found, np.rint(side)) for side in sides) <= 3


def test_rotation_goes_to_both_sides():
    pixels = picture()
    assert len({rotation(pixels, 5, stream(seed)).tobytes() for seed in range(10)}) == 2


def test_rescaling_by_half_gives_the_means_of_two_by_two_pixels():
    pixels = picture(40, 48)
    means = pixels.reshape(20, 2, 24, 2, 3).astype(float).mean(axis=(1, 3))
    assert apart(rescaling(pixels, 0.5, stream()), np.rint(means).repeat(2, axis=0).repeat(2, axis=1)) <= 1
