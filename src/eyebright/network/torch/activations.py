"""Torch modules of the activations."""

from torch import nn

from eyebright.network import (
    ELU,
    GELU,
    Hardsigmoid,
    Hardswish,
    Layer,
    LeakyReLU,
    Place,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from eyebright.network.torch.network import to_torch

_PLAIN: dict[type[Layer], type[nn.Module]] = {
    ReLU: nn.ReLU,
    ReLU6: nn.ReLU6,
    GELU: nn.GELU,
    SiLU: nn.SiLU,
    Hardswish: nn.Hardswish,
    Hardsigmoid: nn.Hardsigmoid,
    Sigmoid: nn.Sigmoid,
    Tanh: nn.Tanh,
    Softplus: nn.Softplus,
}


def _same(layer: Layer, place: Place) -> nn.Module:
    return _PLAIN[type(layer)]()


for _kind in _PLAIN:
    to_torch.register(_kind, _same)


@to_torch.register
def _(layer: LeakyReLU, place: Place) -> nn.Module:
    return nn.LeakyReLU(layer.negative_slope)


@to_torch.register
def _(layer: ELU, place: Place) -> nn.Module:
    return nn.ELU(layer.alpha)


@to_torch.register
def _(layer: Softmax, place: Place) -> nn.Module:
    return nn.Softmax(dim=1)
