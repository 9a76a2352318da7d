"""Metrics of an evaluation: loss, accuracy with its interval, scores of each class, confusion matrix."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.system.records import Record
from eyebright.system.table import Table, Tabular
from eyebright.system.text import counted, interval, percent
from eyebright.trust.calibration import ErrorByChance, calibration_gap, calibration_text
from eyebright.trust.intervals import Share, grouped_interval, wilson_interval
from eyebright.trust.promise import Promised
from eyebright.trust.promise_kept import Kept, kept
from eyebright.trust.robustness import Robustness


class ClassScore(Record, frozen=True, kw_only=True):
    """Scores of one class.

    Args:
        name: The class.
        pictures: Number of its images.
        precision: Of the images predicted as this class, the share that belong to it; None if there are none.
        recall: Of the images of this class, the share predicted as it; None if there are none.
        f1: Harmonic mean of both; None if no image belongs to the class and none is predicted as it.
    """

    name: str
    pictures: int
    precision: float | None
    recall: float | None
    f1: float | None


class Evaluation(Tabular, Record, frozen=True, kw_only=True):
    """How good a model is on some images.

    Args:
        pictures: Number of images.
        loss: Mean cross-entropy, in nats.
        accuracy: Share of images that are predicted correctly, 0 to 1.
        interval: 95% interval of the accuracy: Wilson's or, for images in groups, by resampling groups.
        calibration_error: Expected calibration error, 0 to 1.
        classes: The scores of each class.
        confusion: `confusion[true][predicted]`, counts.
        seen: Images left out because the model was trained on them or chosen by them.
        left_out: Images left out because they cannot be opened.
        groups: Number of groups that the images come in; 0 if each image is independent.
        error_by_chance: The calibration error of a perfectly calibrated model with the same confidences; None in models
            of older versions.
        answered: Number of images with an answer; the others are unlike the training images, or their probability is
            below what was promised. The accuracy is that of the most probable classes of all images. None in models of
            older versions.
        answered_correctly: How many of these answers are correct, each being the most probable class, also where sets
            of labels are promised.
        robustness: The accuracy on mildly corrupted images; None where it was not measured.
        promise: Whether the model's promise is kept on these images; None where nothing is promised.
    """

    pictures: int
    loss: float
    accuracy: float
    interval: tuple[float, float]
    calibration_error: float
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    seen: int = 0
    left_out: int = 0
    groups: int = 0
    error_by_chance: ErrorByChance | None = None
    answered: int | None = None
    answered_correctly: int | None = None
    robustness: Robustness | None = None
    promise: Kept | None = None

    def __iter__(self) -> Iterator[float]:
        """Loss and accuracy, as Keras returns them: `loss, accuracy = model.evaluate(...)`."""
        return iter((self.loss, self.accuracy))

    @property
    def absent(self) -> tuple[str, ...]:
        """The classes without images."""
        return tuple(score.name for score in self.classes if not score.pictures)

    @property
    def headline(self) -> str:
        """The accuracy with its interval, and on how many images."""
        return f"{percent(self.accuracy)} ({interval(*self.interval)}) on {counted(self.pictures, 'image')}"

    @property
    def notes(self) -> tuple[str, ...]:
        """Loss and calibration and, where it matters, that the images come in groups."""
        if self.promise is None:
            notes = list(answered_text(self.answered, self.answered_correctly, self.pictures))
        else:
            notes = [self.promise.text]
        if 0 < self.groups < self.pictures:
            notes.append(f"The images come in {counted(self.groups, 'group')}; the interval takes this into account.")
        notes.append(f"Loss {self.loss:.3f}, expected calibration error {self.calibration_error:.3f}")
        if self.error_by_chance is not None:
            notes.append(calibration_text(self.calibration_error, self.error_by_chance))
        return tuple(notes)

    def as_table(self) -> Table:
        """The scores of each class below the accuracy."""
        rows = [
            (score.name, f"{score.pictures:,}", *map(_share, (score.precision, score.recall, score.f1)))
            for score in self.classes
        ]
        return Table(
            f"Accuracy {self.headline}", ("class", "images", "precision", "recall", "F1"), rows, notes=self.notes
        )

    @property
    def share(self) -> Share:
        """The accuracy as a share with its interval."""
        low, high = self.interval
        return Share(right=round(self.accuracy * self.pictures), of=self.pictures, low=low, high=high,
                     groups=self.groups)  # fmt: skip


class Outcomes(NamedTuple):
    """What an evaluation needs to know of predictions: a few numbers per image, however many classes there are.

    Args:
        predicted: The most probable class, `(N,)`.
        log_confidence: Natural logarithm of its probability, `(N,)`.
        log_truth: Natural logarithm of the probability of the true class, `(N,)`.
        answered: Whether there is an answer, `(N,)`.
        unfamiliarity: How unlike the training images each image is, `(N,)`; NaN where it is not computed.
        in_set: Whether the true class is in the set of labels, `(N,)`; false where there is none.
        set_size: The number of labels in this set, `(N,)`.
    """

    predicted: NDArray[np.int64]
    log_confidence: NDArray[np.float64]
    log_truth: NDArray[np.float64]
    answered: NDArray[np.bool_]
    unfamiliarity: NDArray[np.float32]
    in_set: NDArray[np.bool_]
    set_size: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        log_probabilities: NDArray[np.floating],
        labels: NDArray[np.int64],
        answered: NDArray[np.bool_] | None = None,
        unfamiliarity: NDArray[np.float32] | None = None,
        sets: NDArray[np.bool_] | None = None,
    ) -> "Outcomes":
        """The outcomes of predictions.

        Args:
            log_probabilities: Natural logarithms, `(N, classes)`.
            labels: The true classes, `(N,)`.
            answered: Whether there is an answer, `(N,)`; None if there is one for each image.
            unfamiliarity: How unlike the training images each image is, `(N,)`; None if it is not computed.
            sets: The sets of labels, `(N, classes)`; None if there are none.
        """
        rows, predicted = np.arange(len(labels)), log_probabilities.argmax(axis=1)
        confidence, truth = log_probabilities[rows, predicted], log_probabilities[rows, labels]
        return cls(
            predicted,
            confidence.astype(np.float64),
            truth.astype(np.float64),
            np.ones(len(labels), bool) if answered is None else answered,
            np.full(len(labels), np.nan, np.float32) if unfamiliarity is None else unfamiliarity,
            np.zeros(len(labels), bool) if sets is None else sets[rows, labels],
            np.zeros(len(labels), np.int64) if sets is None else sets.sum(axis=1),
        )

    @classmethod
    def joined(cls, parts: Sequence["Outcomes"]) -> "Outcomes":
        """The outcomes of several batches as one."""
        return cls(*map(np.concatenate, zip(*parts, strict=True)))


def evaluate(
    log_probabilities: NDArray[np.floating],
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    *,
    groups: NDArray[np.int64] | None = None,
) -> Evaluation:
    """Compare the most probable classes with the true ones; answers are not counted.

    Args:
        log_probabilities: Natural logarithms, `(N, classes)`.
        labels: The true classes, `(N,)`, at least one image.
        classes: Names of the classes.
        groups: Group number of each image, `(N,)`; None if images are independent.
    """
    found = evaluate_outcomes(Outcomes.of(log_probabilities, labels), labels, classes, groups=groups)
    return msgspec.structs.replace(found, answered=None, answered_correctly=None)


def evaluate_outcomes(
    outcomes: Outcomes,
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    *,
    groups: NDArray[np.int64] | None = None,
    promised: Promised | None = None,
) -> Evaluation:
    """The same from outcomes that may have been computed in batches; answers are counted too, and a promise checked."""
    right = outcomes.predicted == labels
    correct, confidence = int(right.sum()), np.exp(outcomes.log_confidence)
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (labels, outcomes.predicted), 1)
    return Evaluation(
        pictures=len(labels),
        loss=float(-outcomes.log_truth.mean()),
        accuracy=correct / len(labels),
        interval=wilson_interval(correct, len(labels)) if groups is None else grouped_interval(right, groups),
        calibration_error=calibration_gap(confidence, right),
        classes=tuple(_score(name, confusion, index) for index, name in enumerate(classes)),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        groups=0 if groups is None else len(np.unique(groups)),
        error_by_chance=ErrorByChance.of(confidence, right, groups),
        answered=int(outcomes.answered.sum()),
        answered_correctly=int((outcomes.answered & right).sum()),
        promise=None if promised is None else _kept(promised, outcomes, right, classes, groups),
    )


def _kept(
    promised: Promised,
    outcomes: Outcomes,
    right: NDArray[np.bool_],
    classes: tuple[str, ...],
    groups: NDArray[np.int64] | None,
) -> Kept:
    """Whether a promise is kept: of an accuracy by the answers, of coverage by the sets of labels."""
    sets = promised.measure == "coverage"
    return kept(
        promised, outcomes.predicted, outcomes.answered, outcomes.in_set if sets else right, classes,
        sizes=outcomes.set_size if sets else None, groups=groups,
    )  # fmt: skip


def answered_text(answered: int | None, correct: int | None, pictures: int) -> Iterator[str]:
    """A sentence on the images that got an answer, where not all of so many did."""
    if answered is None or correct is None or answered == pictures:
        return
    if not answered:
        yield "No answer for any of them."
        return
    yield f"An answer for {percent(answered / pictures)} of them, {percent(correct / answered)} of these correct."


def log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Natural logarithms of the probabilities of logits `(N, classes)`, same shape, without overflow."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities of logits `(N, classes)`, same shape."""
    return np.exp(log_softmax(logits))


def _share(value: float | None) -> str:
    return "-" if value is None else percent(value)


def _score(name: str, confusion: NDArray[np.int64], index: int) -> ClassScore:
    hits = int(confusion[index, index])
    predicted, true = int(confusion[:, index].sum()), int(confusion[index].sum())
    return ClassScore(
        name=name,
        pictures=true,
        precision=hits / predicted if predicted else None,
        recall=hits / true if true else None,
        f1=2 * hits / (predicted + true) if predicted + true else None,
    )
