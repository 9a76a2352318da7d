"""SavedModels are read by OpenVINO's own reader of TensorFlow's files, with whom our writer shares no code."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
import torch

from eyebright.network import Conv2d, Input, Layer, Network, Node, Normalize, Weights, initial_weights
from eyebright.network.tensorflow import to_saved_model
from eyebright.network.torch import TorchNetwork, as_input


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Writes the SavedModel of a network to a folder."""

    def saved(network: Network, weights: Weights, **options: Any) -> Path:
        for name, data in to_saved_model(network, weights, **options).items():
            path = tmp_path / "saved" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path / "saved"

    return saved


@pytest.fixture
def outputs(saved: Callable[..., Path]) -> Callable[..., dict[str, np.ndarray]]:
    """The outputs of the SavedModel of a network for a batch, by name."""

    def outputs(network: Network, weights: Weights, samples: np.ndarray, **options: Any) -> dict[str, np.ndarray]:
        core = openvino.Core()
        model = core.read_model(saved(network, weights, **options))
        compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        result = compiled(samples)
        return {name: np.array(result[port]) for port in compiled.outputs for name in port.get_names()}

    return outputs


@pytest.fixture
def agrees(outputs: Callable[..., dict[str, np.ndarray]], noise: Callable[..., np.ndarray]) -> Callable[..., None]:
    """Asserts that a SavedModel computes what torch does: layers after each other, or functions of a node."""

    def agrees(*layers: Layer | Callable[[Node], Node], shape: tuple[int, int, int] = (3, 9, 8)) -> None:
        images = Input(shape, name="input")()
        node = Normalize(128.0, 32.0, name="normalize")(images)
        node = Conv2d(shape[0], 1, name="first")(node)  # OpenVINO reads no SavedModel without variables
        for layer in layers:
            node = layer(node)
        network = Network(images, node)
        weights = {name: values * 0.5 + 0.3 for name, values in initial_weights(network, 1).items()}
        weights["first.weight"] -= 0.3
        samples = noise(*shape)
        with torch.no_grad():
            expected = TorchNetwork(network, weights).eval()(as_input(samples)).numpy()
        found = outputs(network, weights, samples)["logits"]
        if found.ndim == 4:
            found = found.transpose(0, 3, 1, 2)
        assert np.ptp(expected) > 0.01
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())

    return agrees
