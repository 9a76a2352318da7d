import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.trust.calibration import (
    SPREAD,
    UNSCALED,
    Scored,
    ScoreScale,
    calibrate,
    calibrated,
    confidences,
    fit_scale,
    scale_helps,
    score_of,
)
from eyebright.tasks.detection.trust.matching import Truth, match
from eyebright.trust.calibration import calibration_gap


def detections(slope: float, shift: float, count: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Confidences, and whether each is correct: as often as the scale of its logit says."""
    stream = np.random.default_rng(seed)
    logits = stream.normal(-0.5, 1.5, count)
    return expit(logits), stream.random(count) < expit(slope * logits + shift)


def test_the_scale_is_that_of_a_logistic_regression():
    scores, correct = detections(1.7, -0.8)
    expected = LogisticRegression(C=1e9).fit(logit(scores)[:, None], correct)
    assert fit_scale(scores, correct) == pytest.approx((expected.coef_[0, 0], expected.intercept_[0]), abs=0.01)


def test_a_scale_makes_other_confidences_the_share_that_is_correct():
    scale = fit_scale(*detections(2.0, 1.0))
    scores, correct = detections(2.0, 1.0, seed=1)
    sure = confidences(scores, np.zeros(len(scores), np.int64), [scale])
    assert calibration_gap(scores, correct) > 0.1 > 0.02 > calibration_gap(sure, correct)
    assert np.array_equal(np.argsort(sure), np.argsort(scores))


@pytest.mark.parametrize(("slope", "shift", "helps"), [(2.0, 1.0, True), (1.0, 0.0, False)])
def test_a_scale_is_kept_where_it_helps_on_other_images(slope, shift, helps):
    scores, correct = detections(slope, shift, 600)
    of_class = Scored(scores, correct, np.zeros(600, np.int64), np.arange(600) // 6)
    assert scale_helps(of_class) is helps
    assert not scale_helps(of_class, ScoreScale(slope, shift))  # what all classes have cannot be bettered


def test_few_detections_are_never_certain():
    scale = fit_scale(np.array([0.6, 0.7, 0.9]), np.ones(3, np.bool_))
    assert 0.6 < expit(scale.slope * logit(0.9) + scale.shift) < 0.99


def test_few_detections_of_a_class_stay_near_the_scale_of_all():
    """The first and second derivative of the loss are 0 and positive where the two forces balance."""
    common, (scores, correct) = ScoreScale(2.0, 0.5), detections(1.0, -1.5, 40)
    few, many = (fit_scale(scores[:count], correct[:count], common) for count in (10, 40))
    alone = fit_scale(scores, correct)
    assert abs(few.shift - 0.5) < abs(many.shift - 0.5) < abs(alone.shift - 0.5)

    right, wrong = correct.sum(), (~correct).sum()
    target = np.where(correct, (right + 1) / (right + 2), 1 / (wrong + 2))
    surplus = expit(many.slope * logit(scores) + many.shift) - target
    assert surplus.sum() == pytest.approx(-(many.shift - common.shift) / SPREAD[1] ** 2, abs=0.01)


def of_two_classes(images: int) -> tuple[list[Detections], list[Truth]]:
    """At scores from 0.3 to 0.9, class 0 is right as often as its score says, and class 1 always."""
    stream, found, truth = np.random.default_rng(0), [], []
    low = 20.0 * np.arange(8)
    corners, labels = np.stack([low, low, low + 9, low + 9], axis=1), np.array([0] * 4 + [1] * 4)
    for _ in range(images):
        scores = stream.uniform(0.3, 0.9, 8)
        right = (stream.random(8) < scores) | (labels == 1)
        found.append(Detections(corners, labels, scores))
        truth.append(Truth.of(corners[right], labels[right]))
    return found, truth


def test_a_class_has_a_scale_of_its_own_where_that_is_better_on_other_images():
    found, truth = of_two_classes(60)
    first, second = calibrate(match(found, truth), 2)
    assert confidences(np.array([0.5, 0.5]), np.arange(2), [first, second]) == pytest.approx([0.5, 0.97], abs=0.06)
    alike = [one._replace(labels=np.zeros(len(one.labels), np.int64)) for one in truth]
    both = match([Detections(one.corners, 0 * one.labels, one.scores) for one in found], alike)
    assert calibrate(both, 2)[0] == calibrate(both, 2)[1] != UNSCALED  # class 1 has nothing to fit


def test_what_is_in_a_crowd_or_far_below_the_threshold_fits_nothing():
    corners = np.array([[0.0, 0, 9, 9], [50, 50, 59, 59], [80, 80, 89, 89]])
    truth = [Truth(corners[:2], np.zeros(2, np.int64), np.array([False, True]))] * 40
    found = [Detections(corners, np.zeros(3, np.int64), np.array([0.7, 0.6, 0.1]))] * 40  # the last one is always wrong
    (scale,) = calibrate(match(found, truth), 1)
    assert scale != UNSCALED and confidences(np.array([0.7]), np.zeros(1, np.int64), [scale])[0] > 0.95
    without = [one.at(np.array([True, False, False])) for one in found]
    assert (scale,) == calibrate(match(without, truth), 1)
    assert calibrate(match(found[:1], truth[:1]), 1) == (UNSCALED,)  # nothing shows whether it helps


def test_confidences_are_those_of_scipy_and_scores_of_0_and_1_stay():
    scales, scores = [ScoreScale(2.0, -1.0), ScoreScale(0.4, 0.3)], np.array([0.0, 0.2, 0.7, 1.0], np.float32)
    labels = np.array([0, 1, 0, 1])
    exact = logit(scores.astype(float))
    expected = [0, expit(0.4 * exact[1] + 0.3), expit(2 * exact[2] - 1), 1]
    assert confidences(scores, labels, scales) == pytest.approx(expected, rel=1e-12)
    assert score_of(confidences(scores[1:2], labels[1:2], scales)[0], scales[1]) == pytest.approx(0.2)


def test_detections_are_sorted_by_their_calibrated_confidences():
    found = Detections(np.arange(8.0).reshape(2, 4), np.array([0, 1]), np.array([0.8, 0.6]))
    surest = calibrated(found, [UNSCALED, ScoreScale(1.0, 3.0)])
    assert surest.labels.tolist() == [1, 0] and surest.corners[:, 0].tolist() == [4, 0]
    assert surest.scores == pytest.approx([expit(logit(0.6) + 3), 0.8])
