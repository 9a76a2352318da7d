"""Networks drawn at random, and ONNX graphs run by ONNX's own reference implementation."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from eyebright.network import Add, Conv2d, Flatten, Input, Linear, MaxPool2d, Network, Node, ReLU, Weights
from eyebright.network.onnx import to_onnx


@pytest.fixture(scope="session")
def run() -> Callable[..., NDArray[np.float32]]:
    """What ONNX's reference implementation makes of a network, its weights and a batch."""

    def run(network: Network, weights: Weights, samples: np.ndarray, **options: float) -> NDArray[np.float32]:
        model = to_onnx(network, weights, **options)
        return ReferenceEvaluator(model).run(None, {model.graph.input[0].name: samples})[0]

    return run


@pytest.fixture(scope="session")
def random_network() -> Callable[[int], Network]:
    """A network on pictures (3, 9, 8) with five random parts: ReLUs read once and twice, before pools and elsewhere."""

    conv, halve, pool, wide_pool = (  # the last three make ceil(size / 2) of any size
        Conv2d(3, 3, padding="same"),
        Conv2d(3, 3, 2, padding="same"),
        MaxPool2d(2, padding="same"),
        MaxPool2d(3, 2, padding=1),
    )
    parts: list[Callable[[Node], Node]] = [
        conv,
        pool,
        ReLU(),
        lambda node: wide_pool(ReLU()(conv(node))),
        lambda node: Add()(pool(relu := ReLU()(conv(node))), halve(relu)),
        lambda node: Add()(pool(relu := ReLU()(conv(node))), wide_pool(relu)),
        lambda node: Add()(pool(ReLU()(conv(node))), wide_pool(ReLU()(node))),
    ]

    def draw(seed: int) -> Network:
        pictures = node = Input((3, 9, 8))()
        for index in np.random.default_rng(seed).integers(len(parts), size=5):
            node = parts[index](node)
        return Network(pictures, Linear(2)(Flatten()(node)))

    return draw


@pytest.fixture(scope="session")
def pictures() -> NDArray[np.uint8]:
    """Two pictures `(2, 9, 8, 3)` of noise."""
    return np.random.default_rng(7).integers(0, 256, (2, 9, 8, 3), np.uint8)
