"""Options for a training of a second, a finished run, and a detector."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

import eyebright as eb
from eyebright.model.reference import Reference
from eyebright.tasks.detection.model.detector import Detector


@pytest.fixture
def quick() -> list[str]:
    """Options for a training of a second."""
    return [
        "--network",
        "flowers_cnn",
        "--epochs",
        "3",
        "--size",
        "16",
        "--batch-size",
        "8",
        "--learning-rate",
        "0.003",
        "--seed",
        "3",
    ]


@pytest.fixture
def few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """scikit-learn has only a third of its digits. README.md fetches all 1,797, and trains on them."""
    from sklearn import datasets

    every = datasets.load_digits()
    few = SimpleNamespace(images=every.images[::3], target=every.target[::3])
    monkeypatch.setattr(datasets, "load_digits", lambda: few)


@pytest.fixture
def run(
    make_folder: Callable[..., Path], eyebright: Callable[..., Any], quick: list[str], made_once: Callable[..., None],
    tmp_path: Path,
) -> Path:  # fmt: skip
    """A finished run on the small folder of pictures."""

    def make(folder: Path) -> None:
        finished = eyebright("train", make_folder(folder / "pictures"), "-o", folder / "run", *quick)
        assert finished.code == 0, finished.err

    made_once("run", make)
    return tmp_path / "run"


@pytest.fixture
def strict(run: Path, tmp_path: Path) -> Path:
    """The same model with so low a limit that every image is unlike its training images."""
    model = eb.load(run)
    unknown = model.learned.reference.unknown._replace(limit=np.float32(1e-3))
    model.learned = msgspec.structs.replace(model.learned, reference=Reference(unknown=unknown))
    model.save(tmp_path / "strict")
    return tmp_path / "strict"


@pytest.fixture(scope="session")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a detector that was not trained."""
    place = tmp_path_factory.mktemp("detector") / "model"
    Detector(eb.zoo.lite0_detector(2, input_size=64), ["red", "green"]).save(place)
    return place


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with two images and a file that is none."""
    folder = tmp_path / "images"
    folder.mkdir()
    stream = np.random.default_rng(0)
    for name, shape in (("a.png", (60, 90, 3)), ("b.png", (90, 60, 3))):
        Image.fromarray(stream.integers(0, 256, shape, np.uint8)).save(folder / name)
    (folder / "c.png").write_text("no image")
    return folder
