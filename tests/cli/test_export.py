import json
import shutil
import sys

import pytest

from eyebright.model.export import NAMES
from eyebright.network import zoo
from eyebright.tasks.detection.model.detector import Detector


@pytest.fixture
def exported(run, eyebright, tmp_path):
    """A finished run and its export."""
    finished = eyebright("export", run, "--to", "onnx", "-o", tmp_path / "onnx")
    assert finished.code == 0, finished.err
    return finished, tmp_path / "onnx"


def test_export_says_files_proof_and_what_comes_next(exported):
    finished, folder = exported
    found = finished.out
    assert "model.onnx" in found and " MB\n" in found
    assert "validation images" in found and "0 labels changed" in " ".join(found.split())
    assert f"Exported: {folder}\nTo compare: eyebright predict {folder} IMAGES\n" in found
    assert all(len(line) <= 80 or str(folder) in line for line in found.splitlines())
    assert all(line and line == line.rstrip() for line in found.splitlines())


def test_the_folder_and_the_model_predict_the_same_table(exported, run, eyebright, tmp_path):
    images = sorted((tmp_path / "pictures" / "red").iterdir())[:3]
    ours, theirs = (eyebright("predict", place, *images) for place in (run, exported[1]))
    assert theirs.code == 0 and theirs.out == ours.out
    ours, theirs = (eyebright("predict", place, *images, "--json").out.splitlines() for place in (run, exported[1]))
    for own, other in zip(map(json.loads, ours), map(json.loads, theirs), strict=True):
        assert other.keys() == own.keys() and other["label"] == own["label"]
        assert other["probabilities"] == pytest.approx(own["probabilities"], abs=1e-4)


def test_other_commands_say_that_it_is_an_export(exported, eyebright, tmp_path):
    finished = eyebright("evaluate", exported[1], tmp_path / "pictures")
    assert finished.code == 1 and "is an exported model, which predict and inspect take" in finished.err


def test_a_promise_is_not_made_for_an_export(exported, eyebright):
    finished = eyebright("predict", exported[1], "x.png", "--promise", "accuracy=0.9")
    assert finished.code == 1 and "--promise is for models" in finished.err


def test_json_has_the_proof(run, eyebright, tmp_path):
    found = json.loads(eyebright("export", run, "--to", "onnx", "-o", tmp_path / "onnx", "--json").out)
    assert found["proof"]["difference"] < 1e-4 and found["files"].keys() == {"model.onnx"}


def test_errors_say_what_to_do(run, eyebright, tmp_path):
    finished = eyebright("export", run, "--to", "onxx", "-o", tmp_path / "a")
    assert finished.code == 1 and "did you mean 'onnx'" in finished.err
    finished = eyebright("export", tmp_path / "missing", "--to", "onnx", "-o", tmp_path / "a")
    assert finished.code == 1 and "does not exist" in finished.err
    (tmp_path / "a").mkdir()
    assert "already exists" in eyebright("export", run, "--to", "onnx", "-o", tmp_path / "a").err


def test_the_help_names_every_format(eyebright):
    assert ", ".join(NAMES) in " ".join(eyebright("export", "--help").out.split())


def test_inspect_shows_an_export_and_netron_opens_foreign_files(exported, eyebright, monkeypatch, tmp_path):
    folder = exported[1]
    found = eyebright("inspect", folder).out
    assert "onnx, float32" in found and "model.onnx" in found and "validation images" in found
    assert json.loads(eyebright("inspect", folder, "--json").out)["export"]["to"] == "onnx"
    shown = []

    class Netron:
        @staticmethod
        def start(file):
            shown.append(file)
            return "localhost", 8080

        @staticmethod
        def wait():
            pass

    monkeypatch.setitem(sys.modules, "netron", Netron)
    shutil.copy(folder / "model.onnx", tmp_path / "other.tflite")
    for target in (folder, tmp_path / "other.tflite"):
        finished = eyebright("inspect", target, "--netron")
        assert finished.code == 0 and "http://localhost:8080" in finished.err
    assert shown == [str(folder / "model.onnx"), str(tmp_path / "other.tflite")]
    finished = eyebright("inspect", tmp_path / "other.tflite")
    assert finished.code == 1 and "--netron" in finished.err
    finished = eyebright("inspect", folder, "--diagram", tmp_path / "a.svg")
    assert finished.code == 1 and "an exported model, for which --json and --netron" in finished.err


def test_a_detector_is_exported_with_its_programs(eyebright, tmp_path):
    Detector(zoo.lite0_detector(1, input_size=32), ["cell"], seed=1).save(tmp_path / "detector")
    done = eyebright("export", tmp_path / "detector", "--to", "onnx", "-o", tmp_path / "onnx")
    assert done.code == 0, done.err
    assert "scores differ by at most" in " ".join(done.out.split())
    assert f"To use it: python {tmp_path / 'onnx' / 'detect.py'} IMAGES" in done.out
    refused = eyebright("export", tmp_path / "detector", "--to", "litert", "-o", tmp_path / "litert")
    assert refused.code != 0 and "cannot be exported to 'litert': use --to onnx" in " ".join(refused.err.split())
    refused = eyebright("export", tmp_path / "detector", "--to", "onnx", "-o", tmp_path / "b", "--precision", "int8")
    assert refused.code != 0 and "leave out --on and --precision" in " ".join(refused.err.split())
