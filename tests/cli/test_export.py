import json

import pytest

from eyebright.model.export.formats import NAMES


@pytest.fixture
def exported(run, eyebright, tmp_path):
    """A finished run and its export."""
    finished = eyebright("export", run, "--to", "onnx", "-o", tmp_path / "onnx")
    assert finished.code == 0, finished.err
    return finished, tmp_path / "onnx"


def test_export_tells_files_proof_and_what_comes_next(exported):
    finished, folder = exported
    told = finished.out
    assert "model.onnx" in told and " MB\n" in told
    assert "validation images" in told and "0 labels changed" in " ".join(told.split())
    assert f"Exported: {folder}\nTo compare: eyebright predict {folder} IMAGES\n" in told
    assert all(len(line) <= 80 or str(folder) in line for line in told.splitlines())


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
    told = " ".join(eyebright("export", "--help").out.split())
    assert ", ".join(NAMES) in told and "Example: eyebright export" in told
