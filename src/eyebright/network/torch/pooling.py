"""Torch modules of the pooling layers.

On a GPU, torch adds up the gradients of overlapping windows in an order that varies from run to run, and so do their
last bits. The pools here do not, unless `torch.backends.cudnn.deterministic` is off.
"""

from collections.abc import Callable
from typing import TypeAlias

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


class _OverlappingMaxPool(nn.MaxPool2d):
    """On a GPU it pools images with channels first: then each gradient is gathered in a fixed order."""

    def forward(self, samples: Tensor) -> Tensor:
        if not (samples.is_cuda and torch.backends.cudnn.deterministic):
            result: Tensor = super().forward(samples)
            return result
        result = super().forward(samples.contiguous())
        return result.contiguous(memory_format=torch.channels_last)


@to_torch.register
def _(layer: MaxPool2d, place: Place) -> nn.Module:
    window = layer.window(place.input_shapes[0])
    overlapping = any(kernel > stride for kernel, stride in zip(window.kernel, window.stride, strict=True))
    kind, even = _OverlappingMaxPool if overlapping else nn.MaxPool2d, window.before == window.after
    pool = kind(window.kernel, window.stride, window.before if even else 0, ceil_mode=layer.ceil_mode)
    return pool if even else _Padded(window, -torch.inf, pool)


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


class _SummedPool(nn.Module):
    """A mean of windows; on a GPU it is their sum, by a convolution with ones, times what makes it their mean.

    On an H100, torch 2.11 computed wrong gradients of means of overlapping windows with padding (stride 2 by 1).
    """

    scale: Tensor

    def __init__(self, mean: nn.Module, window: Window, size: tuple[int, ...]) -> None:
        super().__init__()
        self.mean, self.kernel, self.stride = mean, window.kernel, window.stride
        spans = [(n - 1) * stride + k for n, stride, k in zip(window.counts, self.stride, self.kernel, strict=True)]
        bottom, right = (
            span - length - first for span, length, first in zip(spans, size, window.before, strict=True)
        )  # what no window covers is cropped
        self.pads = [window.before[1], right, window.before[0], bottom]
        ones = torch.ones(1, 1, *size)
        self.register_buffer("scale", mean(ones) / self._sums(ones))

    def forward(self, samples: Tensor) -> Tensor:
        result: Tensor = self._sums(samples) * self.scale if samples.is_cuda else self.mean(samples)
        return result

    def _sums(self, samples: Tensor) -> Tensor:
        channels = samples.shape[1]
        ones = samples.new_ones(channels, 1, *self.kernel)
        return functional.conv2d(functional.pad(samples, self.pads), ones, stride=self.stride, groups=channels)


@to_torch.register
def _(layer: AvgPool2d, place: Place) -> nn.Module:
    window, size = layer.window(place.input_shapes[0]), place.input_shapes[0][1:]
    tiles = window.kernel == window.stride and not any((*window.before, *window.after, *window.beyond))
    mean = _mean(layer, window, size)
    return mean if tiles else _SummedPool(mean, window, size)


def _mean(layer: AvgPool2d, window: Window, size: tuple[int, ...]) -> nn.Module:
    if window.before == window.after:
        return nn.AvgPool2d(window.kernel, window.stride, window.before, layer.ceil_mode, layer.count_include_pad)
    padded = _Padded(window, 0.0, nn.AvgPool2d(window.kernel, window.stride, 0, layer.ceil_mode))
    return padded if layer.count_include_pad else _MeanOfPresent(padded, size)


_Along: TypeAlias = Callable[[Tensor, int], Tensor]


class _UnevenPool(nn.Module):
    """An adaptive pool whose windows overlap or differ in size; on a GPU it goes along the height, then the width."""

    def __init__(self, pool: nn.Module, size: tuple[int, ...], along: _Along) -> None:
        super().__init__()
        self.pool, self.size, self.along = pool, size, along

    def forward(self, samples: Tensor) -> Tensor:
        if not (samples.is_cuda and torch.backends.cudnn.deterministic):
            return self.pool(samples)  # type: ignore[no-any-return]
        return self._in_turn(samples)

    def _in_turn(self, samples: Tensor) -> Tensor:
        for axis, count in zip((2, 3), self.size, strict=True):
            length = samples.shape[axis]
            bounds = [(at * length // count, -(-(at + 1) * length // count)) for at in range(count)]
            parts = [self.along(samples.narrow(axis, start, end - start), axis) for start, end in bounds]
            samples = torch.stack(parts, axis)
        return samples


def _adaptive(pool: nn.Module, place: Place, along: _Along) -> nn.Module:
    size = place.shape[1:]
    even = all(length % count == 0 for length, count in zip(place.input_shapes[0][1:], size, strict=True))
    return pool if even else _UnevenPool(pool, size, along)


@to_torch.register
def _(layer: AdaptiveAvgPool2d, place: Place) -> nn.Module:
    return _adaptive(nn.AdaptiveAvgPool2d(layer.output_size), place, lambda values, axis: values.mean(axis))


@to_torch.register
def _(layer: AdaptiveMaxPool2d, place: Place) -> nn.Module:
    return _adaptive(nn.AdaptiveMaxPool2d(layer.output_size), place, lambda values, axis: values.max(axis).values)


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
