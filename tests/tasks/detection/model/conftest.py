"""A small detector."""

import pytest

from eyebright.network import zoo
from eyebright.tasks.detection.model.detector import Detector


@pytest.fixture(scope="module")
def detector():
    """A small detector with random weights, whose scores are spread by a calibration."""
    return Detector(
        zoo.lite0_detector(2, input_size=64),
        ("cell", "platelet"),
        calibration=[(0.2, 0)] * 2,
        thresholds=(0.5, 0.6),
        seed=4,
    )
