"""Figures that other programs computed for the published networks, and the weights that they used."""

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from eyebright.network import Network, Normalize, Weights
from eyebright.network.torch import TorchNetwork

_CHUNK = 1 << 18


@pytest.fixture(scope="session")
def reference() -> Mapping[str, Any]:
    """Figures by the name of the network; the test is skipped where there are none."""
    if "EYEBRIGHT_DATA" not in os.environ:
        pytest.skip("EYEBRIGHT_DATA is not set: the figures to compare with stand beside the folder that it names")
    folder = Path(os.environ["EYEBRIGHT_DATA"]).parent / "reference"
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist: it holds the figures to compare with")
    found = json.loads((folder / "published_networks.json").read_text())
    found["alexnet_owt"] = found.pop("alexnet")
    return found | json.loads((folder / "efficientnet_lite.json").read_text())


@pytest.fixture(scope="session")
def waves() -> Callable[[int, tuple[int, ...]], NDArray[np.float32]]:
    """u(k, n) of the reference as an array of a shape: numbers from 0 to 1 that need no random generator."""
    return lambda k, shape: _noise(k, shape, scale=1.0, offset=0.0)


@pytest.fixture(scope="session")
def filling() -> Callable[[Network], Weights]:
    """Weights for a network by the rule of the reference, from the names and shapes of its tensors alone."""

    def fill(network: Network) -> Weights:
        shapes = {name: tensor.shape for name, tensor in network.tensors.items()}
        return {name: _filled(k, name, shapes[name]) for k, name in enumerate(sorted(shapes))}

    return fill


@pytest.fixture(scope="session")
def logits() -> Callable[[Network, Weights, NDArray[np.float32]], NDArray[np.float32]]:
    """What torch makes of samples that are normalised already: the network's own normalisation is undone before it."""

    def compute(network: Network, weights: Weights, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        layer = network.layer("normalize")
        assert isinstance(layer, Normalize)
        mean, std = (np.reshape(values, (-1, 1, 1)) for values in (layer.mean, layer.std))
        pictures = torch.from_numpy((samples * std + mean).astype(np.float32))
        with torch.no_grad():
            return TorchNetwork(network, weights).eval()(pictures).numpy()

    return compute


def _filled(k: int, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if name.endswith("running_var"):
        return _noise(k, shape, scale=1.0, offset=0.5)
    if name.endswith(("running_mean", "bias")):
        return _noise(k, shape, scale=0.2, offset=-0.1)
    if len(shape) == 1:
        return _noise(k, shape, scale=1.0, offset=0.5)
    bound = math.sqrt(6 / math.prod(shape[1:]))
    return _noise(k, shape, scale=2 * bound, offset=-bound)


def _noise(k: int, shape: tuple[int, ...], *, scale: float, offset: float) -> NDArray[np.float32]:
    """offset + scale * u(k, n), piece by piece: a large network has more numbers than fit in the processor's cache."""
    result = np.empty(math.prod(shape), np.float32)
    for begin in range(0, len(result), _CHUNK):
        part = result[begin : begin + _CHUNK]
        values = np.arange(begin + 1, begin + 1 + len(part), dtype=np.float64)
        values *= 12.9898
        values += (k + 1) * 78.233
        torch.from_numpy(values).sin_()  # several times as fast as numpy where the angle is large
        values *= 43758.5453
        values -= np.floor(values)
        values *= scale
        values += offset
        part[:] = values
    return result.reshape(shape)
