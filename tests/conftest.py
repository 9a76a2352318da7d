"""What every test gets: a cache of its own, and the real pictures where they are."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing that a test packs or compiles reaches the user's cache, or another test."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("EYEBRIGHT_CACHE", str(folder))
    return folder


@pytest.fixture
def real_pictures() -> Path:
    """The folder of real pictures; the test is skipped where there is none."""
    if "EYEBRIGHT_DATA" not in os.environ:
        pytest.skip("EYEBRIGHT_DATA is not set: it names the folder with the real pictures")
    return Path(os.environ["EYEBRIGHT_DATA"])


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of small pictures: each class has its own colour, under noise; no two pictures are the same."""

    def make(name: str = "pictures", *, classes: tuple[str, ...] = ("blue", "green", "red"), count: int = 16) -> Path:
        random = np.random.default_rng(7)
        for index, label in enumerate(classes):
            folder = tmp_path / name / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 120, (20, 24, 3))
                pixels[:, :, index % 3] += 100 + index // 3 * 30
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:03d}.png")
        return tmp_path / name

    return make
