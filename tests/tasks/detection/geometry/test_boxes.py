"""Boxes: one order, one precision, and overlaps as counted on a grid of pixels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eyebright.tasks.detection.geometry.boxes import NO_BOXES, REASONS, Boxes, Reason, areas, intersections, iou


def test_boxes_are_rounded_and_sorted_so_that_equal_sets_are_equal():
    first = Boxes.of([[5, 5, 9, 9], [0.004, -0.001, 2, 2], [5, 5, 9, 9]], [1, 0, 0])
    second = Boxes.of([[5.001, 5, 9, 9], [5, 5, 9, 9], [0, 0, 2, 2]], [0, 1, 0])
    np.testing.assert_array_equal(first.corners, second.corners)
    assert first.labels.tolist() == second.labels.tolist() == [0, 0, 1]
    assert not first.corners.flags.writeable and not np.signbit(first.corners).any()
    assert len(NO_BOXES) == 0 and NO_BOXES.corners.shape == (0, 4)


def test_boxes_are_their_own_and_what_they_were_made_of_may_be_changed():
    corners, labels = np.array([[1.0, 2, 3, 4]]), np.zeros(1, np.int64)
    boxes = Boxes(corners, labels)
    corners[0, 0], labels[0] = 9, 5
    assert boxes.corners.tolist() == [[1, 2, 3, 4]] and boxes.labels.tolist() == [0]
    assert not boxes.moved(corners).corners.flags.writeable and corners.flags.writeable


whole = arrays(np.float64, (3, 4), elements=st.integers(0, 12).map(float))


@given(whole, whole)
def test_overlaps_are_those_counted_pixel_by_pixel(first, second):
    def masks(corners):
        grid = np.arange(12)
        inside = (
            [(grid >= box[0]) & (grid < box[2]) for box in corners],
            [(grid >= box[1]) & (grid < box[3]) for box in corners],
        )
        return [np.outer(high, wide) for wide, high in zip(*inside, strict=True)]

    for i, one in enumerate(masks(first)):
        assert areas(first)[i] == one.sum()
        for j, other in enumerate(masks(second)):
            both, either = (one & other).sum(), (one | other).sum()
            assert intersections(first, second)[i, j] == both
            assert iou(first, second)[i, j] == (both / either if either else 0)


def test_every_reason_has_a_sentence():
    assert set(REASONS) == set(Reason.__args__)
