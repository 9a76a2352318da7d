import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter, laplace

from eyebright.data.pictures import Preparation, open_with_digest, take_print
from eyebright.data.pictures.prints import sharpness

NOISE = np.random.default_rng(3).integers(0, 256, (100, 90, 3), np.uint8)


def test_a_print_holds_the_full_size_though_a_jpeg_was_decoded_smaller_and_stood_on_its_side():
    exif = Image.Exif()
    exif[274] = 6
    file = io.BytesIO()
    Image.new("RGB", (2400, 1600), "red").save(file, "JPEG", exif=exif)
    taken = open_with_digest(file.getvalue(), Preparation(width=8, height=8)).print
    assert (taken["width"], taken["height"]) == (1600, 2400)
    assert np.abs(taken["thumbnail"].astype(int) - [254, 0, 0]).max() <= 2


def test_sharpness_is_the_variance_of_scipys_laplacian_over_that_of_the_light():
    grey = np.asarray(Image.fromarray(NOISE).convert("L"), np.float64)
    assert sharpness(Image.fromarray(NOISE)) == pytest.approx(laplace(grey)[1:-1, 1:-1].var() / grey.var(), rel=1e-4)


def test_blur_lowers_sharpness_and_less_contrast_does_not():
    blurred = gaussian_filter(NOISE, (2, 2, 0))
    faint = (NOISE // 2 + 60).astype(np.uint8)
    sharp = sharpness(Image.fromarray(NOISE))
    assert sharpness(Image.fromarray(blurred)) < 0.1 * sharp
    assert sharpness(Image.fromarray(faint)) == pytest.approx(sharp, rel=0.05)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (50, 50)])
def test_a_picture_without_anything_to_judge_has_sharpness_0(size):
    assert take_print(Image.new("RGB", size, "blue"), size)["sharpness"] == 0
