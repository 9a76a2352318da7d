"""A small saved model, and ways to tamper with a copy of it."""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eyebright.classifier import Classifier
from eyebright.model import read_model, write_model
from eyebright.zoo import flowers_cnn


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of three classes at 16x16, never to be changed."""
    path = tmp_path_factory.mktemp("saved") / "model"
    Classifier(flowers_cnn(3, input_size=16), classes=["daisy", "rose", "tulip"], seed=1).save(path)
    return path


@pytest.fixture
def model(saved: Path, tmp_path: Path) -> Path:
    """A copy of it to tamper with."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


@pytest.fixture
def edit_card(model: Path) -> Callable[[Callable[[dict[str, Any]], object]], None]:
    """Change the copy's model.json."""

    def edit(change: Callable[[dict[str, Any]], object]) -> None:
        card = json.loads((model / "model.json").read_text())
        change(card)
        (model / "model.json").write_text(json.dumps(card))

    return edit


@pytest.fixture
def replace(model: Path, edit_card: Callable[..., None]) -> Callable[[str, bytes], None]:
    """Replace one file of the copy and enter its right checksum, as an attacker would."""

    def replace(name: str, content: bytes) -> None:
        (model / name).write_bytes(content)
        edit_card(lambda card: card["sha256"].update({name: hashlib.sha256(content).hexdigest()}))

    return replace


@pytest.fixture
def write(saved: Path) -> Callable[..., Any]:
    """Write the saved model elsewhere, with some of its parts replaced."""
    stored = read_model(saved)
    parts = {
        "card": stored.card,
        "weights": stored.weights(),
        "onnx": stored.onnx_path.read_bytes(),
        "golden": stored.golden(),
        "history": {},
        "readme": "read me",
    }
    return lambda path, **changes: write_model(path, **{**parts, **changes})


@pytest.fixture(scope="session")
def _opening() -> list[str]:
    """Every path that Python opens from now on; an audit hook cannot be taken away again."""
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
