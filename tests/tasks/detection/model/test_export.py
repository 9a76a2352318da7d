import json
import re
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from eyebright.network import zoo
from eyebright.system.errors import OutputError, SettingsError
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.export import export_detector

pytestmark = pytest.mark.skipif(not find_spec("onnxruntime"), reason="needs onnxruntime")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A detector, the folder of its export, and the proof."""
    detector = Detector(
        zoo.lite0_detector(2, input_size=64), ["cell", "dot"], calibration=[(0.2, 0)] * 2, thresholds=(0.5, 0.6), seed=4
    )
    folder = tmp_path_factory.mktemp("exported") / "onnx"
    return detector, folder, export_detector(detector, "onnx", folder)


def run(folder, program, *arguments):
    return subprocess.run(
        [sys.executable, program, *arguments], cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": ""}
    )


def test_the_program_finds_what_the_detector_finds(exported, tmp_path):
    detector, folder, _ = exported
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (6, 10, 3), np.uint8)).resize((170, 90)).save(tmp_path / "a.png")
    found = run(folder, "detect.py", tmp_path / "a.png").stdout
    rows = re.findall(r"^  (\w+) ([\d.]+) at ([\d. ]+)$", found, re.MULTILINE)
    expected = detector.predict(tmp_path / "a.png").objects
    assert len(rows) == len(expected) > 0
    for (label, score, box), one in zip(rows, expected, strict=True):
        assert label == one.label and float(score) == pytest.approx(one.confidence, abs=2e-3)
        assert [float(side) for side in box.split()] == pytest.approx(one.box, abs=0.5)


def test_the_check_passes_and_notices_another_file(exported, tmp_path):
    _, folder, proof = exported
    assert run(folder, "check.py").returncode == 0
    assert json.loads((folder / "proof.json").read_text())["images"] == proof.images > 10
    assert proof.score_difference < 1e-4
    for file in folder.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"other")
    done = run(tmp_path, "check.py")
    assert (done.returncode, done.stdout) == (1, "altered or missing since the export: model.onnx\n")


def test_other_formats_and_folders_that_are_there_are_refused(exported, tmp_path):
    detector, folder, _ = exported
    with pytest.raises(SettingsError, match="cannot be exported to 'keras': use --to onnx"):
        export_detector(detector, "keras", tmp_path / "k")
    with pytest.raises(OutputError, match="already exists"):
        export_detector(detector, "onnx", folder)
