import math

import numpy as np
import pytest
from torch import nn

from eyebright.network import (
    BatchNorm,
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


def test_local_contrast_learns_nothing():
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
def test_the_coverage_is_the_weight_that_lies_on_the_picture(shape):
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
        (lambda: LocalResponseNorm(4), "size must be odd, from 1 to 999, .*got 4"),
        (lambda: LocalResponseNorm(-1), "size must be odd.*got -1"),
        (lambda: LocalResponseNorm(alpha=-1.0), "alpha must be 0 or more.*alpha=-1.0"),
        (lambda: LocalResponseNorm(k=0.0), "k above 0.*k=0.0"),
        (lambda: LocalResponseNorm(beta=math.inf), "finite.*beta=inf"),
        (lambda: LocalContrastNorm(8), "kernel_size must be odd.*got 8"),
        (lambda: LocalContrastNorm(1001), "from 1 to 999"),
        (lambda: LocalContrastNorm(sigma=0.0), "sigma must be above 0 and finite, got 0.0"),
        (lambda: LocalContrastNorm(eps=0.0), "eps must be above 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()


@pytest.mark.parametrize("layer", [LocalResponseNorm(), LocalContrastNorm()])
def test_neighbourhoods_need_pictures(layer):
    with pytest.raises(NetworkError, match=r"expected pictures .*got \(3,\)"):
        layer(Input((3,))())
