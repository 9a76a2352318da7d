import numpy as np
import pytest

from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.trust.matching import Truth, match
from eyebright.tasks.detection.trust.metrics import DetectionEvaluation, evaluate_matches
from eyebright.tasks.detection.trust.verdicts import DetectionEvidence, diagnose, recall_by_size
from eyebright.trust.intervals import Share

CLASSES = ("cat", "dog", "owl")


def evaluated(found_share: tuple[float, float, float], images: int = 150, wrong: int = 0) -> DetectionEvaluation:
    """Of images with two objects of each class, of which a detector finds these shares, in all images or in none."""
    stream = np.random.default_rng(images)
    low = 30.0 * np.arange(6)
    corners, labels = np.stack([low, low, low + 20, low + 20], axis=1), np.arange(6) % 3
    truth, found = [Truth.of(corners, labels)] * images, []
    for _ in range(images):
        seen = stream.random(6) < np.array(found_share)[labels]
        others = corners[:wrong] + np.array([200, 0, 200, 0])
        found.append(Detections(
            np.concatenate([corners[seen], others]), np.concatenate([labels[seen], labels[:wrong]]),
            np.concatenate([np.full(seen.sum(), 0.8), np.full(wrong, 0.9)]),
        ))  # fmt: skip
    return evaluate_matches(match(found, truth), CLASSES, np.full(3, 0.5))


GOOD, FAIR, POOR = evaluated((0.95, 0.95, 0.95)), evaluated((0.85, 0.85, 0.85)), evaluated((0.3, 0.3, 0.3))


def evidence(
    train: DetectionEvaluation = GOOD,
    validation: DetectionEvaluation = FAIR,
    small: Share | None = None,
    others: Share | None = None,
    minutes: float = 0.0,
    leaking: int = 0,
) -> DetectionEvidence:
    return DetectionEvidence(
        train, validation, small, others, size=320, images=200, minutes=minutes, leaking=leaking, held_out=200
    )


def kinds(given: DetectionEvidence) -> list[str]:
    return [verdict.kind for verdict in diagnose(given)]


def test_a_sound_detector_has_no_problem():
    (verdict,) = diagnose(evidence())
    assert verdict.kind == "no problem found"
    assert verdict.text.startswith("Looks good: no problem found. Training mAP50 9")


@pytest.mark.parametrize(("leaking", "suspected"), [(2, False), (3, True)])  # more than 1% of 200
def test_near_duplicates_across_sets_come_first(leaking, suspected):
    found = diagnose(evidence(POOR, POOR, leaking=leaking))
    assert [one.kind for one in found[:-1]] == ["leak suspected"] * suspected and found[-1].kind == "underfitting"
    if suspected:
        assert found[0].text.startswith("Leak suspected: 3 of the 200 validation and test images have a near-duplicate")
        assert found[0].advice.endswith("\n  eyebright audit PICTURES")


def test_a_detector_that_does_not_know_its_training_images_underfits():
    verdict = diagnose(evidence(POOR, POOR, minutes=3))[0]
    assert verdict.kind == "underfitting" and verdict.remedy == {"minutes": 6}
    assert verdict.advice.endswith("\n  eyebright train PICTURES -o NEW --minutes 6")


def test_a_detector_that_knows_its_training_images_much_better_overfits():
    assert kinds(evidence(GOOD, evaluated((0.6, 0.6, 0.6)))) == ["overfitting"]


def test_few_validation_images_are_too_few():
    verdict = diagnose(evidence(GOOD, evaluated((0.8, 0.8, 0.8), images=4)))[-1]
    assert verdict.kind == "too few images" and "with 4 validation images mAP50 is uncertain" in verdict.short


def test_a_class_that_is_found_much_less_often_fails():
    verdict = next(one for one in diagnose(evidence(GOOD, evaluated((0.95, 0.95, 0.3)))) if one.kind == "class failing")
    assert "of the 300 owl objects are found, against" in verdict.text and "Also" not in verdict.text


def test_the_hardest_class_does_not_fail():
    assert "class failing" not in kinds(evidence(GOOD, evaluated((0.95, 0.9, 0.75))))


@pytest.mark.parametrize(("right", "of", "missed"), [(20, 80, True), (60, 80, False), (0, 1, False)])
def test_small_objects_that_are_missed_ask_for_larger_images(right, of, missed):
    others = Share.from_counts(450, 500)
    found = diagnose(evidence(small=Share.from_counts(right, of), others=others))
    shown = [one for one in found if one.kind == "small objects missed"]
    assert bool(shown) == missed
    if shown:
        assert shown[0].remedy == {"size": 480} and shown[0].advice.endswith("train PICTURES -o NEW --size 480")


def test_what_is_small_depends_on_the_size_of_the_prepared_image():
    corners, labels = np.array([[0.0, 0, 20, 20], [100, 100, 160, 160]]), np.zeros(2, np.int64)
    truth = [Truth.of(corners, labels)] * 3
    matches = match([Detections(corners[1:], labels[1:], np.ones(1))] * 3, truth)
    small, others = recall_by_size(matches, np.array([0.5]), np.array([0.5, 0.5, 1.0]))
    assert (small.right, small.of, others.right, others.of) == (0, 2, 3, 4)
    assert recall_by_size(matches, np.array([0.5]), np.full(3, 2.0))[0] is None
