"""What is found out about a network once it is trained.

Its temperature, its figures, the verdict, and that the graph which is saved gives what was trained.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pack import Pack
from eyebright.model.card import Calibration
from eyebright.model.engine import TOLERANCE
from eyebright.model.predictor import BATCH_SIZE, Predictor
from eyebright.network import Dropout, Network
from eyebright.system.errors import ModelError
from eyebright.training.history import History
from eyebright.training.settings import AUGMENTATIONS, Settings
from eyebright.trust.calibration import expected_calibration_error, fit_temperature
from eyebright.trust.evidence import Evidence, TrainingRecord, accuracies_of, leak_of
from eyebright.trust.metrics import Evaluation, Outcomes, evaluate_outcomes, softmax
from eyebright.trust.verdict import Verdict, diagnose

_LEAST = 1e-30  # what is taken for a probability of 0 where its logarithm is needed
KNOWN_SAMPLE = 500
_MOST_LOGITS = 1 << 21


def calibrate(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> Calibration:
    """The temperature that fits the validation pictures, and the calibration error without and with it."""
    temperature = fit_temperature(logits, labels)
    return Calibration(
        temperature=temperature,
        error_before=expected_calibration_error(softmax(logits), labels),
        error_after=expected_calibration_error(softmax(logits / temperature), labels),
    )


def prove(predictor: Predictor, pictures: NDArray[np.uint8], probabilities: NDArray[np.floating]) -> None:
    """Make sure that the graph gives what the trained network gives; a `ModelError` where it does not."""
    error = float(np.abs(predictor.probabilities(pictures) - probabilities).max())
    if not error <= TOLERANCE:
        raise ModelError(f"the ONNX graph differs from the trained network by {error:.2g}: please report this")


def evaluate_on(
    predictor: Predictor,
    pack: Pack,
    labels: NDArray[np.int64],
    indices: NDArray[np.int64],
    classes: tuple[str, ...],
    *,
    groups: NDArray[np.int64] | None = None,
) -> Evaluation:
    """Ask about prepared pictures and compare with the truth.

    Args:
        predictor: What answers.
        pack: The prepared pictures.
        labels: The true class of every picture of the pack, as a position in `classes`.
        indices: The pictures to ask about, at least one.
        classes: Names of the classes.
        groups: The number of the group of every picture of the pack, where they come in groups.
    """
    logarithms = _log_probabilities(predictor, pack, indices)
    outcomes = Outcomes.joined([
        Outcomes.of(part, labels[indices[start : start + BATCH_SIZE]])
        for start, part in zip(range(0, len(indices), BATCH_SIZE), logarithms, strict=True)
    ])  # fmt: skip
    return evaluate_outcomes(outcomes, labels[indices], classes, groups=None if groups is None else groups[indices])


def log_probabilities(predictor: Predictor, pack: Pack, indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """What a predictor says about prepared pictures, `(n, classes)`, natural logarithms."""
    return np.concatenate(list(_log_probabilities(predictor, pack, indices)))


def _log_probabilities(predictor: Predictor, pack: Pack, indices: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    """The same, batch by batch."""
    for start in range(0, len(indices), BATCH_SIZE):
        probabilities = predictor.probabilities(pack.read(indices[start : start + BATCH_SIZE]))
        yield np.log(np.maximum(probabilities.astype(np.float64), _LEAST))


def bounded(validation: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """The validation pictures, or evenly spread ones of them: as many as have two million logits together.

    The temperature and the verdict need all their logits at once, which would take gigabytes for a hundred thousand
    pictures of a thousand classes; a temperature is one number.
    """
    return validation[:: max(-(-len(validation) * num_classes // _MOST_LOGITS), 1)]


def sample_of(train: NDArray[np.int64], validation: NDArray[np.int64]) -> NDArray[np.int64]:
    """Training pictures, evenly spread, to compare the validation pictures with: about as many, at least 500."""
    return train[:: max(len(train) // max(len(validation), KNOWN_SAMPLE), 1)]


class Told(NamedTuple):
    """What a network says about one side: its logits, `(n, classes)`, and which pictures they are of, `(n,)`."""

    logits: NDArray[np.floating]
    indices: NDArray[np.int64]


def verdicts(
    train: Told,
    validation: Told,
    *,
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    groups: NDArray[np.int64] | None,
    alike: NDArray[np.bool_],
    later: NDArray[np.int64],
    course: TrainingRecord,
) -> tuple[Verdict, ...]:
    """All that the figures of a training show, most important first.

    Args:
        train: What is said about training pictures.
        validation: What is said about the validation pictures.
        labels: The true class of every picture, as a position in `classes`.
        classes: Names of the classes.
        groups: The number of the group of every picture, where they come in groups.
        alike: Whether a picture shows the same as one that is learned from, and is not itself learned from, `(N,)`.
        later: The pictures of the validation and test sides.
        course: How the training went.
    """
    known, new = ((told.logits, labels[told.indices]) for told in (train, validation))
    grouped = None if groups is None else (groups[train.indices], groups[validation.indices])
    right = validation.logits.argmax(axis=1) == labels[validation.indices]
    found = leak_of(int(alike[later].sum()), len(later), right, ~alike[validation.indices])
    return diagnose(Evidence(accuracies=accuracies_of(known, new, classes, grouped), training=course, leak=found))


def course_of(
    history: History, settings: Settings, network: Network, pictures: int, first_loss: float = 0.0
) -> TrainingRecord:
    """How a training went on so many pictures, as plain figures; `first_loss` is that of its first batch, if known."""
    return TrainingRecord(
        loss=history.loss,
        accuracy=history.accuracy,
        validation_loss=history.validation_loss,
        validation_accuracy=history.validation_accuracy,
        seen=tuple(count or pictures for count in history.pictures),
        images=pictures,
        epochs=settings.epochs,
        minutes=settings.minutes,
        step_size=settings.step_size,
        peak=settings.learning_rate,
        augmentation={name: getattr(settings, name) for name in AUGMENTATIONS},
        first_loss=first_loss,
        adaptive=settings.optimizer == "adamw",
        start_from_same_images=settings.judge_start,
        dropout=max(
            (place.layer.p for place in network.places.values() if isinstance(place.layer, Dropout)), default=0
        ),
    )
