"""Views of an image: pixels and boxes move together."""

from types import SimpleNamespace

import numpy as np
import pytest

from eyebright.tasks.detection.geometry.boxes import Boxes
from eyebright.tasks.detection.training.augmentation import Affine, boxes_in, changed, covered_by
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


def test_a_share_of_the_views_has_a_rectangle_covered_with_the_mean_colour():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    plain = Settings(flip=False, rotation=0.0, zoom=0.0, seed=1)
    erasing = plain.changed({"erasing": 0.3})
    areas = []
    for view in range(1, 201):
        different = (changed(picture, b"one", erasing, view) != changed(picture, b"one", plain, view)).any(axis=2)
        corners = covered_by(erasing, b"one", view, 64)
        if corners is None:
            assert not different.any()
            continue
        left, top, right, bottom = corners.astype(int)
        rows, columns = np.nonzero(different)  # but for pixels that have the mean colour
        assert left <= columns.min() and columns.max() < right and top <= rows.min() and rows.max() < bottom
        inside = changed(picture, b"one", erasing, view)[top:bottom, left:right]
        assert (inside == inside[0, 0]).all() and inside[0, 0] == pytest.approx(picture.mean(axis=(0, 1)), abs=1)
        areas.append((right - left) * (bottom - top) / 64**2)
    assert 40 <= len(areas) <= 80 and max(areas) <= 0.42  # 3 standard deviations; rounding


def test_a_box_of_which_less_than_a_quarter_is_not_covered_is_left_out():
    settings, size = Settings(flip=False, rotation=0.0, zoom=0.0, erasing=1.0, seed=1), 64
    left, top, right, bottom = covered_by(settings, b"one", 1, size)
    width, height = right - left, bottom - top
    corners = [[left, top, right, top + height / 2], [left, top, right, bottom], [0, 0, 64, 64]]
    prepared = SimpleNamespace(
        boxes=[Boxes.of(corners, [0, 1, 2])], ignored=[Boxes.of([[0, 0, 9, 9]], [0])],
        pack=SimpleNamespace(digests=[b"one"], preparation=SimpleNamespace(width=size)),
    )  # fmt: skip
    assert width > 2 and height > 2
    boxes, ignored = boxes_in(prepared, settings, 0, 1)
    assert boxes.labels.tolist() == [2] and len(ignored) == 1
    assert boxes_in(prepared, settings.changed({"erasing": 0.0}), 0, 1)[0].labels.tolist() == [
        2,
        0,
        1,
    ]  # in the order of their corners
