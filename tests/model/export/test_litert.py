import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from eyebright.model.export.export import write_export
from eyebright.model.export.exported import read_export
from eyebright.model.export.formats import named_format
from eyebright.model.export.images import synthetic_images
from eyebright.system.errors import ModelError, SettingsError

ROOT = Path(__file__).parents[3]
pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")


@pytest.fixture(scope="module")
def folder(source, classifier, tmp_path_factory):
    path = tmp_path_factory.mktemp("exports") / "litert"
    write_export(source, classifier.predictor.answers, "litert", path)
    return path


def test_litert_answers_as_the_model(folder, classifier):
    pixels = synthetic_images(classifier.preparation).pixels
    found, expected = named_format("litert").load(read_export(folder))(pixels), classifier.predictor.answers(pixels)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
    np.testing.assert_allclose(found.unfamiliarity, expected.unfamiliarity, rtol=1e-4)
    assert found.answer.tolist() == expected.answer.tolist() and {*found.answer.tolist()} == {-1, 1}


def test_the_file_has_the_names_of_the_classes(folder, classifier):
    assert zipfile.ZipFile(folder / "model.tflite").read("labels.txt").decode().split() == list(classifier.classes)


@pytest.mark.parametrize("text", ["README.md of the folder", "docs/litert.md"])
def test_the_python_code_of_the_pages_gives_the_answer_of_the_model(folder, text):
    page = folder / "README.md" if "folder" in text else ROOT / text
    (code, *_) = re.findall(r"```python\n(import json.*?)```", page.read_text("utf-8"), re.S)
    ran = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ""},
        check=True,
    )
    golden = json.loads((folder / "golden" / "answers.json").read_text("utf-8"))[0]
    assert ran.stdout.startswith(golden["answer"] or "no answer")
    found = [float(number) for number in ran.stdout.partition("[")[2].rstrip("]\n").split()]
    np.testing.assert_allclose(found, [*golden["probabilities"].values()], atol=1e-4)


def test_nothing_but_answers_is_written(folder, classifier, capfd):
    named_format("litert").load(read_export(folder))(synthetic_images(classifier.preparation).pixels)
    assert capfd.readouterr() == ("", "")


def test_float16_takes_about_half_the_size(folder, source, classifier, tmp_path):
    made, proof = write_export(source, classifier.predictor.answers, "litert", tmp_path / "half", precision="float16")
    assert made.sizes()["model.tflite"] < 0.6 * (folder / "model.tflite").stat().st_size
    assert 0 < proof.difference < 0.02


def test_int8_takes_a_quarter_and_ranges_from_images(folder, source, classifier, tmp_path):
    pytest.importorskip("ai_edge_quantizer", reason="needs ai-edge-quantizer")
    with pytest.raises(SettingsError, match="int8 takes the ranges of values from images: give some with --on"):
        write_export(source, classifier.predictor.answers, "litert", tmp_path / "new", precision="int8")
    given = source._replace(calibration=synthetic_images(classifier.preparation).pixels)
    made, proof = write_export(given, classifier.predictor.answers, "litert", tmp_path / "int8", precision="int8")
    assert made.sizes()["model.tflite"] < 0.4 * (folder / "model.tflite").stat().st_size
    assert 1e-5 < proof.difference < 0.1


def test_a_file_that_litert_cannot_read_is_an_error(folder, tmp_path):
    found = read_export(folder)._replace(path=tmp_path)
    (tmp_path / "model.tflite").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"model\.tflite does not run"):
        named_format("litert").load(found)
