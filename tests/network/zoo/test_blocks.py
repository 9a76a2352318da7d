import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.model.engine import Engine
from eyebright.network import Input, Network, Normalize, ReLU, Sigmoid, initial_weights
from eyebright.network.onnx import to_onnx
from eyebright.network.torch import TorchNetwork, as_input
from eyebright.network.zoo import squeeze_excite
from eyebright.network.zoo.blocks import normalized_input


def network_of(channels: int, squeeze_channels: int, size: tuple[int, int]) -> Network:
    pictures = Input((channels, *size))()
    return Network(pictures, squeeze_excite(Normalize(128.0, 32.0)(pictures), squeeze_channels, name="se"))


def by_hand(values: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    """Hu et al. 2017, equations 2 to 4: z the means, s = sigmoid(W2 relu(W1 z)), and s times each channel."""
    first, second = (weights[f"se.{name}.weight"][:, :, 0, 0].astype(np.float64) for name in ("fc1", "fc2"))
    means = values.mean(axis=(2, 3))
    squeezed = np.maximum(means @ first.T + weights["se.fc1.bias"], 0)
    factors = 1 / (1 + np.exp(-(squeezed @ second.T + weights["se.fc2.bias"])))
    return values * factors[:, :, None, None]


@settings(max_examples=25, deadline=None)
@given(
    channels=st.integers(1, 8),
    squeeze_channels=st.integers(1, 4),
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    seed=st.integers(0, 1000),
)
def test_squeeze_and_excitation_follows_the_equations_of_the_paper(channels, squeeze_channels, size, seed):
    network = network_of(channels, squeeze_channels, size)
    weights = {name: values + np.float32(0.2) for name, values in initial_weights(network, seed).items()}
    pictures = np.random.default_rng(seed).integers(0, 256, (2, *size, channels), np.uint8)
    expected = by_hand((pictures.astype(np.float64) - 128).transpose(0, 3, 1, 2) / 32, weights)
    with torch.no_grad():
        found = TorchNetwork(network, weights).eval()(as_input(pictures)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_squeeze_and_excitation_gives_the_same_in_openvino():
    network = network_of(8, 2, (6, 5))
    weights = {name: values + np.float32(0.2) for name, values in initial_weights(network, 1).items()}
    pictures = np.random.default_rng(1).integers(0, 256, (2, 6, 5, 8), np.uint8)
    expected = by_hand((pictures.astype(np.float64) - 128).transpose(0, 3, 1, 2) / 32, weights)
    engine = Engine.of_bytes(to_onnx(network, weights).SerializeToString())
    np.testing.assert_allclose(engine(pictures), expected, rtol=1e-5, atol=1e-5)


def test_squeeze_and_excitation_has_the_published_parameters():
    """Hu et al. 2017, section 4: 2 / r times C squared for each block, here with biases; names as torchvision's."""
    network = network_of(64, 64 // 16, (7, 7))
    assert sum(tensor.size for name, tensor in network.parameters.items() if "weight" in name) == 2 * 64**2 // 16
    assert {name: tensor.shape for name, tensor in network.tensors.items()} == {
        "se.fc1.weight": (4, 64, 1, 1),
        "se.fc1.bias": (4,),
        "se.fc2.weight": (64, 4, 1, 1),
        "se.fc2.bias": (64,),
    }


def test_squeeze_and_excitation_keeps_the_shape_and_goes_to_json_and_back():
    network = network_of(8, 2, (6, 5))
    assert network.output_shape == (8, 6, 5) and network.output == "se.scale"
    assert Network.from_json(network.to_json()) == network
    kinds = [type(place.layer) for place in network.places.values()]
    assert kinds.count(ReLU) == kinds.count(Sigmoid) == 1


@pytest.mark.parametrize(
    ("channels", "options", "mean", "std"),
    [
        (3, {}, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
        (1, {}, 127.5, 127.5),
        (3, {"scale": (127.0, 128.0)}, 127.0, 128.0),
        (1, {"scale": (127.0, 128.0)}, 127.0, 128.0),
    ],
)
def test_images_are_normalised_as_published_weights_expect(channels, options, mean, std):
    """ImageNet's means and deviations, of 0 to 1, as published: 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225."""
    pictures, normalised = normalized_input(32, channels, **options)
    assert pictures.layer == Input((channels, 32, 32), name="input") and normalised.shape == (channels, 32, 32)
    assert normalised.inputs == (pictures,)
    np.testing.assert_allclose((normalised.layer.mean, normalised.layer.std), (mean, std))
