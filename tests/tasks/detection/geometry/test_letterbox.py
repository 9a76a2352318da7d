"""Boxes move with the pixels of an image that is resized with grey bars, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from eyebright.data.pictures import Preparation, resize_picture
from eyebright.system.errors import SettingsError
from eyebright.tasks.detection.geometry.letterbox import Letterbox

sides = st.integers(1, 5000)


@given(sides, sides, st.integers(8, 640))
def test_corners_come_back_from_the_input(width, height, size):
    letterbox = Letterbox(width, height, Preparation(width=size, height=size, fit="pad"))
    corners = np.array([[0, 0, width, height], [width / 3, height / 7, width / 2, height / 2]], float)
    np.testing.assert_allclose(letterbox.to_original(letterbox.to_input(corners)), corners, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("size", [(300, 100), (100, 300), (50, 50), (601, 399)])
def test_a_white_box_is_where_its_corners_are_in_the_input(size):
    width, height = size
    picture = Image.new("RGB", size)
    box = [width // 4, height // 3, width // 4 + 40 * width // 100, height // 3 + 40 * height // 100]
    picture.paste((255, 255, 255), tuple(box))
    preparation = Preparation(width=200, height=200, fit="pad")
    white = resize_picture(picture, preparation)[:, :, 0] / 255
    x1, y1, x2, y2 = Letterbox(*size, preparation).to_input(np.array([box], float))[0]
    inside = white[round(y1) : round(y2), round(x1) : round(x2)]
    assert inside.mean() > 0.96
    bars = 200 * 200 - np.prod(np.array(size) * min(200 / width, 200 / height))
    assert white.sum() - bars * 127 / 255 == pytest.approx((x2 - x1) * (y2 - y1), rel=0.06)


def test_cropped_images_are_refused():
    with pytest.raises(SettingsError, match="expected fit 'pad', got 'crop'"):
        Letterbox(10, 10, Preparation(width=8, height=8))
