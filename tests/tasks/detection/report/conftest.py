"""A run with a detector whose mistakes are known."""

import numpy as np
import pytest

from eyebright.data.pictures import Preparation
from eyebright.network import initial_weights
from eyebright.network.zoo.detection import lite0_detector
from eyebright.runs.folder import Run
from eyebright.runs.options import gather
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import prepare
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.model import evaluate
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.evaluate import evaluate_detector
from eyebright.training.events.results import VerdictReached


@pytest.fixture
def trained_run(squares, tmp_path, monkeypatch):
    """A run whose detector finds the left half of every second object too wide to be right, and all others."""

    def found_in(predictor, prepared, indices, report=None):
        boxes = [prepared.dataset.boxes[index] for index in indices.tolist()]
        wide = np.array([0, 0, 40, 0])
        return tuple(
            Detections(one.corners + wide * (at % 2), one.labels, np.full(len(one), 0.9))
            for at, one in enumerate(boxes)
        )

    monkeypatch.setattr(evaluate, "found_in", found_in)
    prepared = prepare(BoxDataset.open(squares), Preparation(width=64, height=64, fit="pad"))
    network, run = lite0_detector(1, input_size=64), Run(tmp_path / "run")
    detector = Detector(network, ("square",), weights=initial_weights(network, 0))
    run.create(gather({"pictures": str(squares), "size": 64}), network, overwrite=False)
    tested = evaluate_detector(detector, prepared)
    events = [VerdictReached(kind="too few images", text="Too few.", advice="Add images.")]
    return run, events, detector, prepared, tested
