import numpy as np
import pytest
from tests.tasks.detection.sets import drawn

from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.trust.matching import Matches, Truth, match
from eyebright.tasks.detection.trust.thresholds import best_thresholds


@pytest.mark.parametrize("seed", range(30))
def test_one_threshold_is_half_the_best_f1_or_has_the_best_f1(seed):
    """No other threshold is better than half the best F1 by more than a standard error, here by leaving images out."""
    found, truth, _ = drawn(seed, 12)
    alike = [Detections(one.corners, 0 * one.labels, one.scores) for one in found]
    matches = match(alike, [one._replace(labels=0 * one.labels) for one in truth])

    def f1(threshold: float, without: int = -1) -> float:
        shown = matches.evaluated & (matches.score >= threshold) & (matches.image != without)
        boxes = (matches.counted[0] & (matches.box_image != without)).sum()
        return 2 * (shown & matches.correct).sum() / max(shown.sum() + boxes, 1)

    (threshold,) = best_thresholds(matches, 1)
    best = max([0.0, *np.arange(1 / 16, 1, 1 / 8)], key=f1)
    half = f1(best) / 2
    lost = [f1(best, image) - f1(half, image) for image in range(len(truth))]
    error = np.std(lost) * np.sqrt(len(lost) - 1)
    if threshold == half or not half:
        assert len(lost) == 1 or f1(best) - f1(half) <= 1.5 * error + 1e-9
    else:
        assert f1(threshold) == pytest.approx(f1(best)) and f1(best) - f1(half) > 0.3 * error


def of_one_class(right: list[float], wrong: list[float]) -> Matches:
    """Images with one object each, found at these confidences, and with as many false alarms at the others."""
    corners = np.array([[0.0, 0, 9, 9], [20, 20, 29, 29]])
    truth = [Truth.of(corners[:1], np.zeros(1, np.int64))] * len(right)
    found = [Detections(corners, np.zeros(2, np.int64), np.array(pair)) for pair in zip(right, wrong, strict=True)]
    return match(found, truth)


@pytest.mark.parametrize("images", [1, 3, 30])
def test_where_right_and_wrong_are_far_apart_the_threshold_is_a_half(images):
    """F1 is 1 wherever between them; the middle, 0.46, would be as good, 0.1 or 0.9 would be at the end of the gap."""
    assert best_thresholds(of_one_class([0.9] * images, [0.02] * images), 1).tolist() == [0.5]


def test_one_object_with_a_low_confidence_does_not_decide():
    """All 20 are found from 0.03 on, and 19 from a half on; by chance the next set of images has another such one."""
    assert best_thresholds(of_one_class([0.9] * 19 + [0.03], [0.02] * 20), 1).tolist() == [0.5]
    low = of_one_class([0.9] * 10 + [0.03] * 10, [0.02] * 20)
    assert best_thresholds(low, 1) == pytest.approx([0.025])  # half of them do


def two_kinds(images: int, low: float) -> tuple[list[Detections], list[Truth]]:
    """Class 0 is right at a confidence of 0.9 and wrong at 0.7, class 1 right at `low` and wrong at a tenth of it."""
    corners = np.array([[0.0, 0, 9, 9], [20, 20, 29, 29], [40, 40, 49, 49], [60, 60, 69, 69]])
    labels = np.array([0, 0, 1, 1])
    truth = Truth.of(corners[[0, 2]], labels[[0, 2]])
    return [Detections(corners, labels, np.array([0.9, 0.7, low, 0.1 * low]))] * images, [truth] * images


def test_classes_have_thresholds_of_their_own_where_that_is_better_on_other_images():
    assert best_thresholds(match(*two_kinds(20, 0.5)), 2) == pytest.approx([0.8, 0.5])
    assert best_thresholds(match(*two_kinds(20, 0.9)), 2) == pytest.approx([0.8, 0.8])


def test_without_a_correct_detection_the_threshold_is_a_half():
    found, truth = two_kinds(3, 0.5)
    assert (
        best_thresholds(match(found, [one._replace(labels=1 - one.labels) for one in truth]), 2).tolist() == [0.5] * 2
    )
