"""A small saved model, copies of it with changed files, and images to predict."""

import hashlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx.reference
import pytest
from numpy.typing import NDArray
from PIL import Image

from eyebright.model.classifier import Classifier
from eyebright.model.folder import StoredModel, read_model, write_model
from eyebright.network.zoo.small import flowers_cnn


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model of three classes at 16x16, which no test changes."""
    path = tmp_path_factory.mktemp("saved") / "model"
    Classifier(flowers_cnn(3, input_size=16), classes=["daisy", "rose", "tulip"], seed=1).save(path)
    return path


@pytest.fixture(scope="session")
def stored(saved: Path) -> StoredModel:
    """The same, read."""
    return read_model(saved)


@pytest.fixture
def write(stored: StoredModel) -> Callable[..., Any]:
    """Write the saved model to another folder, with some of its parts replaced."""
    parts = {
        "card": stored.card,
        "weights": stored.weights(),
        "onnx": stored.onnx_path.read_bytes(),
        "golden": stored.golden(),
        "reference": stored.reference,
        "history": {},
        "readme": "read me",
    }
    return lambda path, **changes: write_model(path, **{**parts, **changes})


@pytest.fixture
def altered(write: Callable[..., Any], tmp_path: Path) -> Callable[..., StoredModel]:
    """The model with another golden or ONNX file, and the checksums that belong to them."""

    def altered(**changes: object) -> StoredModel:
        write(tmp_path / "model", **changes)
        return read_model(tmp_path / "model")

    return altered


@pytest.fixture(scope="session")
def reference(stored: StoredModel) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Probabilities by ONNX's own reference implementation."""
    evaluator = onnx.reference.ReferenceEvaluator(str(stored.onnx_path))
    return lambda pictures: evaluator.run(None, {"pictures": pictures})[0]


@pytest.fixture(scope="session")
def pixels() -> NDArray[np.uint8]:
    """Seventy prepared images, more than two batches."""
    return np.random.default_rng(0).integers(0, 256, (70, 16, 16, 3), np.uint8)


@pytest.fixture(scope="session")
def files(pixels: NDArray[np.uint8]) -> list[bytes]:
    """The same as PNG files."""

    def png(picture: NDArray[np.uint8]) -> bytes:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        return file.getvalue()

    return [png(picture) for picture in pixels]


@pytest.fixture
def model(saved: Path, tmp_path: Path) -> Path:
    """A copy of it to tamper with."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


@pytest.fixture
def edit_card(model: Path) -> Callable[[Callable[[dict[str, Any]], object]], None]:
    """Change the copy's model.json, which then has no digest of its own content, as in older models."""

    def edit(change: Callable[[dict[str, Any]], object]) -> None:
        card = json.loads((model / "model.json").read_text())
        card["sha256"].pop("model.json", None)
        change(card)
        (model / "model.json").write_text(json.dumps(card))

    return edit


@pytest.fixture
def replace(model: Path, edit_card: Callable[..., None]) -> Callable[[str, bytes], None]:
    """Replace one file of the copy and enter its correct checksum, as an attacker would."""

    def replace(name: str, content: bytes) -> None:
        (model / name).write_bytes(content)
        edit_card(lambda card: card["sha256"].update({name: hashlib.sha256(content).hexdigest()}))

    return replace


@pytest.fixture(scope="session")
def _opening() -> list[str]:
    """Every path that Python opens from now on; an audit hook cannot be removed."""
    paths: list[str] = []
    sys.addaudithook(lambda event, args: paths.append(os.fsdecode(args[0])) if _is_open(event, args) else None)
    return paths


@pytest.fixture
def opened(_opening: list[str]) -> list[str]:
    """The paths that the test opens."""
    _opening.clear()
    return _opening


def _is_open(event: str, args: tuple[Any, ...]) -> bool:
    return event == "open" and isinstance(args[0], str | bytes)
