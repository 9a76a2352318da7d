import numpy as np

from eyebright.network import (
    AdaptiveAvgPool2d,
    Add,
    Concat,
    Flatten,
    Input,
    Linear,
    Network,
    ReLU,
    Upsample,
    initial_weights,
)
from eyebright.network.litert import to_litert


def test_a_network_on_vectors_is_products_of_matrices(litert):
    network = Network.sequential(Input((5,)), Linear(4, name="a"), ReLU(), Linear(3, bias=False, name="b"))
    weights = initial_weights(network) | {"a.bias": np.linspace(-1, 1, 4, dtype=np.float32)}
    samples = np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32)
    hidden = np.maximum(samples @ weights["a.weight"].T + weights["a.bias"], 0)
    (found,) = litert(network, weights, samples).values()
    np.testing.assert_allclose(found, hidden @ weights["b.weight"].T, atol=1e-6)


def test_images_enter_as_uint8_channels_last_and_are_flattened_channel_by_channel(litert, pictures):
    expected = [np.concatenate([picture[:, :, channel].ravel() for channel in range(3)]) for picture in pictures]
    (found,) = litert(Network.sequential(Input((3, 9, 8)), Flatten()), {}, pictures).values()
    assert found.dtype == np.float32 and np.array_equal(found, expected)


def test_maps_of_one_pixel_are_flattened_without_a_transpose(operators):
    network = Network.sequential(Input((3, 9, 8)), AdaptiveAvgPool2d(1), Flatten())
    assert operators(to_litert(network, {})) == ["CAST", "AVERAGE_POOL_2D", "RESHAPE"]


def test_three_inputs_are_added_and_joined(litert):
    inputs = Input((2,))()
    network = Network(inputs, Concat()(Add()(inputs, ReLU()(inputs), inputs), inputs))
    (found,) = litert(network, {}, np.array([[-1, 2]], np.float32)).values()
    assert found.tolist() == [[-2, 6, -1, 2]]


def test_each_pixel_is_repeated_by_one_operator(operators):
    network = Network.sequential(Input((3, 9, 8)), Upsample((3, 2)))
    assert operators(to_litert(network, {})) == ["CAST", "RESIZE_NEAREST_NEIGHBOR"]
