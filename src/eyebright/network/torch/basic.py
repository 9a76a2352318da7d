"""Torch modules of the basic layers: inputs, layers on vectors, dropout, and merging."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from eyebright.network import (
    Add,
    Concat,
    Dropout,
    Flatten,
    Input,
    Linear,
    Multiply,
    Normalize,
    Place,
    Unflatten,
    Upsample,
    ZeroPad2d,
)
from eyebright.network.layers.windows import as_pair
from eyebright.network.torch.network import to_torch


@to_torch.register
def _(layer: Input, place: Place) -> nn.Module:
    return nn.Identity()


class _Normalize(nn.Module):
    mean: Tensor
    std: Tensor

    def __init__(self, layer: Normalize, dimensions: int) -> None:
        super().__init__()
        shape = (-1, *(1,) * (dimensions - 1))
        self.register_buffer("mean", torch.tensor(layer.mean, dtype=torch.float32).reshape(shape))
        self.register_buffer("std", torch.tensor(layer.std, dtype=torch.float32).reshape(shape))

    def forward(self, samples: Tensor) -> Tensor:
        return samples.sub(self.mean).div_(self.std)


@to_torch.register
def _(layer: Normalize, place: Place) -> nn.Module:
    return _Normalize(layer, len(place.shape))


@to_torch.register
def _(layer: Flatten, place: Place) -> nn.Module:
    return nn.Flatten()


@to_torch.register
def _(layer: Linear, place: Place) -> nn.Module:
    return nn.Linear(place.input_shapes[0][0], layer.out_features, layer.bias, device="meta")


@to_torch.register
def _(layer: Unflatten, place: Place) -> nn.Module:
    return nn.Unflatten(1, place.shape)


@to_torch.register
def _(layer: ZeroPad2d, place: Place) -> nn.Module:
    return nn.ZeroPad2d(layer.padding)


@to_torch.register
def _(layer: Upsample, place: Place) -> nn.Module:
    vertical, horizontal = as_pair(layer.scale_factor)
    return nn.Upsample(scale_factor=(float(vertical), float(horizontal)), mode="nearest")


class _Dropout(nn.Module):
    """As `nn.Dropout`; on a processor with 16 random bits for each value, which takes less than half the time.

    The random numbers are those of the samples' device: a GPU makes them faster than they could be sent to it.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.threshold = round(p * 2**16) - 2**15
        self.scale = 1 / (1 - round(p * 2**16) / 2**16)

    def forward(self, samples: Tensor) -> Tensor:
        if not self.training or self.threshold == -(2**15):
            return samples
        if samples.device.type != "cpu":
            return functional.dropout(samples, self.p)
        bits = torch.empty(samples.numel() // 4 + 1, dtype=torch.int64).random_(-(2**63), None)
        layout = torch.empty_like(samples, dtype=torch.int16)  # the mask in the samples' own memory order
        kept = bits.view(torch.int16).as_strided(layout.shape, layout.stride()) >= self.threshold
        return samples * (kept * self.scale)


@to_torch.register
def _(layer: Dropout, place: Place) -> nn.Module:
    return _Dropout(layer.p)


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
