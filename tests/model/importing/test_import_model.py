import json
import zipfile

import numpy as np
import pytest
from tests.model.importing.making import FILE, IMAGES

import eyebright as eb
from eyebright.model.importing.import_model import import_model
from eyebright.network import Flatten, Input, Linear, Network, Normalize, initial_weights
from eyebright.network.keras import to_keras
from eyebright.runs.start import read_source, start_from
from eyebright.system.errors import ModelError
from eyebright.training.settings import Settings


@pytest.fixture
def file(tmp_path):
    """A .keras file of a network with its own scale, three classes and 4 x 6 pixels."""
    network = Network.sequential(Input((3, 4, 6)), Normalize(127.5, 127.5), Flatten(), Linear(3))
    path = tmp_path / "model.keras"
    path.write_bytes(to_keras(network, initial_weights(network)))
    return path


def test_an_imported_model_can_be_saved_loaded_and_asked(quick, file, tmp_path):
    model = import_model(file, classes=["a", "b", "c"])
    model.save(tmp_path / "saved")
    loaded = eb.load(tmp_path / "saved")
    images = np.random.default_rng(0).integers(0, 256, (4, 4, 6, 3), np.uint8)
    assert np.array_equal(loaded.predict(images), model.predict(images))
    assert (loaded.classes, loaded.preparation.fit, loaded.preparation.shape) == (("a", "b", "c"), "stretch", (4, 6, 3))
    assert loaded.learned.imported == "model.keras (Keras 3.15.1)"
    assert "was imported from model.keras (Keras 3.15.1)" in (tmp_path / "saved" / "README.md").read_text("utf-8")


def test_what_was_exported_is_imported_again_to_the_bit(quick, tmp_path):
    network = eb.zoo.flowers_cnn(3, input_size=32)
    weights = initial_weights(network, 1)
    (tmp_path / "a.keras").write_bytes(to_keras(network, weights))
    before, after = (
        eb.Classifier(network, list("abc"), weights=weights),
        import_model(tmp_path / "a.keras", classes=list("abc")),
    )
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)
    assert np.array_equal(before.predict(images), after.predict(images))
    assert sorted(values.tobytes() for values in before.get_weights().values()) == sorted(
        values.tobytes() for values in after.get_weights().values()
    )


def test_what_is_missing_is_reported_with_the_file(quick, file, tmp_path):
    with pytest.raises(ModelError, match=r"model\.keras has 3 classes, but not their names"):
        import_model(file)
    with pytest.raises(ModelError, match=r"model\.keras: its first layers scale the pixels"):
        import_model(file, classes="numbered", scale="0-1")
    with pytest.raises(ModelError, match=r"model\.keras: it takes images of 6x4 pixels only: leave out --size"):
        import_model(file, classes="numbered", size=(4, 4))
    with pytest.raises(ModelError, match=r"a\.pb is not a model that can be imported: expected a file \.keras, \.h5"):
        import_model(tmp_path / "a.pb")


def test_files_of_tf_keras_2_answer_as_there(quick, tmp_path):
    """The answers are those that tf.keras gave when `making.py` made the files."""
    with zipfile.ZipFile(FILE) as archive:
        archive.extractall(tmp_path)
    answers = json.loads((tmp_path / "answers.json").read_text())
    teachable = import_model(tmp_path / "teachable.h5", classes="numbered", scale="-1-1")
    np.testing.assert_allclose(teachable.predict(IMAGES), answers["teachable.h5"], atol=1e-5)
    assert teachable.learned.imported.startswith("teachable.h5 (Keras 2.")
    single = import_model(tmp_path / "arithmetic.keras", classes=["no", "yes"])
    np.testing.assert_allclose(single.predict(IMAGES)[:, 1:], answers["arithmetic.keras"], atol=1e-5)


def test_a_training_can_start_from_an_imported_model(quick, file, tmp_path):
    """Of the three classes of the training the model knows one, whose part of the head is kept."""
    model = import_model(file, classes=["red", "cat", "dog"])
    model.save(tmp_path / "imported")
    start = start_from(read_source(tmp_path / "imported"), ("blue", "green", "red"), Settings())
    before = model.get_weights()
    assert start.weights.keys() == before.keys()
    assert np.array_equal(start.weights["linear_1.weight"][2], before["linear_1.weight"][0])
