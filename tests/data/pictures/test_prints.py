import hashlib
import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter, laplace

from eyebright.data.pictures import Preparation, digest, open_with_digest, take_prints
from eyebright.data.pictures.prints import look_at

NOISE = np.random.default_rng(3).integers(0, 256, (100, 90, 3), np.uint8)


def test_a_digest_is_blake2b_of_size_and_pixels(blocks):
    wanted = hashlib.blake2b(b"80x48" + blocks.tobytes(), digest_size=16).digest()
    assert digest(Image.fromarray(blocks), (80, 48)) == wanted


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_print_has_the_upright_full_size_of_a_jpeg_decoded_at_a_reduced_scale(orientation):
    """Orientations 5 to 8 (EXIF 2.32, tag 274) are stored with rows and columns exchanged."""
    exif = Image.Exif()
    exif[274] = orientation
    file = io.BytesIO()
    Image.new("RGB", (2400, 1600), "red").save(file, "JPEG", exif=exif)
    taken = take_prints([open_with_digest(file.getvalue(), Preparation(width=8, height=8)).look])[0]
    assert (taken["width"], taken["height"]) == ((2400, 1600) if orientation <= 4 else (1600, 2400))
    assert np.abs(taken["thumbnail"].astype(int) - [254, 0, 0]).max() <= 2


def sharpness_of(*images):
    """The sharpness of images, as a print has it."""
    return take_prints([look_at(Image.fromarray(image), (1, 1)) for image in images])["sharpness"].tolist()


def test_sharpness_is_the_variance_of_scipys_laplacian_over_that_of_the_light():
    grey = np.asarray(Image.fromarray(NOISE).convert("L"), np.float64)
    assert sharpness_of(NOISE)[0] == pytest.approx(laplace(grey)[1:-1, 1:-1].var() / grey.var(), rel=1e-4)


def test_blur_lowers_sharpness_and_less_contrast_does_not():
    blurred = gaussian_filter(NOISE, (2, 2, 0))
    faint = (NOISE // 2 + 60).astype(np.uint8)
    sharp, of_blurred, of_faint = sharpness_of(NOISE, blurred, faint)
    assert of_blurred < 0.1 * sharp
    assert of_faint == pytest.approx(sharp, rel=0.05)


def test_images_that_are_measured_together_have_the_prints_that_each_has_alone():
    images = [NOISE, NOISE[:50], NOISE[::-1], np.zeros_like(NOISE), NOISE[:50] // 3, NOISE[:2]]
    looks = [look_at(Image.fromarray(image), (1, 1)) for image in images]
    assert [one.tobytes() for one in take_prints(looks)] == [take_prints([look])[0].tobytes() for look in looks]


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (50, 50)])
def test_a_flat_or_tiny_image_has_sharpness_0(size):
    assert take_prints([look_at(Image.new("RGB", size, "blue"), size)])["sharpness"] == 0


def test_an_image_without_inner_pixels_has_sharpness_0():
    assert sharpness_of(NOISE[:, :2], NOISE[:1]) == [0, 0]
