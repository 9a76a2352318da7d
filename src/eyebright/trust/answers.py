"""Answers: what a model says about images. The same arithmetic as the nodes in a model's graph, in NumPy."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.network.answering import ANSWER, NO_ANSWER, PROBABILITIES, UNFAMILIARITY, Answering
from eyebright.trust.metrics import softmax
from eyebright.trust.unknown import unfamiliarity_of


class Answers(NamedTuple):
    """What a model says about N images.

    Args:
        probabilities: The probability of each class, `(N, classes)`, float32.
        unfamiliarity: How unlike the training images each image is, `(N,)`, float32, 1 at the limit; None if the model
            does not compute it.
        answer: The class of each image, `(N,)`, int64, or -1: no answer.
    """

    probabilities: NDArray[np.float32]
    unfamiliarity: NDArray[np.float32] | None
    answer: NDArray[np.int64]

    @classmethod
    def decided(
        cls,
        probabilities: NDArray[np.float32],
        unfamiliarity: NDArray[np.float32] | None,
        thresholds: NDArray[np.float32] | None = None,
    ) -> "Answers":
        """Answers where the image is not unlike the training images, and the class is probable enough.

        Args:
            probabilities: As the field.
            unfamiliarity: As the field.
            thresholds: The probability that each class needs, `(classes,)`; None if any will do.
        """
        predicted = probabilities.argmax(axis=1)
        refused = np.zeros(len(predicted), bool)
        if thresholds is not None:
            refused |= probabilities.max(axis=1) < thresholds[predicted]
        if unfamiliarity is not None:
            refused |= unfamiliarity > 1
        return cls(probabilities, unfamiliarity, np.where(refused, NO_ANSWER, predicted))

    @classmethod
    def of_outputs(cls, found: Mapping[str, NDArray[Any]]) -> "Answers":
        """Answers from the outputs of a graph, by their names."""
        return cls(found[PROBABILITIES], found.get(UNFAMILIARITY), found[ANSWER])


def answers_of(answering: Answering, logits: NDArray[np.floating], features: NDArray[np.floating]) -> Answers:
    """The answers that the graph of a network gives.

    Args:
        answering: How they are found.
        logits: `(N, classes)`.
        features: `(N, features)`.
    """
    scaled = logits / answering.temperature
    probabilities = softmax(scaled).astype(np.float32)
    familiar = answering.familiar
    unfamiliarity = None if familiar is None else unfamiliarity_of(familiar, features, scaled).astype(np.float32)
    return Answers.decided(probabilities, unfamiliarity, answering.thresholds)
