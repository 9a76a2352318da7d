"""Keras itself, with torch, opens what is written, in safe mode; without Keras these tests are skipped."""

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from eyebright.network import Input, Layer, Network, Node, Normalize, Weights, initial_weights
from eyebright.network.keras import to_keras
from eyebright.network.torch import TorchNetwork, as_input


@pytest.fixture(scope="session")
def keras(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """Keras 3 with torch; its settings are not read from, nor written to, the user's home."""
    os.environ["KERAS_BACKEND"] = "torch"
    os.environ["KERAS_HOME"] = str(tmp_path_factory.mktemp("keras"))
    return pytest.importorskip("keras")


@pytest.fixture
def opened(keras: ModuleType, tmp_path: Path) -> Callable[..., Any]:
    """The Keras model of a network, opened in safe mode from the file that is written."""

    def opened(network: Network, weights: Weights, **options: Any) -> Any:
        file = tmp_path / "model.keras"
        file.write_bytes(to_keras(network, weights, **options))
        return keras.saving.load_model(file, safe_mode=True)

    return opened


@pytest.fixture
def agrees(opened: Callable[..., Any], noise: Callable[..., np.ndarray]) -> Callable[..., Any]:
    """Asserts that Keras computes what torch does, and returns the Keras model.

    Args: layers that follow each other on images of `shape`, or a function of the node of normalised images.
    """

    def agrees(*layers: Layer | Callable[[Node], Node], shape: tuple[int, int, int] = (3, 9, 8)) -> Any:
        images = Input(shape, name="input")()
        node = Normalize(128.0, 32.0, name="normalize")(images)
        for layer in layers:
            node = layer(node)
        network = Network(images, node)
        weights = {name: values * 0.5 + 0.3 for name, values in initial_weights(network, 1).items()}
        samples = noise(*shape)
        with torch.no_grad():
            expected = TorchNetwork(network, weights).eval()(as_input(samples)).numpy()
        model = opened(network, weights)
        found = model.predict(samples, verbose=0)
        if found.ndim == 4:
            found = found.transpose(0, 3, 1, 2)
        assert np.ptp(expected) > 0.01
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
        return model

    return agrees
