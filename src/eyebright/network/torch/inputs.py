"""Torch modules of the layers at the entrance."""

import torch
from torch import Tensor, nn

from eyebright.network import Input, Normalize, Place
from eyebright.network.torch.build import to_torch


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
