"""What is measured on a trained detector."""

import numpy as np
import pytest

from eyebright.data.pictures import Preparation
from eyebright.network import initial_weights
from eyebright.network.zoo.detection import lite0_detector
from eyebright.report.history import Recorder
from eyebright.tasks.detection.dataset import BoxDataset
from eyebright.tasks.detection.detector import Detector
from eyebright.tasks.detection.measuring import measured
from eyebright.tasks.detection.prepare import PreparedBoxes, prepare
from eyebright.training.settings import Settings


@pytest.fixture
def prepared(squares) -> PreparedBoxes:
    return prepare(BoxDataset.open(squares), Preparation(width=64, height=64, fit="pad"))


def test_what_the_figures_of_two_validation_images_show_is_said_also_after_it_was_saved(prepared, tmp_path):
    network = lite0_detector(1, input_size=64)
    found = measured(prepared, network, initial_weights(network, 0), Settings(), Recorder([]))
    assert [verdict.kind for verdict in found.verdicts] == ["too few images"]
    assert found.detector.verdicts == tuple(verdict.text for verdict in found.verdicts)
    found.detector.save(tmp_path / "model")
    assert Detector.load(tmp_path / "model").verdicts == found.detector.verdicts
    assert found.detector.verdicts[0][:60] in (tmp_path / "model" / "README.md").read_text()


def test_images_that_it_was_trained_or_selected_on_are_kept_as_seen(prepared):
    network = lite0_detector(1, input_size=64)
    detector = measured(prepared, network, initial_weights(network, 0), Settings(), Recorder([])).detector
    seen = detector.card.seen.contains(prepared.pack.digests)
    learned = np.isin(np.arange(12), [*prepared.indices("train"), *prepared.indices("validation")])
    assert np.array_equal(seen, learned) and len(learned) - learned.sum() == len(prepared.indices("test"))
