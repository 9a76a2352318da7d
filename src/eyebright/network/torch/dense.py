"""Torch modules of the layers on vectors, and of dropout."""

import torch
from torch import Tensor, nn

from eyebright.network import Dropout, Flatten, Linear, Place
from eyebright.network.torch.build import to_torch


@to_torch.register
def _(layer: Flatten, place: Place) -> nn.Module:
    return nn.Flatten()


@to_torch.register
def _(layer: Linear, place: Place) -> nn.Module:
    return nn.Linear(place.input_shapes[0][0], layer.out_features, layer.bias, device="meta")


class _Dropout(nn.Module):
    """As `nn.Dropout`, with 16 random bits a value instead of a whole draw, in less than half the time."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.threshold = round(p * 2**16) - 2**15
        self.scale = 1 / (1 - round(p * 2**16) / 2**16)

    def forward(self, samples: Tensor) -> Tensor:
        if not self.training or self.threshold == -(2**15):
            return samples
        bits = torch.empty(samples.numel() // 4 + 1, dtype=torch.int64).random_(-(2**63), None)
        layout = torch.empty_like(samples, dtype=torch.int16)  # the mask in the samples' own memory order
        kept = bits.view(torch.int16).as_strided(layout.shape, layout.stride()) >= self.threshold
        return samples * (kept * self.scale)


@to_torch.register
def _(layer: Dropout, place: Place) -> nn.Module:
    return _Dropout(layer.p)
