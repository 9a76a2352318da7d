"""The folder of an exported detector, as it is read again."""

import shutil
from importlib.util import find_spec

import numpy as np
import pytest

from eyebright.network import zoo
from eyebright.system.errors import ModelError
from eyebright.tasks.detection.model.card import is_exported_detector
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.export import export_detector
from eyebright.tasks.detection.model.exported import read_exported_detector

pytestmark = pytest.mark.skipif(not find_spec("onnxruntime"), reason="needs onnxruntime")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A detector and the folder of its export."""
    detector = Detector(zoo.lite0_detector(2, input_size=64), ["cell", "dot"], thresholds=(0.3, 0.4), seed=4)
    folder = tmp_path_factory.mktemp("exported") / "onnx"
    export_detector(detector, "onnx", folder)
    return detector, folder


def test_its_own_runtime_finds_what_the_detector_finds(exported):
    detector, folder = exported
    assert is_exported_detector(folder) and not is_exported_detector(folder.parent)
    pixels = np.random.default_rng(0).integers(0, 256, (90, 170, 3), np.uint8)
    ours, theirs = detector.predict(pixels).objects, read_exported_detector(folder).open().predict(pixels).objects
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert one.label == other.label and one.confidence == pytest.approx(other.confidence, abs=1e-4)
        assert one.box == pytest.approx(other.box, abs=0.05)


def test_the_table_says_what_is_in_the_folder(exported):
    found = read_exported_detector(exported[1])
    assert found.as_table().title == "Exported detector of 2 classes"
    assert ("classes", "cell, dot") in found.as_table().rows and found.proof.images > 10


def test_altered_files_and_other_maps_are_refused(exported, tmp_path):
    shutil.copytree(exported[1], tmp_path / "copy")
    (tmp_path / "copy" / "golden.npz").write_bytes(b"other")
    with pytest.raises(ModelError, match=r"golden\.npz was altered"):
        read_exported_detector(tmp_path / "copy")
    found = read_exported_detector(exported[1])
    other = Detector(zoo.lite0_detector(2, input_size=64), ["cell", "dot"], seed=5)
    (tmp_path / "copy" / "model.onnx").write_bytes(other.to_onnx())
    shutil.copy(exported[1] / "golden.npz", tmp_path / "copy" / "golden.npz")
    with pytest.raises(ModelError, match="answers otherwise than where it was made: scores of the golden images"):
        found._replace(path=tmp_path / "copy").open()
