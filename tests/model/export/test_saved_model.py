import os
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import openvino
import pytest

from eyebright.model.export.export import write_export
from eyebright.model.export.exported import Exported, read_export
from eyebright.model.export.formats import named_format
from eyebright.model.export.images import synthetic_images
from eyebright.model.export.recipe import card_of
from eyebright.system.errors import MissingExtraError, ModelError


@pytest.fixture
def folder(source, tmp_path):
    """A folder with the files of the format alone."""
    target = named_format("saved-model")
    files = target.write(source, "float32")
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    card = card_of(
        target, source, {}, precision="float32", files=tuple(files), tolerance=1e-4, sha256=dict.fromkeys(files, "")
    )
    return Exported(tmp_path, card)


def test_another_reader_of_tensorflows_files_answers_as_the_model_does(folder, classifier):
    pixels = synthetic_images(classifier.preparation).pixels
    compiled = openvino.Core().compile_model(folder.path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = {port.any_name: values for port, values in compiled(pixels).items()}
    for name, expected in classifier.predictor.answers(pixels)._asdict().items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-5, err_msg=name)


def test_netron_is_given_a_graph_without_variables(folder):
    """In saved_model.pb it draws two nodes for each."""
    assert folder.main.name == "saved_model.pb" and b"VarHandleOp" in folder.main.read_bytes()
    graph = folder.shown.read_bytes()
    assert b"VarHandleOp" not in graph and b"Conv2D" in graph and len(graph) < len(folder.main.read_bytes())


def test_the_signature_is_called_with_the_images(folder, monkeypatch):
    """With a stand-in for TensorFlow, which is not among the packages for development."""
    given = {}

    def signature(**inputs):
        given.update(inputs)
        values = {"probabilities": np.eye(3, dtype=np.float32), "answer": np.array([0, 1, 2])}
        return {name: SimpleNamespace(numpy=lambda array=array: array) for name, array in values.items()}

    stand_in = ModuleType("tensorflow")
    stand_in.constant = lambda values: values
    stand_in.saved_model = SimpleNamespace(
        load=lambda path: SimpleNamespace(signatures={"serving_default": signature} if path == str(folder.path) else {})
    )
    monkeypatch.setitem(sys.modules, "tensorflow", stand_in)
    found = named_format("saved-model").load(folder)(np.zeros((3, 16, 16, 3), np.uint8))
    assert found.answer.tolist() == [0, 1, 2] and found.unfamiliarity is None
    assert given["pictures"].shape == (3, 16, 16, 3)
    stand_in.saved_model.load = lambda path: SimpleNamespace(signatures={})
    with pytest.raises(ModelError, match=r"saved_model\.pb does not open in TensorFlow"):
        named_format("saved-model").load(folder)


def test_without_tensorflow_the_error_says_what_to_install(source, classifier, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install tensorflow$"):
        write_export(source, classifier.predictor.answers, "saved-model", tmp_path / "new")


def test_tensorflow_answers_as_the_model_does(source, classifier, tmp_path):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    pytest.importorskip("tensorflow")
    _, proof = write_export(source, classifier.predictor.answers, "saved-model", tmp_path / "new")
    assert proof.difference < 1e-5 and not proof.answers_changed
    pixels = synthetic_images(classifier.preparation).pixels
    found = named_format("saved-model").load(read_export(tmp_path / "new"))(pixels)
    np.testing.assert_allclose(found.unfamiliarity, classifier.predictor.answers(pixels).unfamiliarity, rtol=1e-4)
