"""Loss, accuracy with its interval, scores for each class, confusion matrix."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.system.records import Record
from eyebright.trust.calibration import calibration_gap
from eyebright.trust.intervals import grouped_interval, wilson_interval


class ClassScore(Record, frozen=True, kw_only=True):
    """How well one class is told.

    `precision`: of the pictures that were called so, the share that are; `recall`: of those that are, the share that
    were called so; `f1`: their harmonic mean. None where there is nothing to divide by.
    """

    name: str
    pictures: int
    precision: float | None
    recall: float | None
    f1: float | None


class Evaluation(Record, frozen=True, kw_only=True):
    """How good a model is on some pictures.

    Args:
        pictures: How many there were.
        loss: Mean cross-entropy, in nats.
        accuracy: Share that was told right.
        interval: 95 % interval of the accuracy: Wilson's or, where pictures come in groups, by drawing groups again.
        calibration_error: Expected calibration error.
        classes: The score of each class.
        confusion: `confusion[true][predicted]`, counts.
        seen: Pictures that were left out since the model had learned from them or was chosen by them.
        left_out: Pictures that could not be opened.
        groups: How many groups the pictures came in; 0 where each stands for itself.
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


class Guesses(NamedTuple):
    """What evaluating keeps of the answers about some pictures: little, however many classes there are.

    Args:
        predicted: The most probable class, `(N,)`.
        log_confidence: The logarithm of its probability, `(N,)`.
        log_truth: That of the true class, `(N,)`.
    """

    predicted: NDArray[np.int64]
    log_confidence: NDArray[np.float64]
    log_truth: NDArray[np.float64]

    @classmethod
    def of(cls, log_probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> "Guesses":
        """Those of answers `(N, classes)`, natural logarithms."""
        rows, predicted = np.arange(len(labels)), log_probabilities.argmax(axis=1)
        confidence, truth = log_probabilities[rows, predicted], log_probabilities[rows, labels]
        return cls(predicted, confidence.astype(np.float64), truth.astype(np.float64))

    @classmethod
    def joined(cls, parts: Sequence["Guesses"]) -> "Guesses":
        """Those about one part of the pictures after the other."""
        return cls(*map(np.concatenate, zip(*parts, strict=True)))


def evaluate(
    log_probabilities: NDArray[np.floating],
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    *,
    groups: NDArray[np.int64] | None = None,
) -> Evaluation:
    """Compare predictions with the truth.

    Args:
        log_probabilities: `(N, classes)`, natural logarithms.
        labels: The true classes, `(N,)`, at least one.
        classes: Their names.
        groups: The number of each picture's group, `(N,)`, where they come in groups.
    """
    return evaluate_guesses(Guesses.of(log_probabilities, labels), labels, classes, groups=groups)


def evaluate_guesses(
    guesses: Guesses,
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    *,
    groups: NDArray[np.int64] | None = None,
) -> Evaluation:
    """As `evaluate`, where the answers came in parts."""
    right = guesses.predicted == labels
    correct = int(right.sum())
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (labels, guesses.predicted), 1)
    return Evaluation(
        pictures=len(labels),
        loss=float(-guesses.log_truth.mean()),
        accuracy=correct / len(labels),
        interval=wilson_interval(correct, len(labels)) if groups is None else grouped_interval(right, groups),
        calibration_error=calibration_gap(np.exp(guesses.log_confidence), right),
        classes=tuple(_score(name, confusion, index) for index, name in enumerate(classes)),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        groups=0 if groups is None else len(np.unique(groups)),
    )


def log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Logarithms of the probabilities, `(N, classes)`, without overflow."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities, `(N, classes)`."""
    return np.exp(log_softmax(logits))


def _score(name: str, confusion: NDArray[np.int64], index: int) -> ClassScore:
    hits = int(confusion[index, index])
    called, are = int(confusion[:, index].sum()), int(confusion[index].sum())
    precision = hits / called if called else None
    recall = hits / are if are else None
    f1 = 2 * hits / (called + are) if called + are else None
    return ClassScore(name=name, pictures=are, precision=precision, recall=recall, f1=f1)
