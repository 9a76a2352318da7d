"""A small model that says everything an export must carry: a temperature, thresholds, and what is familiar."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from eyebright.model.classifier import Classifier
from eyebright.model.engine import onnx_graph
from eyebright.model.export.export import write_export
from eyebright.model.export.formats import ExportSource
from eyebright.model.learned import Learned
from eyebright.model.reference import Reference
from eyebright.network.answering import features_place
from eyebright.network.layers import Linear
from eyebright.network.zoo.small import flowers_cnn
from eyebright.trust.promise import Promised
from eyebright.trust.unknown import fit_familiar

CLASSES = ("daisy", "rose", "tulip")


def promising(classifier: Classifier) -> Classifier:
    """The classifier with spread-out answers, a temperature, a promise, and what is familiar of random images."""
    network, weights, random = classifier.network, classifier.get_weights(), np.random.default_rng(5)
    last = [name for name, place in network.places.items() if isinstance(place.layer, Linear)][-1]
    classifier.set_weights(weights | {f"{last}.weight": weights[f"{last}.weight"] * 4})
    features = np.abs(random.normal(1, 0.4, (200, features_place(network)[1].shape[0])))
    logits = random.normal(0, 1, (200, len(classifier.classes)))
    familiar = fit_familiar(features[:100], features[100:], logits[100:])
    familiar = familiar._replace(limit=familiar.limit * np.float32(3.9))
    promise = Promised(promise="accuracy-per-class=0.9", limits=(0.4, 0.7, 2.0), images=40, answered=0.5)
    calibration = msgspec.structs.replace(classifier.calibration, temperature=1.7)
    classifier.learned = Learned(calibration=calibration, reference=Reference(unknown=familiar), promise=promise)
    return classifier


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """Three classes at 16x16, with a promise; no test changes it."""
    return promising(Classifier(flowers_cnn(3, input_size=16), classes=CLASSES, seed=1))


@pytest.fixture(scope="session")
def source(classifier: Classifier) -> ExportSource:
    """What its exports are made of."""
    return ExportSource(
        classifier.network, classifier.get_weights(), classifier.learned.answering, classifier.classes,
        classifier.preparation, classifier.learned.promise,
    )  # fmt: skip


@pytest.fixture(scope="session")
def _written(classifier: Classifier, source: ExportSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exports") / "onnx"
    write_export(source, classifier.predictor.answers, "onnx", path)
    return path


@pytest.fixture
def exported(_written: Path, tmp_path: Path) -> Path:
    """The folder of its export to ONNX, to tamper with."""
    return Path(shutil.copytree(_written, tmp_path / "exported"))


@pytest.fixture
def other_graph(classifier: Classifier) -> Callable[..., bytes]:
    """The bytes of an ONNX graph that differs in its weights or in how it answers."""

    def make(**weights: float) -> bytes:
        changed = classifier.get_weights()
        name = list(changed)[-2]
        changed[name] = changed[name] * np.float32(weights.get("scale", 1))
        return onnx_graph(classifier.network, changed, answering=classifier.learned.answering)

    return make
