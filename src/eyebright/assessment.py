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
    Verdict,
    evaluate,
    expected_calibration_error,
    fit_temperature,
    judge,
    softmax,
)
from eyebright.inference import BATCH_SIZE, TOLERANCE, Predictor
from eyebright.model import Calibration

_LEAST = 1e-30  # what is taken for a probability of 0 where its logarithm is needed
KNOWN_SAMPLE = 500


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
    parts = [
        predictor.probabilities(pack.read(indices[start : start + BATCH_SIZE]))
        for start in range(0, len(indices), BATCH_SIZE)
    ]
    logarithms = np.log(np.maximum(np.concatenate(parts).astype(np.float64), _LEAST))
    return evaluate(logarithms, labels[indices], classes, groups=None if groups is None else groups[indices])


def sample_of(train: NDArray[np.int64], validation: NDArray[np.int64]) -> NDArray[np.int64]:
    """Training pictures, evenly spread, to compare the validation pictures with: about as many, at least 500."""
    return train[:: max(len(train) // max(len(validation), KNOWN_SAMPLE), 1)]


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
