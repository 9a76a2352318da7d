"""Pooling: one value for each window of each channel; the number of channels stays the same."""

import numpy as np
from numpy.typing import NDArray

from eyebright.network.layer import Layer, Reach, Shape
from eyebright.network.layers.windows import (
    Padding,
    Pair,
    Size,
    Window,
    as_pair,
    image_shape,
    require_padding,
    require_positive,
    slide,
)


class MaxPool2d(Layer, frozen=True):
    """The maximum of each window, without the padding; `stride` defaults to the kernel size.

    With `ceil_mode`, a last window that reaches beyond the image counts too.
    """

    stem = "max_pool"
    kernel_size: Size
    stride: Size | None = None
    padding: Padding = 0
    ceil_mode: bool = False

    def check(self) -> None:
        _check(self)

    def window(self, shape: Shape) -> Window:
        """The window over an input of shape (C, H, W)."""
        return _window(self, shape)

    def output_shape(self, *inputs: Shape) -> Shape:
        return (inputs[0][0], *self.window(inputs[0]).counts)

    def reach(self, *inputs: Shape) -> Reach | None:
        window = self.window(inputs[0])
        return window.kernel, window.stride


class AvgPool2d(Layer, frozen=True):
    """The mean of each window; `stride` defaults to the kernel size.

    The zeros of the padding count, as in PyTorch; with `count_include_pad=False` they do not, as in TensorFlow. With
    `ceil_mode`, a last window may reach beyond the padding; what lies there never counts.
    """

    stem = "avg_pool"
    kernel_size: Size
    stride: Size | None = None
    padding: Padding = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    def check(self) -> None:
        _check(self)

    def window(self, shape: Shape) -> Window:
        """The window over an input of shape (C, H, W)."""
        return _window(self, shape)

    def output_shape(self, *inputs: Shape) -> Shape:
        return (inputs[0][0], *self.window(inputs[0]).counts)

    def reach(self, *inputs: Shape) -> Reach | None:
        window = self.window(inputs[0])
        return window.kernel, window.stride


class AdaptiveAvgPool2d(Layer, frozen=True):
    """The means of `output_size` bins (height, width) that divide an image of any size.

    Bin i of n along a side of L pixels goes from floor(i L / n) to ceil((i + 1) L / n), as in PyTorch.
    """

    stem = "adaptive_avg_pool"
    output_size: Size

    def check(self) -> None:
        require_positive(self, "output_size")

    def output_shape(self, *inputs: Shape) -> Shape:
        return (image_shape(inputs[0])[0], *as_pair(self.output_size))

    def reach(self, *inputs: Shape) -> Reach | None:
        return _adaptive_reach(inputs[0], as_pair(self.output_size))


class AdaptiveMaxPool2d(Layer, frozen=True):
    """The maxima of `output_size` bins (height, width); the bins are those of `AdaptiveAvgPool2d`."""

    stem = "adaptive_max_pool"
    output_size: Size

    def check(self) -> None:
        require_positive(self, "output_size")

    def output_shape(self, *inputs: Shape) -> Shape:
        return (image_shape(inputs[0])[0], *as_pair(self.output_size))

    def reach(self, *inputs: Shape) -> Reach | None:
        return _adaptive_reach(inputs[0], as_pair(self.output_size))


class GlobalAvgPool2d(Layer, frozen=True):
    """The mean of each channel, as a vector `(C,)`: Keras's GlobalAveragePooling2D.

    Source: Lin et al. 2013, "Network In Network", section 3.2.
    """

    stem = "global_avg_pool"

    def output_shape(self, *inputs: Shape) -> Shape:
        return (image_shape(inputs[0])[0],)

    def reach(self, *inputs: Shape) -> Reach | None:
        return None


class GlobalMaxPool2d(Layer, frozen=True):
    """The maximum of each channel, as a vector `(C,)`: Keras's GlobalMaxPooling2D."""

    stem = "global_max_pool"

    def output_shape(self, *inputs: Shape) -> Shape:
        return (image_shape(inputs[0])[0],)

    def reach(self, *inputs: Shape) -> Reach | None:
        return None


def bins(length: int, count: int) -> list[Pair]:
    """Start and end of each of the `count` bins of an adaptive pool along a side of `length` pixels."""
    return [(index * length // count, -(-(index + 1) * length // count)) for index in range(count)]


def shares_of_bins(length: int, count: int) -> NDArray[np.float64]:
    """The weight of each pixel along a side in the mean of each bin, `(count, length)`."""
    shares = np.zeros((count, length))
    for index, (start, end) in enumerate(bins(length, count)):
        shares[index, start:end] = 1 / (end - start)
    return shares


def counted_shares(window: Window, shape: Shape, *, count_include_pad: bool) -> NDArray[np.float64]:
    """For each position of a window over images of shape (C, H, W), the share of its pixels that count in the mean.

    The result is `(height, width)`. Pixels beyond the padding (`ceil_mode`) never count.
    """
    sides = []
    for axis, size in enumerate(shape[1:]):
        starts = np.arange(window.counts[axis]) * window.stride[axis] - window.before[axis]
        first, last = (-window.before[axis], size + window.after[axis]) if count_include_pad else (0, size)
        inside = np.minimum(starts + window.kernel[axis], last) - np.maximum(starts, first)
        sides.append(inside / window.kernel[axis])
    return np.outer(*sides)


def _check(layer: MaxPool2d | AvgPool2d) -> None:
    require_positive(layer, "kernel_size", "stride")
    vertical, horizontal = as_pair(layer.kernel_size)
    require_padding(layer.padding, (vertical // 2, horizontal // 2), "at most half of the kernel")


def _window(layer: MaxPool2d | AvgPool2d, shape: Shape) -> Window:
    stride = layer.kernel_size if layer.stride is None else layer.stride
    return slide(shape, layer.kernel_size, stride, layer.padding, ceil_mode=layer.ceil_mode)


def _adaptive_reach(shape: Shape, counts: Pair) -> Reach | None:
    """The largest bin and the mean distance of bins."""
    if counts == (1, 1):
        return None
    sizes = shape[1:]
    kernel = [max(end - start for start, end in bins(size, count)) for size, count in zip(sizes, counts, strict=True)]
    stride = [max(size // count, 1) for size, count in zip(sizes, counts, strict=True)]
    return (kernel[0], kernel[1]), (stride[0], stride[1])
