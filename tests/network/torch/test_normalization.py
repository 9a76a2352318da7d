import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from eyebright.network import (
    BatchNorm,
    Flatten,
    Input,
    LayerNorm,
    LocalContrastNorm,
    LocalResponseNorm,
    Network,
    Normalize,
    initial_weights,
)
from eyebright.network.torch import TorchNetwork, as_input

SIZE = st.tuples(st.integers(1, 9), st.integers(1, 9))


def drawn(**shapes):
    """Weights and statistics by name; variances above 0."""
    random = np.random.default_rng(2)
    values = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return {f"n.{name}": abs(array) + np.float32(0.5) if name == "running_var" else array
            for name, array in values.items()}  # fmt: skip


def statistics(channels):
    return drawn(weight=channels, bias=channels, running_mean=channels, running_var=channels)


@settings(max_examples=25, deadline=None)
@given(channels=st.integers(1, 4), size=SIZE, eps=st.sampled_from([1e-5, 1e-3, 0.1]))
def test_batch_norm_in_use_takes_its_running_statistics(agree, noise, channels, size, eps):
    weights = statistics(channels)
    scale, shift, mean, variance = (values.astype(np.float64)[:, None, None] for values in weights.values())
    agree(
        BatchNorm(eps, name="n"),
        noise(channels, *size),
        lambda values: (values - mean) / np.sqrt(variance + eps) * scale + shift,
        weights,
    )


def test_batch_norm_on_pictures_and_vectors_in_openvino_too(agree, noise):
    for layers, channels in (([BatchNorm(name="n")], 3), ([Flatten(), BatchNorm(name="n")], 60)):
        weights = statistics(channels)
        tensors = [torch.tensor(weights[f"n.{key}"]).double()
                   for key in ("running_mean", "running_var", "weight", "bias")]  # fmt: skip

        def by_torch(values, channels=channels, tensors=tensors):
            samples = torch.tensor(values if channels == 3 else values.reshape(2, -1))
            return functional.batch_norm(samples, *tensors, training=False, eps=1e-5).numpy()

        agree(layers, noise(3, 4, 5), by_torch, weights, engine=True)


@pytest.mark.parametrize("momentum", [0.1, 1.0])
def test_batch_norm_in_training_follows_the_batches_and_its_statistics_come_out(noise, momentum):
    """Ioffe and Szegedy 2015, algorithm 2: the variance that is kept is m / (m - 1) of the batch's."""
    network = Network.sequential(Input((3, 6, 5)), BatchNorm(momentum=momentum, name="n"))
    module = TorchNetwork(network, initial_weights(network)).train()
    pictures = noise(3, 6, 5)
    mean, variance = np.zeros(3), np.ones(3)
    for batch in (pictures, 255 - pictures[:1]):
        values = batch.astype(np.float64).reshape(-1, 3)
        mean = (1 - momentum) * mean + momentum * values.mean(axis=0)
        variance = (1 - momentum) * variance + momentum * values.var(axis=0, ddof=1)
        result = module(as_input(batch)).detach().numpy()
        standard = (values - values.mean(axis=0)) / np.sqrt(values.var(axis=0) + 1e-5)
        np.testing.assert_allclose(result.transpose(0, 2, 3, 1).reshape(-1, 3), standard, atol=1e-4)
    found = module.get_weights()
    np.testing.assert_allclose(found["n.running_mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(found["n.running_var"], variance, rtol=1e-5)
    assert set(found["n.weight"]) == {1} and set(found["n.bias"]) == {0}


def test_statistics_that_were_taken_out_give_the_same_answers_elsewhere(answers, noise):
    network = Network.sequential(Input((3, 6, 5)), Normalize(), BatchNorm(name="n"))
    module = TorchNetwork(network, initial_weights(network)).train()
    for _ in range(5):
        module(as_input(noise(3, 6, 5)))
    with torch.no_grad():
        expected = module.eval()(as_input(noise(3, 6, 5))).numpy()
    for found in answers(network, module.get_weights(), noise(3, 6, 5), engine=True).values():
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_statistics_learn_by_no_gradient():
    network = Network.sequential(Input((3, 6, 5)), BatchNorm(name="n"))
    module = TorchNetwork(network, initial_weights(network))
    assert sum(parameter.numel() for parameter in module.parameters()) == network.parameter_count == 6


@settings(max_examples=25, deadline=None)
@given(shape=st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)), eps=st.sampled_from([1e-5, 0.1]))
def test_layer_norm_is_over_all_values_of_a_sample(agree, noise, shape, eps):
    weights = drawn(weight=shape, bias=shape)

    def by_hand(values):
        mean = values.mean(axis=(1, 2, 3), keepdims=True)
        variance = values.var(axis=(1, 2, 3), keepdims=True)
        return (values - mean) / np.sqrt(variance + eps) * weights["n.weight"] + weights["n.bias"]

    agree(LayerNorm(eps, name="n"), noise(*shape), by_hand, weights)


def test_layer_norm_on_pictures_and_vectors_in_openvino_too(agree, noise):
    for layers, shape in (([LayerNorm(name="n")], (3, 4, 5)), ([Flatten(), LayerNorm(name="n")], (60,))):
        weights = drawn(weight=shape, bias=shape)
        tensors = [torch.tensor(values).double() for values in weights.values()]

        def by_torch(values, shape=shape, tensors=tensors):
            return functional.layer_norm(torch.tensor(values.reshape(2, *shape)), shape, *tensors).numpy()

        agree(layers, noise(3, 4, 5), by_torch, weights, engine=True)


def response_by_hand(values, size, alpha, beta, k):
    """Krizhevsky et al. 2012, section 3.3, with its alpha: not divided by the number of channels."""
    channels = values.shape[1]
    result = np.zeros_like(values)
    for i in range(channels):
        lowest, highest = max(0, i - size // 2), min(channels - 1, i + size // 2)
        squares = sum(values[:, j] ** 2 for j in range(lowest, highest + 1))
        result[:, i] = values[:, i] / (k + alpha * squares) ** beta
    return result


@settings(max_examples=25, deadline=None)
@example(channels=3, size=3, alpha=0.5, beta=0.75, k=1.5)  # OpenVINO takes k for a whole number
@given(
    channels=st.integers(1, 8),
    size=st.sampled_from([1, 3, 5, 9]),
    alpha=st.floats(0, 2, width=32),
    beta=st.floats(0.125, 2, width=32),
    k=st.floats(0.5, 3, width=32),
)
def test_local_response_is_torchs_function_and_the_papers_formula(agree, noise, channels, size, alpha, beta, k):
    layer, pictures = LocalResponseNorm(size, alpha, beta, k), noise(channels, 3, 4)
    agree(layer, pictures, lambda values: response_by_hand(values, size, alpha / size, beta, k), engine=True)
    agree(
        layer,
        pictures,
        lambda values: functional.local_response_norm(torch.tensor(values), size, alpha, beta, k).numpy(),
    )


def test_local_response_with_the_numbers_of_2012_in_openvino_too(agree, noise):
    """k = 2, n = 5, alpha = 1e-4, beta = 0.75; here alpha is that of the mean, hence five times as much."""
    agree(
        LocalResponseNorm(5, 5e-4, 0.75, 2.0),
        noise(8, 3, 4),
        lambda values: response_by_hand(values, 5, 1e-4, 0.75, 2.0),
        engine=True,
    )


def contrast_by_hand(values, size, sigma, eps):
    """Jarrett et al. 2009, section 2, pixel by pixel; weights of the pixels that are there add up to 1."""
    count, channels, height, width = values.shape
    half = size // 2
    near = {
        (row, column): [
            (r, c, math.exp(-((r - row) ** 2 + (c - column) ** 2) / (2 * sigma**2)))
            for r in range(max(row - half, 0), min(row + half + 1, height))
            for c in range(max(column - half, 0), min(column + half + 1, width))
        ]
        for row in range(height)
        for column in range(width)
    }
    result = np.zeros_like(values)
    for sample in range(count):
        centred, deviation = np.zeros_like(values[sample]), np.zeros((height, width))
        for (row, column), there in near.items():
            total = channels * sum(weight for *_, weight in there)
            mean = sum(weight * values[sample, :, r, c].sum() for r, c, weight in there) / total
            centred[:, row, column] = values[sample, :, row, column] - mean
        for (row, column), there in near.items():
            total = channels * sum(weight for *_, weight in there)
            variance = sum(weight * (centred[:, r, c] ** 2).sum() for r, c, weight in there) / total
            deviation[row, column] = math.sqrt(variance + eps)
        result[sample] = centred / np.maximum(deviation, deviation.mean())
    return result


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 8), st.integers(1, 8)),
    size=st.sampled_from([1, 3, 5, 9]),
    sigma=st.none() | st.floats(0.5, 4, width=32),
    eps=st.sampled_from([1e-6, 1e-3, 1.0]),
)
def test_local_contrast_is_the_paper_pixel_by_pixel(agree, noise, shape, size, sigma, eps):
    # where pixels minus their mean are nothing but rounding (one pixel, one channel), a small eps would show it
    eps = 1.0 if size == 1 or shape[1:] == (1, 1) else eps
    agree(
        LocalContrastNorm(size, sigma, eps),
        noise(*shape),
        lambda values: contrast_by_hand(values, size, sigma or size / 4, eps),
    )


def test_local_contrast_with_windows_of_nine_in_openvino_too(agree, noise):
    agree(LocalContrastNorm(), noise(3, 13, 11), lambda values: contrast_by_hand(values, 9, 9 / 4, 1e-6), engine=True)


@pytest.mark.parametrize("change", [lambda picture: picture + 100, lambda picture: picture * 2], ids=["plus", "times"])
def test_local_contrast_does_not_change_with_the_light(answers, noise, change):
    pictures = noise(3, 16, 15) // 2  # 0 to 127
    network = Network.sequential(Input((3, 16, 15)), LocalContrastNorm())
    before, after = (answers(network, {}, batch, engine=True) for batch in (pictures, change(pictures)))
    for who, found in before.items():
        assert found.std() > 0.5, who
        np.testing.assert_allclose(after[who], found, atol=1e-4, err_msg=who)


def test_at_the_border_nothing_counts_but_what_is_there(answers):
    """A slope of brightness along the columns: rows are alike up to the border, although windows there are cut."""
    picture = np.broadcast_to(np.arange(0, 120, 10, np.uint8)[None, None, :, None], (1, 14, 12, 1)).copy()
    network = Network.sequential(Input((1, 14, 12)), LocalContrastNorm(5))
    for who, found in answers(network, {}, picture, engine=True).items():
        np.testing.assert_allclose(found, np.broadcast_to(found[:, :, 7:8], found.shape), atol=1e-4, err_msg=who)


@pytest.mark.parametrize("colour", [0, 1, 200, 255])
def test_a_picture_of_one_colour_stays_flat(answers, colour):
    pictures = np.full((1, 12, 11, 3), colour, np.uint8)
    network = Network.sequential(Input((3, 12, 11)), LocalContrastNorm())
    for who, found in answers(network, {}, pictures, engine=True).items():
        assert np.isfinite(found).all() and np.abs(found).max() < 1e-3, who


def test_the_gradient_of_local_contrast_stays_finite_on_one_colour():
    network = Network.sequential(Input((3, 12, 11)), LocalContrastNorm())
    pictures = torch.full((1, 3, 12, 11), 200.0, requires_grad=True)
    (TorchNetwork(network, {})(pictures) * torch.randn(1, 3, 12, 11)).sum().backward()
    assert torch.isfinite(pictures.grad).all()


@pytest.mark.parametrize("layer", [LocalContrastNorm(5), LocalResponseNorm()])
def test_neighbourhoods_are_computed_in_float32_under_autocast(noise, layer):
    module = TorchNetwork(Network.sequential(Input((3, 12, 11)), layer), {})
    samples = as_input(noise(3, 12, 11))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(module(samples), module.eval()(samples.clone()))
        found = module(samples)
    assert found.dtype == torch.float32 and torch.equal(found, module(samples))
