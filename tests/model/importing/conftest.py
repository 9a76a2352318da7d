"""Keras itself, with torch, makes the files; without Keras these tests are skipped."""

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.importing import hdf5, keras_file
from eyebright.model.importing.keras import keras_network
from eyebright.model.importing.keras_file import KerasFile
from eyebright.system import isolated


@pytest.fixture(scope="session")
def keras(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """Keras 3 with torch; its settings are not read from, nor written to, the user's home."""
    os.environ["KERAS_BACKEND"] = "torch"
    os.environ["KERAS_HOME"] = str(tmp_path_factory.mktemp("keras"))
    return pytest.importorskip("keras")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5 is read in this process, which is faster, and without its limits."""

    def run(module: str, source: Path, target: Path) -> None:
        assert module == hdf5.__name__
        try:
            hdf5.convert(source, target)
        except SystemExit as problem:
            raise isolated.RefusedError(str(problem)) from None

    monkeypatch.setattr(keras_file.isolated, "run", run)


@pytest.fixture
def random_weights() -> Callable[[Any], Any]:
    """Gives a Keras model weights with which answers differ: no zeros, ones or tiny values."""

    def random_weights(model: Any) -> Any:
        stream = np.random.default_rng(0)
        for variable in model.weights:
            shape = tuple(variable.shape)
            if "seed" in variable.path or not shape:
                continue
            fan = np.prod(shape[:-1]) if len(shape) > 1 else 1
            values = stream.standard_normal(shape) / np.sqrt(fan) if fan > 1 else stream.uniform(0.5, 1.5, shape)
            variable.assign(values.astype(np.float32))
        return model

    return random_weights


@pytest.fixture
def agrees(
    keras: ModuleType, quick: None, tmp_path: Path, random_weights: Callable[[Any], Any]
) -> Callable[..., KerasFile]:
    """Asserts that a Keras model, saved and read, gives the same values as in Keras; returns what was read."""

    def agrees(model: Any, *, suffix: str = ".keras", tolerance: float = 1e-5) -> KerasFile:
        file = tmp_path / f"model{suffix}"
        random_weights(model).save(file)
        stored = keras_file.read_keras(file)
        network, weights = keras_network(stored)
        channels, height, width = network.input_shape
        samples = np.random.default_rng(1).integers(0, 256, (3, height, width, channels), np.uint8)
        given = samples if len(model.input_shape) == 4 else samples[..., 0]
        expected = np.asarray(model.predict(given.astype(np.float32), verbose=0))
        if expected.ndim == 4:
            expected = expected.transpose(0, 3, 1, 2)
        found = Engine.of_bytes(onnx_graph(network, weights))(samples)
        assert np.ptp(expected) > 1e-3
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())
        return stored

    return agrees
