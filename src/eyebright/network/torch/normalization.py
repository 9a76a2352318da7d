"""Torch modules of normalisations.

Local response and local contrast normalisation run in float32 also under autocast, since rounding would dominate.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from eyebright.network import BatchNorm, LayerNorm, LocalContrastNorm, LocalResponseNorm, Place
from eyebright.network.torch.network import to_torch


@to_torch.register
def _(layer: BatchNorm, place: Place) -> nn.Module:
    kind = nn.BatchNorm2d if len(place.shape) == 3 else nn.BatchNorm1d
    norm = kind(place.shape[0], eps=layer.eps, momentum=layer.momentum)
    norm.num_batches_tracked = None  # nobody reads it, and on a GPU counting takes a launch for each layer
    return norm


@to_torch.register
def _(layer: LayerNorm, place: Place) -> nn.Module:
    return nn.LayerNorm(place.shape, eps=layer.eps)


class _LocalResponseNorm(nn.Module):
    def __init__(self, layer: LocalResponseNorm) -> None:
        super().__init__()
        self.settings = layer.size, layer.alpha, layer.beta, layer.k

    def forward(self, samples: Tensor) -> Tensor:
        with torch.autocast(samples.device.type, enabled=False):
            return functional.local_response_norm(samples.float(), *self.settings)


@to_torch.register
def _(layer: LocalResponseNorm, place: Place) -> nn.Module:
    return _LocalResponseNorm(layer)


class _LocalContrastNorm(nn.Module):
    kernel: Tensor
    coverage: Tensor

    def __init__(self, layer: LocalContrastNorm, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.eps, self.padding = layer.eps, layer.kernel_size // 2
        self.register_buffer("kernel", torch.tensor(layer.kernel()[None, None], dtype=torch.float32))
        self.register_buffer("coverage", torch.tensor(layer.coverage(shape)[None, None], dtype=torch.float32))

    def forward(self, samples: Tensor) -> Tensor:
        with torch.autocast(samples.device.type, enabled=False):
            samples = samples.float()
            samples = samples - samples.mean(dim=(1, 2, 3), keepdim=True)  # only to reduce rounding errors
            centred = samples - self._around(samples)
            deviation = (self._around(centred * centred) + self.eps).sqrt()
            return centred / torch.maximum(deviation, deviation.mean(dim=(2, 3), keepdim=True))

    def _around(self, values: Tensor) -> Tensor:
        """The weighted mean of the neighbourhood over all channels, (N, 1, H, W)."""
        flat = values.mean(dim=1, keepdim=True)
        return functional.conv2d(flat, self.kernel, padding=self.padding) / self.coverage


@to_torch.register
def _(layer: LocalContrastNorm, place: Place) -> nn.Module:
    return _LocalContrastNorm(layer, place.shape)
