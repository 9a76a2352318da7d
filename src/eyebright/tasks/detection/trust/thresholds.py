"""The confidence from which on a detection is shown: it is part of the model.

It is the one with the best F1 on validation images. With calibrated confidences that is half the best F1: showing one
more detection raises F1 where its confidence is above that (Lipton et al. 2014, "Optimal Thresholding of Classifiers to
Maximize F1 Measure", theorem 1). So half the best F1 is taken, unless the threshold that is best on these images is
better by more than a standard error: by few images, or over a gap between scores, that one is decided by chance.

Or it is the highest that keeps a promise of recall; see `promise.py`.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.tasks.detection.trust.matching import Matches
from eyebright.trust.calibration import FOLDS


def best_thresholds(matches: Matches, num_classes: int, groups: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """The thresholds with the best F1, `(classes,)`: one for all, or one a class where that is better on other images.

    Args:
        matches: Of validation images.
        num_classes: Number of classes.
        groups: Group number of each image, `(N,)`; None if images are independent.
    """
    group = np.arange(matches.images) if groups is None else np.unique(groups, return_inverse=True)[1]
    whole, gains = _Part(matches, group, np.ones(matches.images, np.bool_), np.ones(num_classes, np.bool_)), []
    for fold in range(FOLDS):
        here = group % FOLDS == fold
        if here.any() and not here.all():
            fitted, other = whole._replace(images=~here), whole._replace(images=here)
            one, each = (np.full(num_classes, _best(fitted)), _each(fitted))
            gains.append(_f1(other, each)[0] - _f1(other, one)[0])
    better = len(gains) > 1 and np.mean(gains) > np.std(gains, ddof=1) / math.sqrt(len(gains))
    return _each(whole) if better else np.full(num_classes, _best(whole))


class _Part(NamedTuple):
    """Some of the images and classes: for each image its group and whether it is one of them, and for each class."""

    matches: Matches
    group: NDArray[np.int64]
    images: NDArray[np.bool_]
    classes: NDArray[np.bool_]

    @property
    def detections(self) -> NDArray[np.bool_]:
        """Which detections are right or wrong there, `(D,)`."""
        matches = self.matches
        return np.asarray(matches.evaluated & self.images[matches.image] & self.classes[matches.label])

    @property
    def boxes(self) -> NDArray[np.bool_]:
        """Which boxes count there, `(B,)`."""
        matches = self.matches
        return np.asarray(matches.counted[0] & self.images[matches.box_image] & self.classes[matches.box_label])


def _each(part: _Part) -> NDArray[np.float64]:
    """One a class; that of all for a class without a correct detection."""
    found = np.full(len(part.classes), _best(part))
    for label in np.unique(part.matches.label[part.detections & part.matches.correct]).tolist():
        found[label] = _best(part._replace(classes=np.arange(len(found)) == label))
    return found


def _best(part: _Part) -> float:
    """Half the best F1, unless the threshold with the best F1 is better by more than a standard error.

    That one lies in the middle between two scores. 0.5 without a correct detection.
    """
    here = part.detections
    order = np.argsort(-part.matches.score[here], kind="stable")
    scores, hits = part.matches.score[here][order], np.cumsum(part.matches.correct[here][order])
    if not len(scores) or not hits[-1]:
        return 0.5
    ends = np.flatnonzero(np.append(scores[1:] < scores[:-1], True))
    f1 = 2 * hits[ends] / (ends + 1 + part.boxes.sum())
    best = int(f1.argmax())
    middle = (scores[ends[best]] + np.append(scores, 0.0)[ends[best] + 1]) / 2
    half = f1[best] / 2
    (ours, shares), (theirs, other_shares) = (_f1(part, np.full(len(part.classes), each)) for each in (middle, half))
    count = len(shares)
    surely_better = count > 1 and ours - theirs > (shares - other_shares).std(ddof=1) * math.sqrt(count)
    return float(middle if surely_better else half)


def _f1(part: _Part, thresholds: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """F1 at the thresholds of the classes, and by how much each group raises or lowers it, `(groups,)`."""
    matches, number = part.matches, int(part.group.max()) + 1
    shown = part.detections & (matches.score >= thresholds[matches.label])
    hits, found, boxes = (
        np.bincount(part.group[images], minlength=number)
        for images in (matches.image[shown & matches.correct], matches.image[shown], matches.box_image[part.boxes])
    )
    total = max(int((found + boxes).sum()), 1)
    f1 = 2 * int(hits.sum()) / total
    return f1, (2 * hits - f1 * (found + boxes)) / total
