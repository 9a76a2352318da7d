"""Whether images give a classifier or a detector, and that Python and the command decide alike."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyebright as eb
from eyebright.runs.options import gather
from eyebright.system.errors import SettingsError
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.train import detects


@pytest.fixture
def boxed(tmp_path: Path) -> Path:
    """Twelve images in a table with boxes, of two classes of squares."""
    random = np.random.default_rng(0)
    lines = ["file,class,xmin,ymin,xmax,ymax"]
    for number in range(12):
        pixels = random.integers(0, 80, (64, 64, 3), np.uint8)
        x, y = random.integers(0, 40, 2)
        pixels[y : y + 24, x : x + 24] = 230
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{'light' if number % 2 else 'lamp'},{x},{y},{x + 24},{y + 24}")
    (tmp_path / "boxes.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "boxes.csv"


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A folder with one folder for each class."""
    for name in ("one", "two"):
        (tmp_path / "folders" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "folders" / name / "0.png")
    return tmp_path / "folders"


def test_boxes_are_noticed_and_a_task_that_is_named_wins(boxed, folders):
    assert detects(gather({"pictures": str(boxed)}))
    assert not detects(gather({"pictures": str(boxed), "task": "classify"}))
    assert not detects(gather({"pictures": str(folders)}))
    assert detects(gather({"pictures": str(folders), "task": "detect"}))


@pytest.mark.parametrize("option", [{"one_class": True}, {"unlabelled": "background"}])
def test_options_of_detectors_are_refused_where_there_are_no_boxes(folders, option):
    with pytest.raises(SettingsError, match=f"{next(iter(option))} is only for a detector"):
        detects(gather({"pictures": str(folders)} | option))


def test_train_gives_a_detector_of_one_class_in_python(boxed, tmp_path):
    result = eb.train(boxed, tmp_path / "run", size=64, epochs=1, one_class=True, verbose=False)
    assert result.detector.classes == ("object",)
    assert isinstance(eb.load(tmp_path / "run"), Detector)


def test_the_command_shows_the_precision_of_a_detector(boxed, tmp_path, eyebright):
    shown = eyebright("train", boxed, "-o", tmp_path / "run", "--size", "64", "--epochs", "1").out
    assert "mAP50" in shown
    assert "accuracy" not in shown
    assert Detector.load(tmp_path / "run").classes == ("lamp", "light")
