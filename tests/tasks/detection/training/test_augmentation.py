"""Views of an image: pixels and boxes move together."""

import numpy as np
import pytest

from eyebright.tasks.detection.geometry.boxes import Boxes
from eyebright.tasks.detection.training.augmentation import Affine, changed
from eyebright.training.settings import Settings

CHANGES = Settings(zoom=0.4, shift=0.1, flip=True, rotation=0.0)


@pytest.mark.parametrize("seed", range(6))
def test_a_white_box_is_where_its_corners_are_after_a_move(seed):
    picture = np.zeros((96, 96, 3), np.uint8)
    picture[30:50, 40:70] = 255
    move = Affine.drawn(np.random.default_rng(seed), CHANGES, 96)
    corners = move.boxes(Boxes.of([[40, 30, 70, 50]], [0]), 96).corners[0]
    rows, columns = np.nonzero(move.pixels(picture)[..., 0] > 191)  # outside is 127
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert seen == pytest.approx(corners, abs=1)


def test_a_box_that_leaves_the_image_is_cut_and_then_left_out():
    boxes = Boxes.of([[0, 40, 40, 60], [80, 40, 96, 60]], [0, 1])
    moved = Affine(offset=(-20.0, 0.0)).boxes(boxes, 96)
    assert moved.corners.tolist() == [[0, 40, 20, 60], [60, 40, 76, 60]]
    assert Affine(offset=(-35.0, 0.0)).boxes(boxes, 96).labels.tolist() == [1]


def test_a_view_is_a_function_of_seed_number_and_content_and_the_first_is_the_image():
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    assert (changed(picture, b"one", CHANGES, 0) == picture).all()
    first = changed(picture, b"one", CHANGES, 1)
    assert (changed(picture, b"one", CHANGES, 1) == first).all()
    assert (changed(picture, b"one", CHANGES, 2) != first).any()
    assert (changed(picture, b"two", CHANGES, 1) != first).any()
