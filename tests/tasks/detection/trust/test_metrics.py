import msgspec
import numpy as np
import pytest
from tests.tasks.detection.sets import drawn, made_up

from eyebright.system.records import to_json
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.trust.matching import Truth, match
from eyebright.tasks.detection.trust.metrics import DetectionEvaluation, evaluate, recall_kept
from eyebright.tasks.detection.trust.precision import average_precision
from eyebright.tasks.detection.trust.promise import RecallPromised
from eyebright.trust.calibration import calibration_gap


def names(count: int) -> tuple[str, ...]:
    return tuple(f"class {label}" for label in range(count))


@pytest.mark.parametrize("seed", range(25))
def test_precision_recall_and_counts_are_those_of_counting(seed):
    found, truth, num_classes = drawn(seed)
    thresholds = np.random.default_rng(seed).uniform(0.1, 0.9, num_classes)
    result = evaluate(found, truth, names(num_classes), thresholds)
    shown = [one.at(one.scores >= thresholds[one.labels]) for one in found]
    matches = match(shown, truth)  # what is below the threshold does not change what the others meet
    right, drawn_boxes, boxes = matches.correct.sum(), matches.evaluated.sum(), matches.counted[0].sum()
    assert (result.precision is None) == (not drawn_boxes) and (result.recall is None) == (not boxes)
    if drawn_boxes:
        assert result.precision.value == pytest.approx(right / drawn_boxes)
        confidence, correct = matches.score[matches.evaluated], matches.correct[matches.evaluated]
        assert result.calibration_error == pytest.approx(calibration_gap(confidence, correct))
    if boxes:
        assert result.recall.value == pytest.approx(right / boxes) and result.recall.of == result.boxes
    surplus = [
        (matches.image[matches.evaluated] == image).sum() - (matches.box_image[matches.counted[0]] == image).sum()
        for image in range(len(truth))
    ]
    assert result.count_error == pytest.approx(np.mean(np.abs(surplus)))
    assert result.count_bias == pytest.approx(np.mean(surplus))
    assert result.ignored == sum(one.ignored.sum() for one in truth)


def whole() -> tuple[list[Detections], list[Truth], DetectionEvaluation]:
    stream = np.random.default_rng(2)
    lows = [stream.integers(0, 200, (5, 2)) for _ in range(30)]
    truth = [Truth.of(np.concatenate([low, low + 20], axis=1).astype(float), np.arange(5) % 3) for low in lows]
    found = made_up(truth, 3)
    return found, truth, evaluate(found, truth, ("a", "b", "c"), np.full(3, 0.4))


def test_mean_average_precisions_are_means_over_classes():
    found, truth, result = whole()
    expected = average_precision(match(found, truth), 3)[0]
    assert result.map50.value == pytest.approx(expected[0, 0].mean())
    assert result.map.value == pytest.approx(expected[0].mean())
    assert result.small.value == pytest.approx(expected[1].mean()) and result.large is None
    assert [one.map50.value for one in result.classes] == pytest.approx(expected[0, 0].tolist())
    assert [one.boxes for one in result.classes] == [60, 60, 30]


def test_an_evaluation_is_json_and_a_table_of_80_columns():
    _, _, result = whole()
    assert msgspec.json.decode(to_json(result), type=DetectionEvaluation) == result
    text = result.as_table().text()
    assert max(map(len, text.splitlines())) <= 80
    assert text.startswith(f"mAP50 {100 * result.map50.value:.1f}% (95% interval") and "on 30 images" in text


def test_what_is_said_of_boxes_leaves_out_what_the_events_of_a_training_said():
    result = whole()[2]
    of_boxes = "".join(result.of_boxes())
    assert all(word in of_boxes for word in ("mAP50-95", "that it draws", "Of the objects", "wrong by"))
    assert "calibration" not in of_boxes and "calibration" in "".join(result.notes)


def test_nothing_found_and_nothing_to_find_give_no_figures():
    none = Detections(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))
    empty = evaluate([none], [Truth.of(np.zeros((0, 4)), np.zeros(0, np.int64))], ("a",), np.full(1, 0.5))
    assert (empty.map50, empty.precision, empty.recall, empty.calibration_error) == (None,) * 4
    assert empty.count_error == 0 and empty.as_table().text().startswith("mAP50 - on 1 image")


def test_images_of_one_group_widen_the_intervals():
    found, truth, alone = whole()
    groups = np.repeat(np.arange(30), 4)
    many = [[each[at] for at in groups] for each in (found, truth)]
    same, apart = (evaluate(*many, ("a", "b", "c"), np.full(3, 0.4), groups=at) for at in (groups, None))
    assert same.groups == 30 and same.recall.value == alone.recall.value
    for figure in ("map50", "precision", "recall"):
        one, other = getattr(same, figure), getattr(apart, figure)
        assert one.high - one.low > 1.5 * (other.high - other.low)


def test_a_promise_of_recall_is_reported_as_the_mean_over_images():
    found, truth, _ = whole()
    promised = RecallPromised(promise="recall=0.8", threshold=0.4, images=70, found=0.85)
    kept = evaluate(found, truth, ("a", "b", "c"), np.full(3, 0.4), promised=promised).promise
    shares = [np.mean(match([one], [other]).found_at >= 0.4) for one, other in zip(found, truth, strict=True)]
    assert kept.found.value == pytest.approx(np.mean(shares))
    assert kept.found.low < kept.found.value < kept.found.high and "promised: at least 80.0%" in kept.text
    none = match([found[0]], [Truth.of(np.zeros((0, 4)), np.zeros(0, np.int64))])
    assert recall_kept(promised, none) is None
