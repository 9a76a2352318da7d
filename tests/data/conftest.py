"""Folders of small images, each with its own noise, and a record of the images that are opened."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from eyebright.data.pictures import Preparation


@pytest.fixture
def preparation() -> Preparation:
    return Preparation(width=6, height=5)


@pytest.fixture
def noise() -> Callable[[int], NDArray[np.uint8]]:
    """An image of 10 x 12 pixels, different for each number."""
    return lambda number: np.random.default_rng(number).integers(0, 256, (10, 12, 3), np.uint8)


@pytest.fixture
def add_picture(noise) -> Callable[[Path], Path]:
    """Write the next image at a path, with the folders above it; always as PNG, with any file extension."""
    numbers = itertools.count()

    def add_picture(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            Image.fromarray(noise(next(numbers))).save(file, "PNG")
        return path

    return add_picture


@pytest.fixture
def make_folder(tmp_path, add_picture) -> Callable[..., Path]:
    """`make_folder({"daisy": 3, "tulip": 2})`: a folder with so many images 0.png, 1.png... in each class folder."""

    def make_folder(counts: dict[str, int], root: Path = tmp_path / "pictures") -> Path:
        for name, count in counts.items():
            for number in range(count):
                add_picture(root / name / f"{number}.png")
        return root

    return make_folder


@pytest.fixture
def pack_module():
    """The module eyebright.data.pack."""
    return sys.modules["eyebright.data.pack"]


@pytest.fixture
def opened(monkeypatch, pack_module) -> list[object]:
    """The images that packing opens from here on."""
    sources: list[object] = []
    original = pack_module.open_with_digest

    def open_with_digest(source, preparation):
        sources.append(source)
        return original(source, preparation)

    monkeypatch.setattr(pack_module, "open_with_digest", open_with_digest)
    return sources
