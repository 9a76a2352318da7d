import numpy as np
import pytest

from eyebright.network import (
    Add,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Input,
    Linear,
    Multiply,
    Network,
    Normalize,
    ReLU,
    Unflatten,
    Upsample,
    ZeroPad2d,
    initial_weights,
)


def test_a_network_on_vectors_is_products_of_matrices(run):
    network = Network.sequential(Input((5,)), Linear(4, name="a"), ReLU(), Linear(3, bias=False, name="b"))
    weights = initial_weights(network) | {"a.bias": np.linspace(-1, 1, 4, dtype=np.float32)}
    samples = np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32)
    hidden = np.maximum(samples @ weights["a.weight"].T + weights["a.bias"], 0)
    np.testing.assert_allclose(run(network, weights, samples), hidden @ weights["b.weight"].T, atol=1e-6)


def test_images_enter_as_uint8_channels_last_and_are_flattened_channel_by_channel(run, pictures):
    network = Network.sequential(Input((3, 9, 8)), Flatten())
    expected = [np.concatenate([picture[:, :, channel].ravel() for channel in range(3)]) for picture in pictures]
    result = run(network, {}, pictures)
    assert result.dtype == np.float32 and np.array_equal(result, expected)


@pytest.mark.parametrize(("mean", "std"), [((100.0, 120.0, 140.0), (50.0, 60.0, 70.0)), (127.5, (1.0, 2.0, 3.0))])
def test_normalize_works_channel_by_channel(run, pictures, mean, std):
    network = Network.sequential(Input((3, 9, 8)), Normalize(mean, std))
    expected = ((pictures - np.float32(mean)) / np.float32(std)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(run(network, {}, pictures), expected, rtol=1e-6)


def test_add_sums_all_its_inputs_and_dropout_does_nothing(run):
    inputs = Input((4,))()
    network = Network(inputs, Add()(inputs, Dropout(0.9)(inputs), ReLU()(inputs)))
    samples = np.array([[-1, 2, -3, 4]], np.float32)
    assert np.array_equal(run(network, {}, samples), [[-2, 6, -6, 12]])


def test_zeros_are_put_around_maps(agree, pictures):
    agree(ZeroPad2d((1, 2, 0, 3)), pictures, lambda x: np.pad(x, ((0, 0), (0, 0), (0, 3), (1, 2))), engine=True)


@pytest.mark.parametrize("factor", [1, 2, 3, (1, 4), (5, 2)])
def test_each_pixel_is_repeated(agree, pictures, factor):
    rows, columns = factor if isinstance(factor, tuple) else (factor, factor)
    agree(Upsample(factor), pictures, lambda x: x.repeat(rows, axis=2).repeat(columns, axis=3), engine=True)


def test_a_vector_becomes_a_factor_for_each_channel(answers, pictures):
    images = Input((3, 9, 8))()
    network = Network(images, Multiply()(images, Unflatten()(GlobalAvgPool2d()(images))))
    x = pictures.astype(np.float64).transpose(0, 3, 1, 2)
    for who, found in answers(network, {}, pictures, engine=True).items():
        np.testing.assert_allclose(found, x * x.mean(axis=(2, 3), keepdims=True), rtol=1e-5, err_msg=who)
