"""Calibrated confidences of boxes: of the detections with a confidence of 80%, 80% are correct.

Correct means that a detection overlaps a box of its class by at least half. The confidence is sigmoid(a z + b) of the
logit z that the network gives; a and b are fitted on validation images, and kept only where they help.

Source: Platt 1999, "Probabilistic Outputs for Support Vector Machines", with the targets of its section 2.2; Küppers
et al. 2020, "Multivariate Confidence Calibration for Object Detection", for what is correct.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.tasks.detection.trust.matching import Matches
from eyebright.tasks.detection.trust.thresholds import best_thresholds
from eyebright.trust.calibration import FOLDS

NEARLY_SHOWN = 0.75
"""Detections are fitted from this part of the threshold on: those below are many, are never shown, and would decide.

On blood cells the calibration error of what is shown was 0.045 with it, 0.065 with all detections above 0.05, and 0.175
without calibration (12 random splits; it was chosen on these images)."""


class Scale(NamedTuple):
    """The confidence sigmoid(slope * logit + shift); slope is above 0, so that the order of detections stays."""

    slope: float
    shift: float

    def __call__(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Calibrated confidences of scores, both 0 to 1, `(N,)`."""
        from scipy.special import expit, logit

        return np.asarray(expit(self.slope * logit(scores.astype(np.float64)) + self.shift), np.float64)


UNSCALED = Scale(1.0, 0.0)


def calibrate(matches: Matches, groups: NDArray[np.int64] | None = None) -> Scale:
    """The scale that makes confidences the shares that are correct; `UNSCALED` where none does so on other images.

    Args:
        matches: Of validation images, with the scores as the network gives them.
        groups: Group number of each image, `(N,)`; None if images are independent.
    """
    classes = max(matches.label.max(initial=0), matches.box_label.max(initial=0)) + 1
    shown = best_thresholds(matches, int(classes), groups)[matches.label]
    used = matches.judged & (matches.score >= NEARLY_SHOWN * shown) & (matches.score < 1)
    members = (np.arange(matches.images) if groups is None else groups)[matches.image[used]]
    scores, correct = matches.score[used], matches.correct[used]
    return fit_scale(scores, correct) if scale_helps(scores, correct, members) else UNSCALED


def fit_scale(scores: NDArray[np.float64], correct: NDArray[np.bool_]) -> Scale:
    """The scale with the lowest log loss.

    Args:
        scores: Confidences of detections, above 0 and below 1, `(N,)`.
        correct: Whether each is correct, `(N,)`.
    """
    from scipy.optimize import minimize
    from scipy.special import expit, logit

    right, wrong = int(correct.sum()), int((~correct).sum())
    target, logits = np.where(correct, (right + 1) / (right + 2), 1 / (wrong + 2)), logit(scores)

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        raw = np.exp(at[0]) * logits + at[1]
        surplus = expit(raw) - target
        gradient = np.array([np.exp(at[0]) * (surplus * logits).mean(), surplus.mean()])
        return float((np.logaddexp(0, raw) - target * raw).mean()), gradient

    found = minimize(loss, np.zeros(2), jac=True, bounds=[(-3, 3), (-10, 10)], method="L-BFGS-B")
    return Scale(float(np.exp(found.x[0])), float(found.x[1]))


def scale_helps(scores: NDArray[np.float64], correct: NDArray[np.bool_], groups: NDArray[np.int64]) -> bool:
    """Whether a fitted scale lowers the log loss of images that it was not fitted on, by more than a standard error.

    Args:
        scores: Confidences, above 0 and below 1, `(N,)`.
        correct: Whether each detection is correct, `(N,)`.
        groups: The image, or group of images, of each: a group is in one fold, and counts as one, `(N,)`.

    Source: Breiman et al. 1984, "Classification and Regression Trees", section 3.4.3 (the rule of one standard error).
    """
    group = np.unique(groups, return_inverse=True)[1]
    if not len(group) or group.max() == 0:
        return False
    scaled = scores.copy()
    for fold in range(FOLDS):
        here = group % FOLDS == fold
        if here.any():
            scaled[here] = fit_scale(scores[~here], correct[~here])(scores[here])
    before, after = (np.log(np.where(correct, each, 1 - each)) for each in (scores, scaled))
    lower = np.bincount(group, after - before)
    return bool(lower.sum() > lower.std(ddof=1) * np.sqrt(len(lower)))
