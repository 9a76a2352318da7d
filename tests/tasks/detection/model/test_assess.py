"""What is measured on a trained detector."""

import dataclasses
from contextlib import nullcontext

import numpy as np
import pytest

from eyebright.data.pictures import Preparation
from eyebright.data.split import ALL_SIDES
from eyebright.network import Network, initial_weights
from eyebright.network.zoo.detection import lite0_detector
from eyebright.report.history import Recorder
from eyebright.system.errors import ModelError
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import PreparedBoxes, prepare
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.model import assess as assessing
from eyebright.tasks.detection.model.assess import assess
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.evaluate import evaluate_detector
from eyebright.training.events.event import Event
from eyebright.training.events.results import PromiseMade, PromiseRefused
from eyebright.training.settings import Settings
from eyebright.training.torch.engine import TorchEngine


@pytest.fixture
def prepared(squares) -> PreparedBoxes:
    return prepare(BoxDataset.open(squares), Preparation(width=64, height=64, fit="pad"))


def torch(network: Network) -> TorchEngine:
    """The network in torch, with the weights that the tests give it."""
    return TorchEngine(network, initial_weights(network, 0))


def test_a_graph_that_gives_other_maps_than_torch_is_refused(prepared):
    network = lite0_detector(1, input_size=64)
    others = TorchEngine(network, initial_weights(network, 1))
    with pytest.raises(ModelError, match=r"the ONNX graph differs from the trained network by .* in its scores"):
        assess(prepared, network, initial_weights(network, 0), Settings(), Recorder([]), torch_engine=others)


@pytest.mark.parametrize(
    ("scores", "boxes", "apart"),
    [(0.9e-4, 0.0063, ""), (1.1e-4, 0.0, "scores"), (0.0, 0.0065, "boxes"), (np.nan, 0.0, "scores")],
)
def test_maps_may_differ_by_a_ten_thousandth(scores, boxes, apart):
    """Of 1, and of the side of the input, which is 64 pixels."""
    maps = {"scores": np.zeros((1, 1, 8, 8)), "boxes": np.zeros((1, 4, 8, 8))}
    with pytest.raises(ModelError, match=f"in its {apart}") if apart else nullcontext():
        assessing.prove(maps, [maps["scores"] + scores, maps["boxes"] + boxes], lite0_detector(1, input_size=64))


def test_what_the_figures_of_two_validation_images_show_is_said_also_after_it_was_saved(prepared, tmp_path):
    network = lite0_detector(1, input_size=64)
    weights = initial_weights(network, 0)
    found = assess(prepared, network, weights, Settings(), Recorder([]), torch_engine=torch(network))
    assert [verdict.kind for verdict in found.verdicts] == ["leak suspected", "too few images"]  # squares look alike
    assert found.detector.verdicts == tuple(verdict.text for verdict in found.verdicts)
    found.detector.save(tmp_path / "model")
    assert Detector.load(tmp_path / "model").verdicts == found.detector.verdicts
    assert found.detector.verdicts[0][:60] in (tmp_path / "model" / "README.md").read_text()


def test_images_that_it_was_trained_or_selected_on_are_kept_as_seen(prepared):
    network = lite0_detector(1, input_size=64)
    weights = initial_weights(network, 0)
    detector = assess(prepared, network, weights, Settings(), Recorder([]), torch_engine=torch(network)).detector
    seen = detector.card.seen.contains(prepared.pack.digests)
    learned = np.isin(np.arange(12), [*prepared.indices("train"), *prepared.indices("validation")])
    assert np.array_equal(seen, learned) and len(learned) - learned.sum() == len(prepared.indices("test"))


def test_validation_images_are_evaluated_as_the_detector_finds_objects_in_them(prepared):
    """They are looked at once, before the calibration is known."""
    network = lite0_detector(1, input_size=64)
    weights = initial_weights(network, 0)
    found = assess(prepared, network, weights, Settings(), Recorder([]), torch_engine=torch(network)).detector
    made = {"calibration": found.card.calibration, "thresholds": found.card.thresholds}
    again = evaluate_detector(Detector(network, found.classes, weights=weights, **made), prepared, "validation")
    assert found.metrics["validation"] == again.evaluation and again.evaluation.boxes


@pytest.fixture
def held_back(prepared) -> PreparedBoxes:
    """Three training, two validation, one test and six held-back images, all independent."""
    sides = [ALL_SIDES.index(side) for side in ["train"] * 3 + ["validation"] * 2 + ["test"] + ["held_back"] * 6]
    return dataclasses.replace(prepared, sides=np.array(sides), groups=None)


def perfect(predictor, prepared: PreparedBoxes, indices, report=None) -> tuple[Detections, ...]:
    """Each object is found, the later the image the surer."""
    boxes = [prepared.dataset.boxes[index] for index in indices]
    return tuple(
        Detections(one.corners, one.labels, np.full(len(one), 0.3 + index / 20))
        for index, one in zip(indices, boxes, strict=True)
    )


def test_a_promise_rests_on_the_held_back_images_and_sets_the_threshold(held_back, monkeypatch):
    monkeypatch.setattr(assessing, "found_in", perfect)
    network, events = lite0_detector(1, input_size=64), list[Event]()
    made = assess(
        held_back, network, initial_weights(network, 0), Settings(), Recorder([events.append]),
        torch_engine=torch(network), promise="recall=0.5",
    ).detector  # fmt: skip
    promise = made.card.promise
    assert promise is not None and (promise.images, promise.found) == (6, 1.0)
    assert made.thresholds == {"square": promise.threshold} == {"square": 0.6}  # of image 6, the first held back
    assert [event.text for event in events if isinstance(event, PromiseMade)] == [promise.text]
    assert made.card.seen.contains(held_back.pack.digests).sum() == 11


def test_a_promise_that_is_not_proven_is_refused_and_the_best_threshold_stays(held_back):
    network, events = lite0_detector(1, input_size=64), list[Event]()
    made = assess(
        held_back, network, initial_weights(network, 0), Settings(), Recorder([events.append]),
        torch_engine=torch(network), promise="recall=0.5",
    ).detector  # fmt: skip
    assert made.card.promise is None
    assert [event.promise for event in events if isinstance(event, PromiseRefused)] == ["recall=0.5"]
