import pytest

from eyebright.network import (
    ELU,
    GELU,
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


@pytest.mark.parametrize(
    "layer",
    [ELU(0.7), GELU(), Hardsigmoid(), Hardswish(), LeakyReLU(0.3), ReLU(), ReLU6(), Sigmoid(), SiLU(), Softmax(),
     Softplus(), Tanh()],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_activations_are_those_of_torch(agrees, layer):
    agrees(layer)
