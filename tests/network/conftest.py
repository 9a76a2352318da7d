"""Networks run by torch, ONNX's reference, OpenVINO, which predicts in use, and LiteRT where it is installed."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator, ops

from eyebright.model.engine import Engine
from eyebright.network import (
    ELU,
    GELU,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    Hardsigmoid,
    Hardswish,
    Input,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    LocalContrastNorm,
    LocalResponseNorm,
    MaxPool2d,
    Multiply,
    Network,
    Node,
    Normalize,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Unflatten,
    Upsample,
    Weights,
    ZeroPad2d,
    initial_weights,
)  # fmt: skip
from eyebright.network.onnx import to_onnx
from eyebright.network.torch import TorchNetwork, as_input

Answers: TypeAlias = dict[str, NDArray[np.float32]]
Sides: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
LAYERS = [
    Normalize((120.0, 110.0, 100.0), 60.0, name="own"),
    Conv2d(6, (3, 5), (2, 1), "same", (1, 2), 3, bias=False, initializer="he_uniform", name="own"),
    MaxPool2d((3, 2), 2, (1, 0), ceil_mode=True, name="own"),
    AvgPool2d(3, (2, 1), 1, ceil_mode=True, count_include_pad=False, name="own"),
    AdaptiveAvgPool2d((4, 3), name="own"),
    AdaptiveMaxPool2d(4, name="own"),
    GlobalAvgPool2d(name="own"),
    GlobalMaxPool2d(name="own"),
    BatchNorm(1e-3, 0.01, name="own"),
    LayerNorm(1e-6, name="own"),
    LocalResponseNorm(3, 0.5, 0.5, 2.0, name="own"),
    LocalContrastNorm(5, 1.5, 1e-4, name="own"),
    Linear(7, bias=False, initializer="he_normal", name="own"),
    Flatten(name="own"),
    Unflatten(name="own"),
    ZeroPad2d((1, 2, 0, 3), name="own"),
    Upsample((3, 2), name="own"),
    Dropout(0.25, name="own"),
    *(ReLU(name="own"), ReLU6(name="own"), LeakyReLU(0.3, name="own"), ELU(0.7, name="own"), GELU(name="own")),
    *(SiLU(name="own"), Hardswish(name="own"), Hardsigmoid(name="own"), Sigmoid(name="own"), Tanh(name="own")),
    *(Softplus(name="own"), Softmax(name="own"), Add(name="own"), Multiply(name="own"), Concat(name="own")),
]


@pytest.fixture(params=LAYERS, ids=lambda layer: type(layer).__name__)
def any_layer(request: pytest.FixtureRequest) -> Layer:
    """Each type of layer once, with settings that differ from the defaults, named "own"."""
    return request.param


@pytest.fixture
def any_network(any_layer: Layer) -> Network:
    """A network on images (3, 9, 8) that ends in `any_layer`."""
    images = Input((3, 9, 8), name="pictures")()
    values: Node = images if isinstance(any_layer, Normalize) else Normalize(128.0, 32.0)(images)
    if isinstance(any_layer, Linear | Unflatten):
        values = Flatten()(values)
    return Network(images, any_layer(*([values, ReLU()(values)] if any_layer.arity()[1] > 1 else [values])))


@pytest.fixture
def any_weights(any_network: Network) -> Weights:
    """Weights for `any_network` without zeros and ones."""
    return {
        name: values * np.float32(0.5) + np.float32(0.3) for name, values in initial_weights(any_network, 1).items()
    }


class MaxPool(ops.op_max_pool.MaxPool):
    """ONNX's reference implementation without its shortcut for stride 1, which pads wrongly."""

    op_domain = ""

    def _run(self, samples, **attributes):
        return self._max_pool(samples, **attributes)


class LRN(ops.op_lrn.LRN):
    """ONNX's reference implementation, which takes the number of images in the batch for that of the channels."""

    op_domain = ""

    def _run(self, samples, *, alpha, beta, bias, size):
        squares = np.zeros_like(samples)
        for channel in range(samples.shape[1]):
            around = slice(max(channel - (size - 1) // 2, 0), channel + size // 2 + 1)
            squares[:, channel] = (samples[:, around] ** 2).sum(axis=1)
        return (samples / (bias + np.float32(alpha / size) * squares) ** beta,)


@pytest.fixture(scope="session")
def run() -> Callable[..., NDArray[np.float32]]:
    """The output of a network for a batch, by ONNX's reference implementation."""

    def run(network: Network, weights: Weights, samples: np.ndarray, **options: Any) -> NDArray[np.float32]:
        model = to_onnx(network, weights, **options)
        evaluator = ReferenceEvaluator(model, new_ops=[MaxPool, LRN])
        return evaluator.run(None, {model.graph.input[0].name: samples})[0]

    return run


@pytest.fixture(scope="session")
def litert() -> Callable[..., Answers] | None:
    """The outputs of a network for a batch by LiteRT, channels first; None where it is not installed."""
    if not find_spec("ai_edge_litert"):
        return None
    from ai_edge_litert.interpreter import Interpreter

    from eyebright.network.litert import to_litert

    def litert(network: Network, weights: Weights, samples: np.ndarray, *given: Any, **options: Any) -> Answers:
        interpreter = Interpreter(model_content=to_litert(network, weights, *given, **options))
        (source,) = interpreter.get_input_details()
        interpreter.resize_tensor_input(source["index"], samples.shape, strict=True)
        found = interpreter.get_signature_runner()(**{source["name"]: samples})
        return {name: np.moveaxis(values, -1, 1) if values.ndim == 4 else values for name, values in found.items()}

    return litert


@pytest.fixture(scope="session")
def answers(run: Callable[..., NDArray[np.float32]], litert: Callable[..., Answers] | None) -> Callable[..., Answers]:
    """The outputs of a network for a batch by torch, ONNX's reference, LiteRT and, if asked for, by OpenVINO.

    LiteRT is only asked where all layers are eyebright's.
    """

    def answers(network: Network, weights: Weights, samples: np.ndarray, *, engine: bool = False) -> Answers:
        with torch.no_grad():
            found = {"torch": TorchNetwork(network, weights).eval()(as_input(samples)).numpy()}
        found["onnx"] = run(network, weights, samples)
        own = {type(place.layer).__module__.partition(".")[0] for place in network.places.values()} - {"eyebright"}
        if litert is not None and not own:
            (found["litert"],) = litert(network, weights, samples).values()
        if engine:
            found["openvino"] = Engine.of_bytes(to_onnx(network, weights).SerializeToString())(samples)
        return found

    return answers


@pytest.fixture(scope="session")
def random_network() -> Callable[[int], Network]:
    """A network on images (3, 9, 8) with five random parts: ReLUs read once and twice, before pools and elsewhere."""

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
def noise() -> Callable[..., NDArray[np.uint8]]:
    """Two images `(2, height, width, channels)` of noise, always the same for a shape `(channels, height, width)`."""

    def noise(channels: int, height: int, width: int) -> NDArray[np.uint8]:
        seed = [channels, height, width]
        return np.random.default_rng(seed).integers(0, 256, (2, height, width, channels), np.uint8)

    return noise


@pytest.fixture(scope="session")
def agree(answers: Callable[..., Answers]) -> Callable[..., None]:
    """Asserts that layers give the expected values in torch, in ONNX and, if asked for, in OpenVINO.

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
    """Padding "same" of a kernel (with dilation) on an image, as TensorFlow's guide defines it.

    (top, bottom), (left, right)
    """

    def along(width: int, kernel: int, stride: int) -> tuple[int, int]:
        total = max(kernel - stride, 0) if width % stride == 0 else max(kernel - width % stride, 0)
        return total // 2, total - total // 2

    def same_sides(size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int]) -> Sides:
        return along(size[0], kernel[0], stride[0]), along(size[1], kernel[1], stride[1])

    return same_sides


@pytest.fixture(scope="session")
def pictures() -> NDArray[np.uint8]:
    """Two images `(2, 9, 8, 3)` of noise."""
    return np.random.default_rng(7).integers(0, 256, (2, 9, 8, 3), np.uint8)
