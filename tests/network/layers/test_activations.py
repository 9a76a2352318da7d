import math

import numpy as np
import pytest
import torch
from torch import nn

from eyebright.network import (
    ELU,
    GELU,
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
    """What torch gives for numbers in ascending order."""
    network = Network.sequential(Input((2001,)), layer)
    (place,) = list(network.places.values())[1:]
    module: nn.Module = to_torch(place.layer, place).double()
    return module(torch.linspace(-10, 10, 2001, dtype=torch.float64)[None])[0].numpy()


@pytest.mark.parametrize("layer", RISING)
def test_those_that_never_decrease_say_so(layer):
    assert layer.monotone and (np.diff(values_of(layer)) >= 0).all()


@pytest.mark.parametrize("layer", [GELU(), SiLU(), Hardswish()])
def test_those_that_decrease_somewhere_do_not_claim_otherwise(layer):
    assert not layer.monotone and (np.diff(values_of(layer)) < 0).any()


def test_softmax_looks_at_other_values_too_and_never_counts_as_monotone():
    assert not Softmax.monotone


@pytest.mark.parametrize("layer", [*RISING, *OTHERS])
@pytest.mark.parametrize("shape", [(3, 5, 7), (4,)])
def test_activations_keep_the_shape_and_learn_nothing(layer, shape):
    assert (layer.output_shape(shape), layer.parameters(shape), layer.multiply_adds(shape)) == (shape, {}, 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LeakyReLU(-0.1), "negative_slope must be from 0 to 1, got -0.1"),
        (lambda: LeakyReLU(1.5), "negative_slope must be from 0 to 1, got 1.5"),
        (lambda: LeakyReLU(math.nan), "got nan"),
        (lambda: ELU(-1.0), "alpha must be 0 or more and finite, got -1.0"),
        (lambda: ELU(math.inf), "got inf"),
        (lambda: ELU("1"), "alpha.*float"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()
