import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from eyebright.data.pictures import open_picture
from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.export import keras as keras_format
from eyebright.model.export.export import write_export
from eyebright.model.export.exported import read_export
from eyebright.model.export.formats import named_format
from eyebright.model.export.images import synthetic_images
from eyebright.model.importing.import_model import import_model
from eyebright.model.importing.keras import keras_network
from eyebright.model.importing.keras_file import read_keras
from eyebright.network import (
    BatchNorm,
    Concat,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Network,
    Normalize,
    ReLU,
    initial_weights,
)
from eyebright.network.answering import Answering
from eyebright.network.keras import to_keras
from eyebright.system.errors import MissingExtraError, ModelError

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def keras(tmp_path_factory):
    """Keras with torch, also for the processes that are started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "torch")
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        yield pytest.importorskip("keras")


@pytest.fixture(scope="module")
def folder(keras, source, classifier, tmp_path_factory):
    path = tmp_path_factory.mktemp("exports") / "keras"
    _, proof = write_export(source, classifier.predictor.answers, "keras", path)
    assert proof.difference < 1e-5 and not proof.answers_changed
    return path


def test_the_folder_answers_as_the_model_does(folder, classifier):
    """Its check.py has passed too: without that nothing is written."""
    exported = read_export(folder)
    assert exported.card.files == ("model.keras",) and "answering.npz" in exported.card.sha256
    pixels = synthetic_images(classifier.preparation).pixels
    found, expected = named_format("keras").load(exported)(pixels), classifier.predictor.answers(pixels)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
    np.testing.assert_allclose(found.unfamiliarity, expected.unfamiliarity, rtol=1e-4)
    assert np.array_equal(found.answer, expected.answer) and {*found.answer.tolist()} == {-1, 1}


def test_keras_alone_gives_probabilities(keras, folder, classifier):
    pixels = synthetic_images(classifier.preparation).pixels[:3]
    found = keras.saving.load_model(folder / "model.keras").predict(pixels, verbose=0)
    np.testing.assert_allclose(found, classifier.predictor.answers(pixels).probabilities, atol=1e-5)


@pytest.mark.parametrize("page", ["docs/keras.md", "README.md of the folder"])
def test_the_program_of_the_pages_prints_the_answer(folder, classifier, monkeypatch, capsys, page):
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    path = ROOT / page if page.startswith("docs") else folder / "README.md"
    program = re.search(r"```python\n(.*?)```", path.read_text("utf-8"), re.DOTALL)[1]
    exec(program, {})
    for name in ("prepare", "run", "answering"):
        sys.modules.pop(name)
    expected = classifier.predictor.answers(open_picture("golden/image_0.png", classifier.preparation)[np.newaxis])
    answer = int(expected.answer[0])
    assert capsys.readouterr().out.startswith(classifier.classes[answer] if answer >= 0 else "no answer")


def test_a_model_that_is_imported_again_has_its_classes_its_preparation_and_the_same_probabilities_to_the_bit(
    folder, classifier
):
    again = import_model(folder / "model.keras")
    assert (again.classes, again.preparation) == (classifier.classes, classifier.preparation)
    assert import_model(folder / "model.keras", classes="numbered", resize="pad").preparation.fit == "pad"
    pixels = synthetic_images(classifier.preparation).pixels
    found, expected = (model.predictor.answers(pixels).probabilities for model in (again, classifier))
    assert np.array_equal(found, expected)


def test_branches_are_imported_again_to_the_bit(tmp_path):
    """Branches of the same shape, channels that must be reordered, and a temperature that no binary fraction equals."""
    images = Input((3, 6, 5))()
    node = Normalize((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))(images)
    branches = [ReLU()(BatchNorm()(Conv2d(3, 3, padding="same", name=name)(node))) for name in ("z", "a")]
    deeper = Conv2d(3, 3, padding="same", name="m")(branches[1])
    network = Network(images, Linear(4)(Flatten()(Concat()(deeper, branches[0]))))
    weights, answering = initial_weights(network, 3), Answering(temperature=1.7)
    (tmp_path / "model.keras").write_bytes(to_keras(network, weights, answering=answering))
    read, found = keras_network(read_keras(tmp_path / "model.keras"))
    samples = np.random.default_rng(1).integers(0, 256, (4, 6, 5, 3), np.uint8)
    expected = Engine.of_bytes(onnx_graph(network, weights, answering=answering)).outputs(samples)["probabilities"]
    assert np.array_equal(Engine.of_bytes(onnx_graph(read, found))(samples), expected)


def test_a_file_that_keras_cannot_open_is_an_error(folder, tmp_path):
    exported = read_export(Path(shutil.copytree(folder, tmp_path / "copy")))
    exported.file("model.keras").write_bytes(b"no archive")
    with pytest.raises(ModelError, match=r"model\.keras does not open in Keras"):
        named_format("keras").load(exported)


def test_keras_computes_with_what_is_installed(monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setattr(keras_format, "find_spec", lambda name: name == "jax" or None)
    keras_format._choose_backend()
    assert os.environ["KERAS_BACKEND"] == "jax"
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setattr(keras_format, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="Keras needs torch, TensorFlow or JAX, which are missing"):
        keras_format._choose_backend()
