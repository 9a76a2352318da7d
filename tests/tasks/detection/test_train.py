"""The whole way from images with boxes to a detector."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyebright.runs.request import gather
from eyebright.system.errors import SettingsError
from eyebright.tasks.detection.detector import Detector
from eyebright.tasks.detection.train import require_for_detectors, train_detector


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twelve images with a bright square, as YOLO labels them."""
    random = np.random.default_rng(0)
    folder = tmp_path / "squares"
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    (folder / "data.yaml").write_text("path: .\ntrain: images\nnames: [square]\n")
    for number in range(12):
        pixels = random.integers(0, 80, (64, 64, 3), np.uint8)
        x, y = random.integers(0, 40, 2)
        pixels[y : y + 24, x : x + 24] = 230
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        centre = f"{(x + 12) / 64} {(y + 12) / 64}"
        (folder / "labels" / f"{number}.txt").write_text(f"0 {centre} {24 / 64} {24 / 64}\n")
    return folder


def test_a_training_ends_with_a_detector_that_repeats_bit_by_bit(pictures, tmp_path):
    results = []
    for name in ("one", "two"):
        request = gather({"pictures": str(pictures), "output": str(tmp_path / name), "size": 64, "epochs": 2,
                          "threads": 1})  # fmt: skip
        results.append(train_detector(request))
    detector, again = (result.detector for result in results)
    weights, other = detector.get_weights(), again.get_weights()
    assert all(np.array_equal(values, other[name]) for name, values in weights.items())
    loaded = Detector.load(tmp_path / "one" / "model")
    assert loaded.classes == ("square",)
    assert set(loaded.metrics) == {"validation", "test"}
    assert len(loaded.history.validation_accuracy) == 2


@pytest.mark.parametrize("option", [{"network": "resnet18"}, {"dropout": 0.2}, {"promise": "coverage=0.9"}])
def test_options_for_classifiers_are_refused_by_name(option):
    with pytest.raises(SettingsError, match=f"{next(iter(option))}: only for classifiers"):
        require_for_detectors(gather({"pictures": "x", **option}))


def test_a_size_that_no_pyramid_has_is_refused():
    with pytest.raises(SettingsError, match="multiple of 32"):
        require_for_detectors(gather({"pictures": "x", "size": 100}))
