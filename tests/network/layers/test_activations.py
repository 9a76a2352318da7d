import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf
from torch import nn

from eyebright.network import (
    ELU,
    GELU,
    Flatten,
    Hardsigmoid,
    Hardswish,
    Input,
    LeakyReLU,
    Network,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from eyebright.network.torch import to_torch
from eyebright.system.errors import NetworkError

RISING = [
    *(ReLU(), ReLU6(), LeakyReLU(), LeakyReLU(0.0), LeakyReLU(1.0), ELU(), ELU(0.0), ELU(3.0)),
    *(Hardsigmoid(), Sigmoid(), Tanh(), Softplus()),
]

OTHERS = [GELU(), SiLU(), Hardswish(), Softmax()]


def values_of(layer) -> np.ndarray:
    """The outputs of torch for numbers in ascending order."""
    network = Network.sequential(Input((2001,)), layer)
    (place,) = list(network.places.values())[1:]
    module: nn.Module = to_torch(place.layer, place).double()
    return module(torch.linspace(-10, 10, 2001, dtype=torch.float64)[None])[0].numpy()


@pytest.mark.parametrize("layer", RISING)
def test_monotone_activations_never_decrease(layer):
    assert layer.monotone and (np.diff(values_of(layer)) >= 0).all()


@pytest.mark.parametrize("layer", [GELU(), SiLU(), Hardswish()])
def test_activations_that_decrease_somewhere_are_not_monotone(layer):
    assert not layer.monotone and (np.diff(values_of(layer)) < 0).any()


def test_softmax_is_not_monotone_since_it_is_not_element_wise():
    assert not Softmax.monotone


@pytest.mark.parametrize("layer", [*RISING, *OTHERS])
@pytest.mark.parametrize("shape", [(3, 5, 7), (4,)])
def test_activations_keep_the_shape_and_have_no_parameters(layer, shape):
    assert (layer.output_shape(shape), layer.parameters(shape), layer.multiply_adds(shape)) == (shape, {}, 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LeakyReLU(-0.1), "negative_slope must be from 0 to 1, got -0.1"),
        (lambda: LeakyReLU(1.5), "negative_slope must be from 0 to 1, got 1.5"),
        (lambda: LeakyReLU(math.nan), "got nan"),
        (lambda: ELU(-1.0), "alpha must be at least 0 and finite, got -1.0"),
        (lambda: ELU(math.inf), "got inf"),
        (lambda: ELU("1"), "alpha.*float"),
    ],
)
def test_invalid_settings_are_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()


def softmax(values):
    shares = np.exp(values)
    return shares / shares.sum(axis=1, keepdims=True)


FORMULAS = [
    (ReLU(), lambda x: np.maximum(x, 0)),
    (ReLU6(), lambda x: np.minimum(np.maximum(x, 0), 6)),
    (LeakyReLU(), lambda x: np.where(x > 0, x, 0.01 * x)),
    (LeakyReLU(0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
    (ELU(), lambda x: np.where(x > 0, x, np.expm1(x))),
    (ELU(1.7), lambda x: np.where(x > 0, x, 1.7 * np.expm1(x))),
    (GELU(), lambda x: x * (1 + erf(x / math.sqrt(2))) / 2),
    (SiLU(), lambda x: x / (1 + np.exp(-x))),
    (Hardswish(), lambda x: x * np.minimum(np.maximum(x + 3, 0), 6) / 6),
    (Hardsigmoid(), lambda x: np.minimum(np.maximum(x / 6 + 0.5, 0), 1)),
    (Sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
    (Tanh(), np.tanh),
    (Softplus(), lambda x: np.log(1 + np.exp(x))),
    (Softmax(), softmax),
]


@pytest.mark.parametrize(("layer", "formula"), FORMULAS)
def test_activations_follow_their_formulas_in_torch_onnx_and_openvino(agree, noise, layer, formula):
    agree(layer, noise(3, 16, 9), formula, engine=True)


@pytest.mark.parametrize(("layer", "formula"), FORMULAS)
def test_activations_work_on_vectors_too(agree, noise, layer, formula):
    agree([Flatten(), layer], noise(3, 4, 5), lambda values: formula(values.reshape(2, -1)))


@settings(max_examples=25, deadline=None)
@given(slope=st.floats(0, 1, width=32), alpha=st.floats(0, 5, width=32))
def test_slope_and_alpha_are_used(agree, noise, slope, alpha):
    agree(LeakyReLU(slope), noise(1, 4, 4), lambda x: np.where(x > 0, x, slope * x))
    agree(ELU(alpha), noise(1, 4, 4), lambda x: np.where(x > 0, x, alpha * np.expm1(x)))
