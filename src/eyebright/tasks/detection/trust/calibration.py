"""Calibrated confidences of boxes: of the detections with a confidence of 80%, 80% are correct.

Correct means that a detection overlaps a box of its class by at least half. The confidence is sigmoid(a z + b) of the
logit z of the network's score; a and b are fitted on validation images. A scale is kept only where it helps on other
images: one for all classes, then one for a class where that is better still. That of a class is drawn towards the
common one, the more the fewer detections it has.

Source: Platt 1999, "Probabilistic Outputs for Support Vector Machines", with the targets of its section 2.2; Küppers
et al. 2020, "Multivariate Confidence Calibration for Object Detection", for what is correct; Breiman et al. 1984,
"Classification and Regression Trees", section 3.4.3, for the rule of one standard error.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.trust.matching import Matches
from eyebright.tasks.detection.trust.thresholds import best_thresholds
from eyebright.trust.calibration import FOLDS

NEARLY_SHOWN = 0.75
"""Detections are fitted whose score is at least this part of the threshold of their class.

Below it are many that are never shown; they would decide the fit. On blood cells the calibration error of what is shown
was 0.045 with it, 0.065 with all detections whose score is above 0.05, and 0.175 without calibration (12 random splits;
it was chosen on these images)."""
SPREAD = (0.5, 1.0)
"""How far the scale of a class usually is from the common one: standard deviations of log(slope) and of the shift.

Of four pairs between (0.25, 0.5) and (10, 20) it had the lowest log loss, or one within 0.002 of it, on 12 random
splits of the images of four detectors of blood cells; for one of traffic lights twice as much was 0.004 better."""


class ScoreScale(NamedTuple):
    """The confidence sigmoid(slope * logit + shift); slope is above 0, so that the order of detections stays."""

    slope: float
    shift: float


UNSCALED = ScoreScale(1.0, 0.0)


def confidences(
    scores: NDArray[np.floating], labels: NDArray[np.int64], scales: Sequence[ScoreScale]
) -> NDArray[np.float64]:
    """Calibrated confidences of detections, 0 to 1, `(N,)`.

    Args:
        scores: As the network gives them, 0 to 1, `(N,)`.
        labels: The class of each, `(N,)`.
        scales: The scale of each class.
    """
    slope, shift = np.array(scales)[labels].T
    with np.errstate(divide="ignore", over="ignore"):  # scores of 0 and 1 stay
        exact = scores.astype(np.float64)
        return np.asarray(1 / (1 + np.exp(-(slope * (np.log(exact) - np.log1p(-exact)) + shift))), np.float64)


def calibrated(found: Detections, scales: Sequence[ScoreScale]) -> Detections:
    """The same detections with calibrated confidences in place of scores, the surest first."""
    sure = confidences(found.scores, found.labels, scales)
    return Detections(found.corners, found.labels, sure).at(np.argsort(-sure, kind="stable"))


def score_of(confidence: float, scale: ScoreScale) -> float:
    """The score whose calibrated confidence this is, both 0 to 1."""
    inverse = ScoreScale(1 / scale.slope, -scale.shift / scale.slope)
    return float(confidences(np.array([confidence]), np.zeros(1, np.int64), [inverse])[0])


class Scored(NamedTuple):
    """Detections that a scale is fitted on: score, whether correct, class and group of each, `(N,)`."""

    score: NDArray[np.float64]
    correct: NDArray[np.bool_]
    label: NDArray[np.int64]
    group: NDArray[np.int64]

    def at(self, chosen: NDArray[np.bool_]) -> "Scored":
        """Some of them."""
        return Scored(self.score[chosen], self.correct[chosen], self.label[chosen], self.group[chosen])


def calibrate(matches: Matches, num_classes: int, groups: NDArray[np.int64] | None = None) -> tuple[ScoreScale, ...]:
    """The scale of each class that makes confidences the shares that are correct; `UNSCALED` where none helps.

    Args:
        matches: Of validation images, with the scores as the network gives them.
        num_classes: Number of classes.
        groups: Group number of each image, `(N,)`; None if images are independent.
    """
    shown = best_thresholds(matches, num_classes, groups)[matches.label]
    used = matches.evaluated & (matches.score >= NEARLY_SHOWN * shown) & (matches.score < 1)
    members = (np.arange(matches.images) if groups is None else groups)[matches.image]
    every = Scored(matches.score, matches.correct, matches.label, members).at(used)
    common = fit_scale(every.score, every.correct) if scale_helps(every) else UNSCALED
    scales = []
    for label in range(num_classes):
        of_class = every.at(every.label == label)
        own = scale_helps(of_class, common)
        scales.append(fit_scale(of_class.score, of_class.correct, common) if own else common)
    return tuple(scales)


def fit_scale(scores: NDArray[np.float64], correct: NDArray[np.bool_], common: ScoreScale | None = None) -> ScoreScale:
    """The scale with the lowest log loss.

    Args:
        scores: Of detections, as the network gives them, above 0 and below 1, `(N,)`.
        correct: Whether each is correct, `(N,)`.
        common: The scale that it is drawn towards; None for none.
    """
    from scipy.optimize import minimize
    from scipy.special import expit, logit

    right, wrong = int(correct.sum()), int((~correct).sum())
    target, logits = np.where(correct, (right + 1) / (right + 2), 1 / (wrong + 2)), logit(scores)
    usual = np.zeros(2) if common is None else np.array([np.log(common.slope), common.shift])
    strength = (0.0 if common is None else 1.0) / (np.array(SPREAD) ** 2 * max(len(scores), 1))

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        raw = np.exp(at[0]) * logits + at[1]
        surplus, apart = expit(raw) - target, at - usual
        gradient = np.array([np.exp(at[0]) * (surplus * logits).mean(), surplus.mean()]) + strength * apart
        return float((np.logaddexp(0, raw) - target * raw).mean() + (strength * apart**2).sum() / 2), gradient

    found = minimize(loss, usual, jac=True, bounds=[(-3, 3), (-10, 10)], method="L-BFGS-B")
    return ScoreScale(float(np.exp(found.x[0])), float(found.x[1]))


def scale_helps(detections: Scored, common: ScoreScale | None = None) -> bool:
    """Whether a fitted scale lowers the log loss of images that it was not fitted on, by more than a standard error.

    Args:
        detections: What it is fitted on; a group is in one fold, and counts as one.
        common: The scale that it is drawn towards and compared with; None for none.
    """
    group = np.unique(detections.group, return_inverse=True)[1]
    if not len(group) or group.max() == 0:
        return False
    before = _losses(detections, common or UNSCALED)
    after = before.copy()
    for fold in range(FOLDS):
        here = group % FOLDS == fold
        if here.any():
            others = detections.at(~here)
            after[here] = _losses(detections.at(here), fit_scale(others.score, others.correct, common))
    lower = np.bincount(group, before - after)
    return bool(lower.sum() > lower.std(ddof=1) * np.sqrt(len(lower)))


def _losses(detections: Scored, scale: ScoreScale) -> NDArray[np.float64]:
    """The log loss of each detection, `(N,)`."""
    sure = confidences(detections.score, np.zeros(len(detections.score), np.int64), [scale])
    return np.asarray(-np.log(np.where(detections.correct, sure, 1 - sure)), np.float64)
