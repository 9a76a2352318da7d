"""Predictions to show."""

from collections.abc import Callable

import pytest

from eyebright.trust.prediction import Prediction


@pytest.fixture
def predict() -> Callable[..., Prediction]:
    """A prediction with the given probabilities, the greatest first."""

    def predict(**probabilities: float) -> Prediction:
        label, confidence = next(iter(probabilities.items()))
        return Prediction(name="x.jpg", label=label, confidence=confidence, probabilities=probabilities)

    return predict
