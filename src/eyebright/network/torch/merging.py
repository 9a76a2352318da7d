"""Torch modules where branches join."""

import torch
from torch import Tensor, nn

from eyebright.network import Add, Concat, Multiply, Place
from eyebright.network.torch.build import to_torch


class _Add(nn.Module):
    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        for other in others:
            first = first + other
        return first


@to_torch.register
def _(layer: Add, place: Place) -> nn.Module:
    return _Add()


class _Multiply(nn.Module):
    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return first * second


@to_torch.register
def _(layer: Multiply, place: Place) -> nn.Module:
    return _Multiply()


class _Concat(nn.Module):
    def forward(self, *samples: Tensor) -> Tensor:
        return torch.cat(samples, dim=1)


@to_torch.register
def _(layer: Concat, place: Place) -> nn.Module:
    return _Concat()
