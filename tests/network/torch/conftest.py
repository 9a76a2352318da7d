"""Networks run three ways: by torch, by ONNX's own reference, and by OpenVINO, which answers in use."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator, ops

from eyebright.model.engine import Engine
from eyebright.network import Input, Layer, Network, Normalize, Weights
from eyebright.network.onnx import to_onnx
from eyebright.network.torch import TorchNetwork, as_input

Answers: TypeAlias = dict[str, NDArray[np.float32]]
Sides: TypeAlias = tuple[tuple[int, int], tuple[int, int]]


class MaxPool(ops.op_max_pool.MaxPool):
    """ONNX's own reference, without its shortcut for stride 1, which pads wrongly."""

    op_domain = ""

    def _run(self, samples, **attributes):
        return self._max_pool(samples, **attributes)


class LRN(ops.op_lrn.LRN):
    """ONNX's own reference, which counts the pictures of the batch where the channels are meant."""

    op_domain = ""

    def _run(self, samples, *, alpha, beta, bias, size):
        squares = np.zeros_like(samples)
        for channel in range(samples.shape[1]):
            around = slice(max(channel - (size - 1) // 2, 0), channel + size // 2 + 1)
            squares[:, channel] = (samples[:, around] ** 2).sum(axis=1)
        return (samples / (bias + np.float32(alpha / size) * squares) ** beta,)


@pytest.fixture(scope="session")
def answers() -> Callable[..., Answers]:
    """What torch, ONNX's reference and, where asked for, OpenVINO make of a network, its weights and a batch."""

    def answers(network: Network, weights: Weights, samples: np.ndarray, *, engine: bool = False) -> Answers:
        with torch.no_grad():
            found = {"torch": TorchNetwork(network, weights).eval()(as_input(samples)).numpy()}
        model = to_onnx(network, weights)
        reference = ReferenceEvaluator(model, new_ops=[MaxPool, LRN])
        (found["onnx"],) = reference.run(None, {model.graph.input[0].name: samples})
        if engine:
            found["openvino"] = Engine.of_bytes(model.SerializeToString())(samples)
        return found

    return answers


@pytest.fixture(scope="session")
def noise() -> Callable[..., NDArray[np.uint8]]:
    """Two pictures `(2, height, width, channels)` of noise, the same for the same shape `(channels, height, width)`."""

    def noise(channels: int, height: int, width: int) -> NDArray[np.uint8]:
        seed = [channels, height, width]
        return np.random.default_rng(seed).integers(0, 256, (2, height, width, channels), np.uint8)

    return noise


@pytest.fixture(scope="session")
def agree(answers: Callable[..., Answers]) -> Callable[..., None]:
    """Asserts that layers give what is expected, whoever computes them.

    `expected` is a function of the values (N, C, H, W) in float64, from -8 to 8, that the first layer reads.
    """

    def agree(
        layers: Layer | list[Layer],
        pictures: NDArray[np.uint8],
        expected: Callable[[NDArray[np.float64]], np.ndarray],
        weights: Weights | None = None,
        *,
        engine: bool = False,
        tolerance: float = 1e-5,
    ) -> None:
        layers = layers if isinstance(layers, list) else [layers]
        shape = (pictures.shape[3], *pictures.shape[1:3])
        network = Network.sequential(Input(shape), Normalize(128.0, 16.0), *layers)
        wanted = np.asarray(expected((pictures.astype(np.float64) - 128).transpose(0, 3, 1, 2) / 16))
        for who, found in answers(network, weights or {}, pictures, engine=engine).items():
            assert found.shape == (len(pictures), *network.output_shape), who
            np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance, err_msg=who)

    return agree


@pytest.fixture(scope="session")
def same_sides() -> Callable[..., Sides]:
    """Padding of a kernel (spread by dilation) on a picture as TensorFlow's guide words "same".

    (top, bottom), (left, right)
    """

    def along(width: int, kernel: int, stride: int) -> tuple[int, int]:
        total = max(kernel - stride, 0) if width % stride == 0 else max(kernel - width % stride, 0)
        return total // 2, total - total // 2

    def same_sides(size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int]) -> Sides:
        return along(size[0], kernel[0], stride[0]), along(size[1], kernel[1], stride[1])

    return same_sides
