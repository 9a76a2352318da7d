"""Torch modules of the pooling layers."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from eyebright.network import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    MaxPool2d,
    Place,
)
from eyebright.network.layers.windows import Window
from eyebright.network.torch.convolution import sides
from eyebright.network.torch.network import to_torch


class _Padded(nn.Module):
    """A pool whose padding differs between opposite sides, which torch does not offer."""

    def __init__(self, window: Window, value: float, pool: nn.Module) -> None:
        super().__init__()
        self.pads, self.value, self.pool = sides(window), value, pool

    def forward(self, samples: Tensor) -> Tensor:
        result: Tensor = self.pool(functional.pad(samples, self.pads, value=self.value))
        return result


@to_torch.register
def _(layer: MaxPool2d, place: Place) -> nn.Module:
    window = layer.window(place.input_shapes[0])
    if window.before == window.after:
        return nn.MaxPool2d(window.kernel, window.stride, window.before, ceil_mode=layer.ceil_mode)
    return _Padded(window, -torch.inf, nn.MaxPool2d(window.kernel, window.stride, ceil_mode=layer.ceil_mode))


class _MeanOfPresent(nn.Module):
    """The mean of the values inside the image: the mean with zeros, divided by the share that is not padding."""

    share: Tensor

    def __init__(self, mean: nn.Module, size: tuple[int, ...]) -> None:
        super().__init__()
        self.mean = mean
        self.register_buffer("share", mean(torch.ones(1, 1, *size)))

    def forward(self, samples: Tensor) -> Tensor:
        mean: Tensor = self.mean(samples)
        return mean / self.share


@to_torch.register
def _(layer: AvgPool2d, place: Place) -> nn.Module:
    window = layer.window(place.input_shapes[0])
    if window.before == window.after:
        return nn.AvgPool2d(window.kernel, window.stride, window.before, layer.ceil_mode, layer.count_include_pad)
    padded = _Padded(window, 0.0, nn.AvgPool2d(window.kernel, window.stride, 0, layer.ceil_mode))
    return padded if layer.count_include_pad else _MeanOfPresent(padded, place.input_shapes[0][1:])


@to_torch.register
def _(layer: AdaptiveAvgPool2d, place: Place) -> nn.Module:
    return nn.AdaptiveAvgPool2d(layer.output_size)


@to_torch.register
def _(layer: AdaptiveMaxPool2d, place: Place) -> nn.Module:
    return nn.AdaptiveMaxPool2d(layer.output_size)


class _GlobalAvgPool(nn.Module):
    def forward(self, samples: Tensor) -> Tensor:
        return samples.mean(dim=(2, 3))


@to_torch.register
def _(layer: GlobalAvgPool2d, place: Place) -> nn.Module:
    return _GlobalAvgPool()


class _GlobalMaxPool(nn.Module):
    def forward(self, samples: Tensor) -> Tensor:
        return samples.amax(dim=(2, 3))


@to_torch.register
def _(layer: GlobalMaxPool2d, place: Place) -> nn.Module:
    return _GlobalMaxPool()
