import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from eyebright.network import (
    BatchNorm,
    Flatten,
    Input,
    LayerNorm,
    LocalContrastNorm,
    LocalResponseNorm,
    Network,
    initial_weights,
)
from eyebright.system.errors import NetworkError

ALL = [BatchNorm(), LayerNorm(), LocalResponseNorm(), LocalContrastNorm()]


@pytest.mark.parametrize("layer", ALL)
def test_normalisation_keeps_the_shape(layer):
    assert layer.output_shape((3, 5, 7)) == (3, 5, 7)


@pytest.mark.parametrize(
    ("layer", "module", "shape"),
    [
        (BatchNorm(), nn.BatchNorm2d(3), (3, 5, 7)),
        (BatchNorm(), nn.BatchNorm1d(3), (3,)),
        (LayerNorm(), nn.LayerNorm((3, 5, 7)), (3, 5, 7)),
        (LayerNorm(), nn.LayerNorm(3), (3,)),
        (LocalResponseNorm(), nn.LocalResponseNorm(5), (3, 5, 7)),
    ],
)
def test_parameters_and_buffers_are_named_and_shaped_as_in_torch(layer, module, shape):
    buffers = {name: tuple(tensor.shape) for name, tensor in module.named_buffers() if name != "num_batches_tracked"}
    assert {name: tensor.shape for name, tensor in layer.buffers(shape).items()} == buffers
    expected = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
    assert {name: tensor.shape for name, tensor in layer.parameters(shape).items()} == expected


def test_local_contrast_has_no_parameters():
    assert LocalContrastNorm().parameters((3, 5, 7)) == LocalContrastNorm().buffers((3, 5, 7)) == {}


def test_normalisation_starts_as_the_identity():
    weights = initial_weights(Network.sequential(Input((3, 5, 7)), BatchNorm(name="b"), LayerNorm(name="l")))
    starts = {name: set(values.ravel()) for name, values in weights.items()}
    assert starts == {
        "b.weight": {1},
        "b.bias": {0},
        "b.running_mean": {0},
        "b.running_var": {1},
        "l.weight": {1},
        "l.bias": {0},
    }


def test_running_statistics_belong_to_the_weights_but_are_not_learned():
    network = Network.sequential(Input((3, 5, 7)), BatchNorm(name="b"))
    assert network.parameter_count == 6
    assert list(network.parameters) == ["b.weight", "b.bias"]
    assert list(network.tensors) == ["b.weight", "b.bias", "b.running_mean", "b.running_var"]


def test_multiply_adds_of_local_contrast_are_two_kernels_at_each_pixel():
    assert LocalContrastNorm(5).multiply_adds((3, 8, 9)) == 2 * 8 * 9 * 25


@pytest.mark.parametrize(("size", "sigma"), [(9, None), (3, 1.0), (5, 0.3), (1, None)])
def test_the_neighbourhood_is_a_gaussian_whose_weights_add_up_to_one(size, sigma):
    kernel = LocalContrastNorm(size, sigma).kernel()
    half, spread = size // 2, sigma or size / 4
    for row in range(size):
        for column in range(size):
            squared = (row - half) ** 2 + (column - half) ** 2
            ratio = kernel[row, column] / kernel[half, half]
            assert math.isclose(ratio, math.exp(-squared / (2 * spread**2)), rel_tol=1e-9)
    assert math.isclose(kernel.sum(), 1)


@pytest.mark.parametrize("shape", [(1, 12, 11), (1, 2, 3), (1, 1, 1)])
def test_the_coverage_is_the_sum_of_weights_inside_the_image(shape):
    layer = LocalContrastNorm(5)
    kernel, (_, height, width) = layer.kernel(), shape
    expected = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            for down in range(-2, 3):
                for right in range(-2, 3):
                    if 0 <= row + down < height and 0 <= column + right < width:
                        expected[row, column] += kernel[down + 2, right + 2]
    np.testing.assert_allclose(layer.coverage(shape), expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BatchNorm(eps=0.0), "eps must be above 0 and finite, got 0.0"),
        (lambda: BatchNorm(momentum=0.0), "momentum must be above 0 and at most 1, got 0.0"),
        (lambda: BatchNorm(momentum=1.1), "momentum must be above 0 and at most 1, got 1.1"),
        (lambda: LayerNorm(eps=-1.0), "eps must be above 0"),
        (lambda: LayerNorm(eps=math.nan), "eps must be above 0.*nan"),
        (lambda: LocalResponseNorm(4), "size must be an odd number from 1 to 999, got 4"),
        (lambda: LocalResponseNorm(-1), "size must be an odd number .*got -1"),
        (lambda: LocalResponseNorm(alpha=-1.0), "alpha must be at least 0.*alpha=-1.0"),
        (lambda: LocalResponseNorm(k=0.0), "k above 0.*k=0.0"),
        (lambda: LocalResponseNorm(beta=math.inf), "finite.*beta=inf"),
        (lambda: LocalContrastNorm(8), "kernel_size must be an odd number .*got 8"),
        (lambda: LocalContrastNorm(1001), "from 1 to 999"),
        (lambda: LocalContrastNorm(sigma=0.0), "sigma must be above 0 and finite, got 0.0"),
        (lambda: LocalContrastNorm(eps=0.0), "eps must be above 0"),
    ],
)
def test_invalid_settings_are_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()


@pytest.mark.parametrize("layer", [LocalResponseNorm(), LocalContrastNorm()])
def test_local_normalisations_refuse_vectors(layer):
    with pytest.raises(NetworkError, match=r"expected an image .*got \(3,\)"):
        layer(Input((3,))())


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
def test_batch_norm_in_evaluation_uses_its_running_statistics(agree, noise, channels, size, eps):
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
def test_local_response_agrees_with_torch_and_the_formula_of_the_paper(agree, noise, channels, size, alpha, beta, k):
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
def test_local_contrast_follows_the_paper_pixel_by_pixel(agree, noise, shape, size, sigma, eps):
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
def test_local_contrast_does_not_depend_on_brightness_and_contrast(answers, noise, change):
    pictures = noise(3, 16, 15) // 2  # 0 to 127
    network = Network.sequential(Input((3, 16, 15)), LocalContrastNorm())
    before, after = (answers(network, {}, batch, engine=True) for batch in (pictures, change(pictures)))
    for who, found in before.items():
        assert found.std() > 0.5, who
        np.testing.assert_allclose(after[who], found, atol=1e-4, err_msg=who)


def test_at_the_border_only_pixels_inside_the_image_count(answers):
    """A slope of brightness along the columns: rows are alike up to the border, although windows there are cut."""
    picture = np.broadcast_to(np.arange(0, 120, 10, np.uint8)[None, None, :, None], (1, 14, 12, 1)).copy()
    network = Network.sequential(Input((1, 14, 12)), LocalContrastNorm(5))
    for who, found in answers(network, {}, picture, engine=True).items():
        np.testing.assert_allclose(found, np.broadcast_to(found[:, :, 7:8], found.shape), atol=1e-4, err_msg=who)


@pytest.mark.parametrize("colour", [0, 1, 200, 255])
def test_an_image_of_one_colour_stays_flat(answers, colour):
    pictures = np.full((1, 12, 11, 3), colour, np.uint8)
    network = Network.sequential(Input((3, 12, 11)), LocalContrastNorm())
    for who, found in answers(network, {}, pictures, engine=True).items():
        assert np.isfinite(found).all() and np.abs(found).max() < 1e-3, who
