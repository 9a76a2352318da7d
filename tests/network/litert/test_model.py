import numpy as np
import pytest

from eyebright.model.engine import Engine, onnx_graph
from eyebright.network import (
    GELU,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    Input,
    Layer,
    Linear,
    LocalContrastNorm,
    Network,
    Normalize,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
    initial_weights,
    zoo,
)
from eyebright.network.litert import to_litert
from eyebright.system.errors import NetworkError


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("name", "size"),
    [("mlp", 19), ("lenet5", 32), ("flowers_cnn", 19), ("compact", 32), ("efficientnet_lite0", 64), ("resnet18", 32)],
)
def test_networks_of_the_zoo_agree_with_openvino(litert, name, size, batch):
    network = zoo.build(name, num_classes=5, input_size=size)
    weights = {
        key: values + np.float32(0.1) * np.random.default_rng(index).random(values.shape, np.float32)
        if key.endswith(("running_var", "running_mean", "bias"))
        else values
        for index, (key, values) in enumerate(initial_weights(network, 1).items())
    }
    pictures = np.random.default_rng(1).integers(0, 256, (batch, size, size, 3), np.uint8)
    (found,) = litert(network, weights, pictures).values()
    expected = Engine.of_bytes(onnx_graph(network, weights))(pictures)
    assert found.std() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-5 * max(1, np.abs(expected).max()))


def test_the_same_network_gives_the_same_bytes():
    first, second = (to_litert(network := zoo.mlp(input_size=4), initial_weights(network)) for _ in range(2))
    assert first == second


def test_float16_weights_take_half_the_size_and_are_rounded(litert, run, pictures):
    network = Network.sequential(Input((3, 9, 8)), Normalize(), Conv2d(32, 3), ReLU(), Flatten(), Linear(64))
    weights = initial_weights(network)
    full, half = (len(to_litert(network, weights, precision=kind)) for kind in ("float32", "float16"))
    assert half < 0.55 * full
    rounded = {
        name: values.astype(np.float16).astype(np.float32) if name.endswith("weight") else values
        for name, values in weights.items()
    }
    (found,) = litert(network, weights, pictures, precision="float16").values()
    np.testing.assert_allclose(found, run(network, rounded, pictures), atol=1e-5)


@pytest.mark.parametrize(
    "clash",
    ["pictures", "probabilities", "gelu", "contrast_mean", "contrast.kernel", "silu_gate", "pool.pads", "c.weight"],
)
def test_layers_may_have_the_names_of_other_tensors(litert, pictures, clash):
    def build(first: str, last: str) -> Network:
        inner = [GELU(), LocalContrastNorm(3, name="contrast"), SiLU(name="silu"), Conv2d(3, 2, name="c")]
        pool = AvgPool2d(3, 2, 1, name="pool")
        return Network.sequential(Input((3, 9, 8)), Normalize(), Tanh(name=first), *inner, pool, Sigmoid(name=last))

    weights = initial_weights(build("a", "z"))
    (expected,) = litert(build("a", "z"), weights, pictures).values()
    for names in ((clash, "z"), ("a", clash)):
        (found,) = litert(build(*names), weights, pictures).values()
        assert np.array_equal(found, expected)


def test_weights_that_do_not_fit_are_refused():
    network = Network.sequential(Input((3,)), Linear(2))
    with pytest.raises(NetworkError, match=r"linear_1\.weight: expected \(2, 3\), got \(3, 2\)"):
        to_litert(network, initial_weights(network) | {"linear_1.weight": np.zeros((3, 2), np.float32)})


def test_a_layer_without_operators_is_refused_and_registration_suggested(monkeypatch):
    monkeypatch.setattr(Layer, "types", dict(Layer.types))

    class Swish(Layer, frozen=True):
        stem = "swish"

    with pytest.raises(NetworkError, match=r"Swish cannot be exported to LiteRT: register .* emit\.register"):
        to_litert(Network.sequential(Input((3,)), Swish()), {})


def test_a_batch_norm_after_a_convolution_is_part_of_it(operators):
    network = Network.sequential(Input((3, 9, 8)), Conv2d(4, 3, bias=False), BatchNorm(), ReLU(), Conv2d(2, 3))
    assert operators(to_litert(network, initial_weights(network))) == ["CAST", "CONV_2D", "CONV_2D"]
