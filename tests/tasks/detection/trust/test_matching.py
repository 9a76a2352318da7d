import numpy as np
import pytest
from tests.tasks.detection.sets import drawn

from eyebright.tasks.detection.geometry.boxes import iou
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.trust.matching import HIT, IGNORED, MISS, OVERLAPS, SIZES, Truth, match, overlap

ONE = np.zeros(1, np.int64)


def box(*corners: float) -> np.ndarray:
    return np.array([corners], np.float64)


def test_the_most_confident_detection_takes_the_box_and_a_second_one_is_a_mistake():
    found = Detections(
        np.concatenate([box(0, 0, 10, 10), box(0, 0, 10, 9)]), np.zeros(2, np.int64), np.array([0.5, 0.9])
    )
    matches = match([found], [Truth.of(box(0, 0, 10, 10), ONE)])
    assert matches.score.tolist() == [0.9, 0.5]
    # the overlap of 0.9 is enough at the first nine thresholds; at 0.95 the other one takes the box
    assert matches.outcome[0, :, 0].tolist() == [HIT] * 9 + [MISS]
    assert matches.outcome[0, :, 1].tolist() == [MISS] * 9 + [HIT]
    assert matches.found_at.tolist() == [0.9]


def test_a_detection_of_another_class_is_a_mistake():
    matches = match([Detections(box(0, 0, 10, 10), ONE + 1, np.array([0.9]))], [Truth.of(box(0, 0, 10, 10), ONE)])
    assert matches.outcome[0].tolist() == [[MISS]] * len(OVERLAPS) and matches.found_at.tolist() == [-np.inf]


def test_what_lies_in_a_crowd_is_neither_right_nor_wrong():
    crowd = Truth(box(0, 0, 100, 100), ONE, np.ones(1, np.bool_))
    inside = Detections(np.concatenate([box(10, 10, 20, 20), box(30, 30, 60, 60)]), np.zeros(2, np.int64), np.ones(2))
    matches = match([inside], [crowd])
    assert (matches.outcome[0] == IGNORED).all() and not matches.counted.any() and not matches.evaluated.any()


def test_sizes_are_those_of_coco():
    corners = np.concatenate([box(0, 0, 32, 32), box(0, 0, 40, 40), box(0, 0, 96, 96.5)])
    matches = match([Detections(box(0, 0, 1, 1), ONE, np.ones(1))], [Truth.of(corners, np.zeros(3, np.int64))])
    assert dict(zip(SIZES, matches.counted.sum(axis=1).tolist(), strict=True)) == {
        "all": 3, "small": 1, "medium": 2, "large": 1,
    }  # fmt: skip  # a box of just 32 x 32 is both


def test_overlap_is_the_share_of_the_union_and_for_ignored_boxes_of_the_detection():
    boxes = np.concatenate([box(5, 0, 15, 10), box(20, 20, 30, 30)])
    plain = overlap(box(0, 0, 10, 10), boxes, np.zeros(2, np.bool_))
    assert plain.tolist() == [[pytest.approx(50 / 150), 0]]
    assert overlap(box(0, 0, 10, 10), boxes, np.ones(2, np.bool_)).tolist() == [[0.5, 0]]
    assert overlap(box(3, 3, 3, 3), box(3, 3, 3, 3), np.zeros(1, np.bool_)).tolist() == [[0]]


@pytest.mark.parametrize("seed", range(5))
def test_each_detection_is_known_by_its_place_and_by_the_box_that_it_meets(seed):
    """Those that meet a box overlap it by at least half, have its class, and are met by no other."""
    found, truth, _ = drawn(seed)
    matches = match(found, truth)
    corners, labels = (np.concatenate([getattr(one, name) for one in truth]) for name in ("corners", "labels"))
    for image, place, label, score, box_ in zip(
        matches.image, matches.place, matches.label, matches.score, matches.box, strict=True
    ):
        assert (found[image].labels[place], found[image].scores[place]) == (label, score)
        if box_ >= 0:
            assert labels[box_] == label and matches.box_image[box_] == image and matches.found_at[box_] == score
            assert iou(found[image].corners[[place]], corners[[box_]])[0, 0] >= 0.5
    assert ((matches.box >= 0) == matches.correct).all()
    met = matches.box[matches.box >= 0]
    assert len(set(met.tolist())) == len(met) == np.isfinite(matches.found_at).sum()


@pytest.mark.parametrize("seed", range(20))
def test_the_confidence_at_which_a_box_is_found_says_what_less_detections_find(seed):
    found, truth, _ = drawn(seed)
    matches = match(found, truth)
    for threshold in (0.25, 0.6):
        fewer = [one.above(threshold) for one in found]
        hits = (match(fewer, truth).outcome[0, 0] == HIT).sum()
        assert (matches.found_at[matches.counted[0]] >= threshold).sum() == hits


def test_no_images_with_detections_or_boxes_give_no_matches():
    none = Detections(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))
    matches = match([none], [Truth.of(np.zeros((0, 4)), np.zeros(0, np.int64))])
    assert matches.images == 1 and matches.outcome.shape == (4, 10, 0) and not len(matches.box_image)
