"""Trainings on small folders: their events, and that what they leave is measured and proven."""

import numpy as np
import pytest

import eyebright as eb
from eyebright.model import assess
from eyebright.system.errors import ModelError
from eyebright.training import trainer
from eyebright.training.events.fitting import EpochEnded
from eyebright.training.events.results import Calibrated, LimitSet, VerdictReached
from eyebright.training.events.starting import RunStarted
from eyebright.training.torch.engine import TorchEngine

QUICK = {"epochs": 3, "batch_size": 8, "learning_rate": 3e-3}


@pytest.fixture
def pictures(make_folder) -> eb.Dataset:
    return eb.Dataset.from_folder(make_folder(), seed=1)


def test_callbacks_receive_typed_events(pictures):
    events: list[object] = []
    model = eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=pictures.classes)
    model.fit(pictures, **QUICK, callbacks=[events.append])
    kinds = [type(event) for event in events]
    assert kinds.count(EpochEnded) == 3
    assert kinds.index(Calibrated) < kinds.index(VerdictReached)


def test_a_graph_that_disagrees_with_training_is_not_kept(pictures, monkeypatch):
    from eyebright.network import onnx

    write = onnx.to_onnx

    def broken(network, weights, **options):
        spoilt = dict(weights) | {"dense_2.bias": weights["dense_2.bias"] + np.array([1, 0, 0], np.float32)}
        return write(network, spoilt, **options)

    monkeypatch.setattr(onnx, "to_onnx", broken)
    model = eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=pictures.classes)
    with pytest.raises(ModelError, match="differs from the trained network"):
        model.fit(pictures, **QUICK)


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_where_a_gpu_evaluates_the_graph_has_been_shown_to_give_the_same(pictures, monkeypatch, shift):
    """A double stands for the GPU; one whose answers differ from the graph's is not believed."""
    calls = []

    class OnGpu(TorchEngine):
        def __init__(self, *arguments):
            super().__init__(*arguments[:2], "cpu")
            self.on_gpu = True

        def answers(self, samples):
            calls.append(len(samples))
            found = super().answers(samples)
            return found._replace(probabilities=found.probabilities + np.float32(shift))

    monkeypatch.setattr(trainer(), "TorchEngine", OnGpu)
    model = eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=pictures.classes)
    if shift:
        with pytest.raises(ModelError, match=r"the ONNX graph differs from the trained network by 0\.5"):
            model.fit(pictures, **QUICK)
        return
    model.fit(pictures, **QUICK)
    known, before = model.metrics["validation"], len(calls)
    found = model.evaluate(pictures.test)
    assert len(calls) == before + 1
    again = eb.Classifier(model.network, classes=model.classes, weights=model._weights)
    again.learned = model.learned
    expected = again.evaluate(pictures.test)
    assert found.accuracy == expected.accuracy and found.loss == pytest.approx(expected.loss, abs=1e-4)
    assert known.pictures and len(calls) == before + 1


def test_with_features_of_only_some_images_all_are_evaluated(pictures, monkeypatch):
    monkeypatch.setattr(assess, "_MOST_FEATURES", 4)
    model, events = eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=pictures.classes), []
    model.fit(pictures, **QUICK, callbacks=[events.append])
    (started,) = (event for event in events if isinstance(event, RunStarted))
    (limit,) = (event for event in events if isinstance(event, LimitSet))
    assert limit.pictures <= 4 < started.validation == model.metrics["validation"].pictures
    assert len(model.learned.reference.profile.confidence) == limit.pictures
