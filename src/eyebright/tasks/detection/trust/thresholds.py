"""The confidence from which on a detection is shown: it is part of the model.

It is the one with the best F1 on validation images. With calibrated confidences that is half the best F1: showing one
more detection raises F1 where its confidence is above that (Lipton et al. 2014, "Optimal Thresholding of Classifiers to
Maximize F1 Measure", theorem 1). So half the best F1 is taken, unless the threshold that is best on these images is
better by more than a standard error: by few images, or over a gap between scores, that one is decided by chance.

Or it is the highest that keeps a promise such as `recall=0.95`: of the objects in an image, at least this share is
found, on average over images. Boxes of one image are not independent, so that each image (or group of images) counts
once, by the share of its objects that is missed. A promise rests on images that picked nothing else, and holds with a
confidence of 95%.

Source: Bates et al. 2021, "Distribution-Free, Risk-Controlling Prediction Sets", for the threshold: recall only falls
as it rises, so that it may be raised until a test fails. Waudby-Smith and Ramdas 2024, "Estimating means of bounded
random variables by betting", section 5 and its appendix on approximate Kelly bets, for the test.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.system.errors import DataError
from eyebright.system.records import Record
from eyebright.system.text import counted, percent
from eyebright.tasks.detection.trust.matching import Matches
from eyebright.trust.calibration import FOLDS
from eyebright.trust.promise import asked
from eyebright.trust.selective import CHANCE

MEASURES = ("recall",)
_STAKE = 0.9  # of the capital, at most, on one image: after one image without any object found, a promise is possible


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
        return np.asarray(matches.judged & self.images[matches.image] & self.classes[matches.label])

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


class RecallPromise(NamedTuple):
    """A promise that of the objects in an image at least this share is found, on average.

    Args:
        least: The share, above 0 and below 1.
    """

    least: float

    @classmethod
    def of(cls, text: str) -> "RecallPromise":
        """The promise that a text such as "recall=0.95" asks for.

        Raises:
            SettingsError: When it asks for something else, or the share is not between 0 and 1.
        """
        return cls(asked(text, MEASURES)[1])

    @property
    def risk(self) -> float:
        """The share of missed objects that the promise allows."""
        return round(1 - self.least, 12)

    @property
    def least_images(self) -> int:
        """How many images it takes, if all objects in them are found."""
        return math.ceil(math.log(1 / CHANCE) / math.log1p(_STAKE / (1 - self.risk) * self.risk) - 1e-9)

    def __str__(self) -> str:
        return f"recall={self.least:g}"

    def require_enough(self, images: int) -> None:
        """Refuse a promise that so many images could not prove, even if all objects were found.

        Raises:
            DataError: With the number of images that it takes.
        """
        if images < self.least_images:
            raise DataError(
                f"{self} takes at least {counted(self.least_images, 'held-back image')} with objects, all of them "
                f"found, and there {'is' if images == 1 else 'are'} {images:,}: promise less, or add images"
            )


class RecallPromised(Record, frozen=True, kw_only=True):
    """A promise that is made.

    Args:
        promise: What is promised, such as "recall=0.95".
        threshold: The confidence from which on detections are shown to keep it, 0 to 1.
        images: On how many independent images, or groups of images, it rests.
        found: The share of their objects that is found with it, the mean over images.
    """

    promise: str
    threshold: float
    images: int
    found: float

    @property
    def text(self) -> str:
        """A sentence for people."""
        return (
            f"Promise {self.promise}, by {counted(self.images, 'held-back image')}: boxes of a confidence of at least "
            f"{percent(self.threshold)} are drawn; {percent(self.found)} of the objects in them are found."
        )


def promise_recall(promise: RecallPromise, matches: Matches, groups: NDArray[np.int64] | None = None) -> RecallPromised:
    """Make a promise by images that were used for no choice.

    Args:
        promise: What is promised.
        matches: Of these images, with calibrated confidences.
        groups: Group number of each image, `(N,)`; None if images are independent.

    Raises:
        DataError: When it takes more images than there are, or too many objects are not found at all.
    """
    candidates = np.unique(matches.found_at[matches.counted[0] & np.isfinite(matches.found_at)])
    missed = missed_shares(matches, candidates, groups)
    promise.require_enough(missed.shape[1])
    kept = _surely_below(missed, promise.risk)
    count = len(kept) if kept.all() else int(kept.argmin())
    if not count:
        share = percent(1 - missed[0].mean()) if len(missed) else "none"
        raise DataError(
            f"{promise} cannot be kept: with all detections, {share} of the objects in {missed.shape[1]:,} held-back "
            "images are found, which does not prove it. Promise less, train longer, or add images"
        )
    at = count - 1
    return RecallPromised(
        promise=str(promise),
        threshold=float(candidates[at]),
        images=missed.shape[1],
        found=1 - float(missed[at].mean()),
    )


def missed_shares(
    matches: Matches, thresholds: NDArray[np.float64], groups: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """The share of the objects in each image, or group, that is missed at each threshold, `(thresholds, groups)`.

    Images without objects are left out.
    """
    members = np.arange(matches.images) if groups is None else groups
    counted_boxes = matches.counted[0]
    _, group = np.unique(members[matches.box_image[counted_boxes]], return_inverse=True)
    scores = matches.found_at[counted_boxes]
    number = int(group.max()) + 1 if len(group) else 0
    missed = np.zeros((len(thresholds), number))
    for row, threshold in enumerate(thresholds):
        missed[row] = np.bincount(group, scores < threshold, number)
    result: NDArray[np.float64] = missed / np.maximum(np.bincount(group, minlength=number), 1)
    return result


def _surely_below(losses: NDArray[np.float64], risk: float) -> NDArray[np.bool_]:
    """Whether the mean of each row of losses, 0 to 1, `(rows, n)`, is surely below the risk, `(rows,)`.

    A gambler bets against a mean above the risk: if it were above, a capital of 1 would reach 20 with a probability of
    at most 5%. Each bet only depends on the images before.
    """
    shuffled = losses[:, np.random.default_rng(0).permutation(losses.shape[1])]
    capital, best = np.ones(len(losses)), np.ones(len(losses))
    total, squares = np.zeros(len(losses)), np.full(len(losses), risk**2 / 4)
    for number, loss in enumerate(shuffled.T, 1):
        edge = np.maximum(risk - total / number, 0)
        bet = np.minimum(edge / (squares / number + edge**2), _STAKE / (1 - risk))
        capital *= 1 - bet * (loss - risk)
        best = np.maximum(best, capital)
        squares += (loss - total / number) ** 2
        total += loss
    return best >= (1 / CHANCE) * (1 - 1e-9)
