"""How good a detector is: average precision, and at its threshold precision, recall and counts, with intervals.

Boxes of one image, and images of one group, are not independent: every interval resamples whole groups of images.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from eyebright.system.records import Record
from eyebright.system.table import Table, Tabular
from eyebright.system.text import counted, percent
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.trust.matching import Matches, Truth, match
from eyebright.tasks.detection.trust.precision import Estimate, Precisions
from eyebright.tasks.detection.trust.promise import RecallPromise, RecallPromised, missed_shares
from eyebright.trust.calibration import ErrorByChance, calibration_gap, calibration_text
from eyebright.trust.intervals import Share, mean_interval, share_of


class BoxScore(Record, frozen=True, kw_only=True):
    """Scores of one class.

    Args:
        name: The class.
        boxes: Number of its boxes.
        map50: Average precision at an overlap of 0.5; None without boxes.
        map: The mean of it over overlaps from 0.5 to 0.95; None without boxes.
        precision: Of the detections at the threshold, the share that are correct; None without detections.
        recall: Of the boxes, the share that a detection at the threshold meets; None without boxes.
        count_error: Mean distance between the numbers of detections and of boxes in an image.
    """

    name: str
    boxes: int
    map50: Estimate | None
    map: Estimate | None
    precision: Share | None
    recall: Share | None
    count_error: float


class RecallKept(Record, frozen=True, kw_only=True):
    """Whether a promise of recall is kept on images that it does not rest on.

    Args:
        promise: What is promised, such as "recall=0.95".
        found: The share of the objects in an image that is found, the mean over images (or groups of them).
    """

    promise: str
    found: Estimate

    @property
    def text(self) -> str:
        """A sentence for people: what was found, and what was promised."""
        least = percent(RecallPromise.of(self.promise).least)
        return f"Of the objects in an image, {self.found} are found on average; promised: at least {least}."


class DetectionEvaluation(Tabular, Record, frozen=True, kw_only=True):
    """How good a detector is on some images.

    A detection is correct if it overlaps by at least half (intersection over union) a box of its class that no more
    confident detection has taken.

    Args:
        pictures: Number of images.
        boxes: Number of boxes that count.
        ignored: Boxes that do not count: crowds and difficult ones.
        map50: Mean over the classes of the average precision at an overlap of 0.5; None without boxes.
        map: The same, the mean over overlaps from 0.5 to 0.95.
        small: `map` of boxes of at most 32 x 32 pixels of the original image; None where there are none.
        medium: The same of larger ones, up to 96 x 96 pixels.
        large: The same of those above.
        thresholds: The confidence that a detection of each class needs.
        precision: Of the detections at the threshold, the share that are correct; None without detections.
        recall: Of the boxes, the share that a detection at the threshold meets; None without boxes.
        count_error: Mean distance between the numbers of detections and of boxes in an image.
        count_bias: Mean number of detections more than boxes; below 0 if there are fewer.
        calibration_error: Expected calibration error of the detections at the threshold, 0 to 1; None without any.
        error_by_chance: That of a perfectly calibrated detector with the same confidences.
        classes: The scores of each class.
        promise: Whether the model's promise is kept on these images; None where nothing is promised.
        seen: Images left out because the model was trained on them or selected by them.
        left_out: Images left out because they cannot be opened.
        groups: Number of groups that the images come in; 0 if each image is independent.
    """

    pictures: int
    boxes: int
    ignored: int
    map50: Estimate | None
    map: Estimate | None
    small: Estimate | None
    medium: Estimate | None
    large: Estimate | None
    thresholds: tuple[float, ...]
    precision: Share | None
    recall: Share | None
    count_error: float
    count_bias: float
    calibration_error: float | None
    error_by_chance: ErrorByChance | None
    classes: tuple[BoxScore, ...]
    promise: RecallKept | None = None
    seen: int = 0
    left_out: int = 0
    groups: int = 0

    @property
    def headline(self) -> str:
        """The mean average precision with its interval, and on how many images."""
        return f"mAP50 {self.map50 or '-'} on {counted(self.pictures, 'image')}"

    @property
    def notes(self) -> tuple[str, ...]:
        """The other figures, a sentence each."""
        calibration: tuple[str, ...] = ()
        if self.calibration_error is not None and self.error_by_chance is not None:
            error = f"Expected calibration error {self.calibration_error:.3f}"
            calibration = error, calibration_text(self.calibration_error, self.error_by_chance)
        return *self.of_boxes(), *calibration

    def of_boxes(self) -> Iterator[str]:
        """How well boxes lie, how many are right and how many objects are found, a sentence each."""
        if self.map:
            by_size = {"small": self.small, "medium": self.medium, "large": self.large}
            sizes = ", ".join(f"{name} {percent(one.value)}" for name, one in by_size.items() if one)
            yield f"mAP50-95 {self.map}: {sizes}"
        if self.precision:
            yield f"Of the boxes that it draws, {self.precision} are correct."
        if self.promise:
            yield self.promise.text
        elif self.recall:
            yield f"Of the objects, {self.recall} are found."
        yield f"The number of objects in an image is wrong by {self.count_error:.1f} on average."
        if 0 < self.groups < self.pictures:
            yield f"The images come in {counted(self.groups, 'group')}; the intervals take this into account."

    def as_table(self) -> Table:
        """The scores of each class below the mean average precision."""
        rows = [
            (
                one.name, f"{one.boxes:,}", *map(_shown, (one.map50, one.map, one.precision, one.recall)),
                f"{one.count_error:.1f}",
            )
            for one in self.classes
        ]  # fmt: skip
        header = ("class", "boxes", "mAP50", "mAP50-95", "precision", "recall", "count error")
        return Table(self.headline, header, rows, notes=self.notes)


def _shown(value: Estimate | Share | None) -> str:
    return "-" if value is None else percent(value.value)


def evaluate(
    found: Sequence[Detections],
    truth: Sequence[Truth],
    classes: Sequence[str],
    thresholds: NDArray[np.floating],
    *,
    groups: NDArray[np.int64] | None = None,
    promised: RecallPromised | None = None,
) -> DetectionEvaluation:
    """Compare detections with labelled boxes.

    Args:
        found: The detections of each image, also those below the threshold: average precision needs them.
        truth: The boxes of each of these images, at least one image.
        classes: Names of the classes.
        thresholds: The confidence that a detection of each class needs, `(classes,)`.
        groups: Group number of each image, `(N,)`; None if images are independent.
        promised: What the model promises.
    """
    return evaluate_matches(match(found, truth), classes, thresholds, groups=groups, promised=promised)


def evaluate_matches(
    matches: Matches,
    classes: Sequence[str],
    thresholds: NDArray[np.floating],
    *,
    groups: NDArray[np.int64] | None = None,
    promised: RecallPromised | None = None,
) -> DetectionEvaluation:
    """The same of what was compared before."""
    precisions, at = Precisions.of(matches, len(classes), groups), _AtThreshold(matches, thresholds, groups)
    error, by_chance = at.calibration()
    surplus = at.surplus().sum(axis=0)
    return DetectionEvaluation(
        pictures=matches.images,
        boxes=int(matches.counted[0].sum()),
        ignored=int((~matches.counted[0]).sum()),
        map50=precisions.mean(first=True),
        map=precisions.mean(),
        small=precisions.mean("small"),
        medium=precisions.mean("medium"),
        large=precisions.mean("large"),
        thresholds=tuple(map(float, thresholds)),
        precision=at.precision(),
        recall=at.recall(),
        count_error=float(np.abs(surplus).mean()),
        count_bias=float(surplus.mean()),
        calibration_error=error,
        error_by_chance=by_chance,
        classes=tuple(_score(name, label, precisions, at) for label, name in enumerate(classes)),
        promise=None if promised is None else recall_kept(promised, matches, groups),
        groups=0 if groups is None else len(np.unique(groups)),
    )


def recall_kept(
    promised: RecallPromised, matches: Matches, groups: NDArray[np.int64] | None = None
) -> RecallKept | None:
    """How a promise of recall turned out on images that it does not rest on; None where they show no object."""
    found = 1 - missed_shares(matches, np.array([promised.threshold]), groups)[0]
    if not len(found):
        return None
    low, high = mean_interval(found)
    return RecallKept(promise=promised.promise, found=Estimate(value=float(found.mean()), low=low, high=high))


class _AtThreshold:
    """What is shown and what is found at the threshold."""

    def __init__(self, matches: Matches, thresholds: NDArray[np.floating], groups: NDArray[np.int64] | None) -> None:
        self.matches, self.num_classes = matches, len(thresholds)
        self.groups = np.arange(matches.images) if groups is None else groups
        self.shown = matches.evaluated & (matches.score >= thresholds[matches.label])
        self.found = matches.found_at >= thresholds[matches.box_label]

    def precision(self, label: int | None = None) -> Share | None:
        """Of the detections, of one class or of all, the share that are correct."""
        here = self.shown if label is None else self.shown & (self.matches.label == label)
        return self._share(self.matches.correct[here], self.matches.image[here])

    def recall(self, label: int | None = None) -> Share | None:
        """Of the boxes, of one class or of all, the share that are found."""
        here = self.matches.counted[0]
        here = here if label is None else here & (self.matches.box_label == label)
        return self._share(self.found[here], self.matches.box_image[here])

    def _share(self, right: NDArray[np.bool_], images: NDArray[np.int64]) -> Share | None:
        return share_of(right, self.groups[images]) if len(right) else None

    def surplus(self) -> NDArray[np.int64]:
        """By how much the detections of each class are more than its boxes, in each image, `(classes, N)`."""
        counts = np.zeros((self.num_classes, self.matches.images), np.int64)
        boxes = self.matches.counted[0]
        np.add.at(counts, (self.matches.label[self.shown], self.matches.image[self.shown]), 1)
        np.add.at(counts, (self.matches.box_label[boxes], self.matches.box_image[boxes]), -1)
        return counts

    def calibration(self) -> tuple[float | None, ErrorByChance | None]:
        """The calibration error of the detections, and the one by chance."""
        confidence, correct = self.matches.score[self.shown], self.matches.correct[self.shown]
        if not len(confidence):
            return None, None
        groups = self.groups[self.matches.image[self.shown]]
        return calibration_gap(confidence, correct), ErrorByChance.of(confidence, correct, groups)


def _score(name: str, label: int, precisions: Precisions, at: _AtThreshold) -> BoxScore:
    boxes = at.matches.counted[0] & (at.matches.box_label == label)
    return BoxScore(
        name=name,
        boxes=int(boxes.sum()),
        map50=precisions.mean(first=True, label=label),
        map=precisions.mean(label=label),
        precision=at.precision(label),
        recall=at.recall(label),
        count_error=float(np.abs(at.surplus()[label]).mean()),
    )
