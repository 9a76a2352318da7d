import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from eyebright.network import (
    ELU,
    GELU,
    Flatten,
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)


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
def test_activations_are_their_formulas_in_torch_onnx_and_openvino(agree, noise, layer, formula):
    agree(layer, noise(3, 16, 9), formula, engine=True)


@pytest.mark.parametrize(("layer", "formula"), FORMULAS)
def test_activations_work_on_vectors_too(agree, noise, layer, formula):
    agree([Flatten(), layer], noise(3, 4, 5), lambda values: formula(values.reshape(2, -1)))


@settings(max_examples=25, deadline=None)
@given(slope=st.floats(0, 1, width=32), alpha=st.floats(0, 5, width=32))
def test_slopes_and_scales_are_those_that_were_asked_for(agree, noise, slope, alpha):
    agree(LeakyReLU(slope), noise(1, 4, 4), lambda x: np.where(x > 0, x, slope * x))
    agree(ELU(alpha), noise(1, 4, 4), lambda x: np.where(x > 0, x, alpha * np.expm1(x)))
