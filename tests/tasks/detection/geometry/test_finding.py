import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.tasks.detection.geometry.finding import Detections, find


def plainly(scores, boxes, least, most, overlap):
    """The same in plain Python: every pixel, every neighbour, every pair."""
    classes, height, width = scores.shape
    peaks = []
    for c, y, x in itertools.product(range(classes), range(height), range(width)):
        around = scores[c, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        if scores[c, y, x] >= least and scores[c, y, x] == around.max():
            peaks.append((-float(scores[c, y, x]), c, y, x))
    kept = []
    for score, c, y, x in sorted(peaks)[:most]:
        box = [float(value) for value in boxes[:, y, x]]
        if all(c != other or shared(box, kept_box) <= overlap for _, other, kept_box in kept):
            kept.append((-score, c, box))
    return kept


def shared(one, other):
    width = max(min(one[2], other[2]) - max(one[0], other[0]), 0)
    height = max(min(one[3], other[3]) - max(one[1], other[1]), 0)
    union = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - width * height
    return width * height / union if union else 0.0


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 7)),
    levels=st.integers(1, 9),
    most=st.integers(1, 30),
    least=st.sampled_from([0.0, 0.3]),
)
def test_objects_are_those_of_a_plain_search(seed, shape, levels, most, least):
    """With few levels there are many ties."""
    random = np.random.default_rng(seed)
    scores = random.integers(0, levels + 1, shape).astype(np.float32) / np.float32(levels)
    low = random.integers(0, 8, (2, *shape[1:]))
    boxes = np.concatenate([low, low + random.integers(0, 8, (2, *shape[1:]))]).astype(np.float32)
    found = find(scores, boxes, least=least, most=most, overlap=0.5)
    expected = plainly(scores, boxes, least, most, 0.5)
    assert list(zip(found.scores.tolist(), found.labels.tolist(), found.corners.tolist(), strict=True)) == expected


def test_a_better_box_hides_one_of_its_class_and_no_other():
    """Three peaks in a row with the same box; the class of the middle one is another in the second map."""
    scores = np.zeros((2, 1, 5), np.float32)
    scores[0, 0, [0, 2, 4]] = 0.7, 0.9, 0.8
    scores[1, 0, 2] = 0.5
    boxes = np.tile(np.float32([[0], [0], [10], [10]]), (1, 1, 5)).reshape(4, 1, 5)
    found = find(scores, boxes, least=0.1)
    assert (found.scores.round(3).tolist(), found.labels.tolist()) == ([0.9, 0.5], [0, 1])


def test_a_box_that_a_hidden_one_would_hide_is_left():
    """A overlaps B, B overlaps C, A does not overlap C: without B, C is an object."""
    scores = np.zeros((1, 1, 5), np.float32)
    scores[0, 0, [0, 2, 4]] = 0.9, 0.8, 0.7
    boxes = np.zeros((4, 1, 5), np.float32)
    boxes[0, 0, [0, 2, 4]] = 0, 3, 6
    boxes[2, 0, [0, 2, 4]] = 10, 13, 16
    boxes[3] = 10
    assert find(scores, boxes, least=0.1, overlap=0.5).corners[:, 0].tolist() == [0, 6]  # 7 of 13 are shared


def test_an_image_without_objects():
    found = find(np.zeros((3, 4, 4), np.float32), np.zeros((4, 4, 4), np.float32), least=0.01)
    assert len(found) == 0 and found.corners.shape == (0, 4)
    assert (found.labels.dtype, found.scores.dtype, found.corners.dtype) == (np.int64, np.float64, np.float64)


@pytest.mark.parametrize(("threshold", "count"), [(0.0, 3), (0.5, 2), (0.9, 1), (0.95, 0)])
def test_those_above_a_threshold(threshold, count):
    found = Detections(np.zeros((3, 4)), np.arange(3), np.array([0.9, 0.5, 0.1]))
    assert len(found.above(threshold)) == count
