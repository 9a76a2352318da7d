"""What is found out about a network once it is trained.

Its temperature, its figures, the verdict, and that the graph which is saved gives what was trained.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eyebright.datasets import Pack
from eyebright.errors import ModelError
from eyebright.evaluation import (
    Evaluation,
    Guesses,
    Verdict,
    evaluate_guesses,
    expected_calibration_error,
    fit_temperature,
    judge,
    softmax,
)
from eyebright.inference import BATCH_SIZE, TOLERANCE, Predictor
from eyebright.model import Calibration

_LEAST = 1e-30  # what is taken for a probability of 0 where its logarithm is needed
_KNOWN_SAMPLE = 500
_MOST_LOGITS = 1 << 21


def calibrate(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Calibration:
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
    parts = []
    for start in range(0, len(indices), BATCH_SIZE):
        part = indices[start : start + BATCH_SIZE]
        probabilities = predictor.probabilities(pack.read(part)).astype(np.float64)
        parts.append(Guesses.of(np.log(np.maximum(probabilities, _LEAST)), labels[part]))
    guesses = Guesses.joined(parts)
    return evaluate_guesses(guesses, labels[indices], classes, groups=None if groups is None else groups[indices])


def bounded(validation: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """The validation pictures, or evenly spread ones of them: as many as have two million logits together.

    The temperature and the verdict need all their logits at once, which would take gigabytes for a hundred thousand
    pictures of a thousand classes; a temperature is one number.
    """
    return validation[:: max(-(-len(validation) * num_classes // _MOST_LOGITS), 1)]


def sample_of(train: NDArray[np.int64], validation: NDArray[np.int64]) -> NDArray[np.int64]:
    """Training pictures, evenly spread, to compare the validation pictures with: about as many, at least 500."""
    return train[:: max(len(train) // max(len(validation), _KNOWN_SAMPLE), 1)]


def verdict(
    train: NDArray[np.bool_],
    validation: NDArray[np.bool_],
    *,
    validation_loss: Sequence[float],
    num_classes: int,
    augmented: bool,
) -> Verdict:
    """The verdict from which pictures of either side were told right."""
    return judge(
        train_correct=int(train.sum()),
        train_count=len(train),
        validation_correct=int(validation.sum()),
        validation_count=len(validation),
        validation_loss=validation_loss,
        num_classes=num_classes,
        augmented=augmented,
    )
