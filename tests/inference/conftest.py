"""A small saved model, its like with other parts, and pictures to ask it about."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx.reference
import pytest
from numpy.typing import NDArray
from PIL import Image

from eyebright.classifier import Classifier
from eyebright.model import StoredModel, read_model, write_model
from eyebright.zoo import flowers_cnn


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> StoredModel:
    """A model of three classes at 16x16."""
    path = tmp_path_factory.mktemp("saved") / "model"
    Classifier(flowers_cnn(3, input_size=16), classes=["daisy", "rose", "tulip"], seed=1).save(path)
    return read_model(path)


@pytest.fixture
def altered(stored: StoredModel, tmp_path: Path) -> Callable[..., StoredModel]:
    """The model with another golden or ONNX file, and the checksums that belong to them."""

    def write(**changes: object) -> StoredModel:
        parts = {"onnx": stored.onnx_path.read_bytes(), "golden": stored.golden()} | changes
        write_model(tmp_path / "model", stored.card, stored.weights(), history={}, readme="", **parts)
        return read_model(tmp_path / "model")

    return write


@pytest.fixture(scope="session")
def reference(stored: StoredModel) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Probabilities by ONNX's own reference implementation."""
    evaluator = onnx.reference.ReferenceEvaluator(str(stored.onnx_path))
    return lambda pictures: evaluator.run(None, {"pictures": pictures})[0]


@pytest.fixture(scope="session")
def pixels() -> NDArray[np.uint8]:
    """Seventy prepared pictures, more than two batches."""
    return np.random.default_rng(0).integers(0, 256, (70, 16, 16, 3), np.uint8)


@pytest.fixture(scope="session")
def files(pixels: NDArray[np.uint8]) -> list[bytes]:
    """The same as PNG files."""

    def png(picture: NDArray[np.uint8]) -> bytes:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        return file.getvalue()

    return [png(picture) for picture in pixels]
