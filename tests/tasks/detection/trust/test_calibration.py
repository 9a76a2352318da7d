import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.trust.calibration import UNSCALED, Scale, calibrate, fit_scale, scale_helps
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
    assert calibration_gap(scores, correct) > 0.1 > 0.02 > calibration_gap(scale(scores), correct)
    assert np.array_equal(np.argsort(scale(scores)), np.argsort(scores))


@pytest.mark.parametrize(("slope", "shift", "helps"), [(2.0, 1.0, True), (1.0, 0.0, False)])
def test_a_scale_is_kept_where_it_helps_on_other_images(slope, shift, helps):
    scores, correct = detections(slope, shift, 600)
    assert scale_helps(scores, correct, np.arange(600) // 6) is helps


def test_few_detections_are_never_certain():
    scale = fit_scale(np.array([0.6, 0.7, 0.9]), np.ones(3, np.bool_))
    assert 0.6 < scale(np.array([0.9]))[0] < 0.99


def test_what_is_in_a_crowd_or_far_below_the_threshold_fits_nothing():
    corners = np.array([[0.0, 0, 9, 9], [50, 50, 59, 59], [80, 80, 89, 89]])
    truth = [Truth(corners[:2], np.zeros(2, np.int64), np.array([False, True]))] * 40
    found = [Detections(corners, np.zeros(3, np.int64), np.array([0.7, 0.6, 0.1]))] * 40  # the last one is always wrong
    scale = calibrate(match(found, truth))
    assert scale != UNSCALED and scale(np.array([0.7]))[0] > 0.95
    without = [one.at(np.array([True, False, False])) for one in found]
    assert scale == calibrate(match(without, truth))
    assert calibrate(match(found[:1], truth[:1])) == UNSCALED  # nothing shows whether it helps


def test_scores_of_0_and_1_stay():
    assert Scale(2.0, -1.0)(np.array([0.0, 1.0])).tolist() == [0, 1]
