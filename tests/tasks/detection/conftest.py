"""Detections beside labelled boxes, where what is wrong is known."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.trust.matching import Truth


def found_boxes(*boxes: tuple[float, float, float, float, int, float]) -> Detections:
    """Detections as x1 y1 x2 y2, class and confidence."""
    table = np.array(boxes, np.float64)
    return Detections(table[:, :4], table[:, 4].astype(np.int64), table[:, 5])


@pytest.fixture
def known_mistakes() -> tuple[list[Detections], list[Truth]]:
    """Two images with classes 0 and 1: two right, one of another class, two false alarms, two missed, one ignored."""
    found = [
        found_boxes(
            (0, 0, 10, 10, 0, 0.9), (20, 0, 30, 10, 0, 0.8), (60, 60, 70, 70, 1, 0.7), (80, 80, 90, 90, 0, 0.6)
        ),
        found_boxes((0, 0, 10, 10, 1, 0.5), (0, 0, 10, 11, 1, 0.95)),
    ]
    first = np.array([[0, 0, 10, 10], [20, 0, 30, 11], [40, 40, 48, 50], [80, 80, 90, 90]], np.float64)
    second = np.array([[0, 0, 10, 10], [50, 50, 90, 90]], np.float64)
    truth = [
        Truth(first, np.array([0, 1, 1, 0]), np.array([False, False, False, True])),
        Truth.of(second, np.array([1, 0])),
    ]
    return found, truth


@pytest.fixture
def squares(tmp_path: Path) -> Path:
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
