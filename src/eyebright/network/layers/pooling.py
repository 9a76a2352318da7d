"""Pooling: one value for each window of each channel; the depth stays, height and width shrink."""

from eyebright.network.layer import Layer, Reach, Shape
from eyebright.network.layers.windows import (
    Padding,
    Pair,
    Size,
    Window,
    as_pair,
    picture_shape,
    require_padding,
    require_positive,
    slide,
)


class MaxPool2d(Layer, frozen=True):
    """The greatest value of each window; `stride` is the kernel's size unless given. Padding never wins.

    With `ceil_mode` a last window that hangs out of the picture counts too.
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
    """The mean of each window; `stride` is the kernel's size unless given.

    Zeros of the padding count as values, as in PyTorch, unless `count_include_pad` is off, as in TensorFlow. What hangs
    out of the padding in `ceil_mode` never counts.
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
    """The means of so many parts of the picture as are asked for, whatever its size: `output_size` high and wide.

    Part i of n over a length L goes from floor(i L / n) to ceil((i + 1) L / n), as in PyTorch.
    """

    stem = "adaptive_avg_pool"
    output_size: Size

    def check(self) -> None:
        require_positive(self, "output_size")

    def output_shape(self, *inputs: Shape) -> Shape:
        return (picture_shape(inputs[0])[0], *as_pair(self.output_size))

    def reach(self, *inputs: Shape) -> Reach | None:
        return _adaptive_reach(inputs[0], as_pair(self.output_size))


class AdaptiveMaxPool2d(Layer, frozen=True):
    """The greatest values of so many parts of the picture as are asked for; parts as in `AdaptiveAvgPool2d`."""

    stem = "adaptive_max_pool"
    output_size: Size

    def check(self) -> None:
        require_positive(self, "output_size")

    def output_shape(self, *inputs: Shape) -> Shape:
        return (picture_shape(inputs[0])[0], *as_pair(self.output_size))

    def reach(self, *inputs: Shape) -> Reach | None:
        return _adaptive_reach(inputs[0], as_pair(self.output_size))


class GlobalAvgPool2d(Layer, frozen=True):
    """The mean of each channel, as a vector `(C,)`: Keras's GlobalAveragePooling2D.

    Source: Lin et al. 2013, "Network In Network", section 3.2.
    """

    stem = "global_avg_pool"

    def output_shape(self, *inputs: Shape) -> Shape:
        return (picture_shape(inputs[0])[0],)

    def reach(self, *inputs: Shape) -> Reach | None:
        return None


class GlobalMaxPool2d(Layer, frozen=True):
    """The greatest value of each channel, as a vector `(C,)`: Keras's GlobalMaxPooling2D."""

    stem = "global_max_pool"

    def output_shape(self, *inputs: Shape) -> Shape:
        return (picture_shape(inputs[0])[0],)

    def reach(self, *inputs: Shape) -> Reach | None:
        return None


def parts(length: int, count: int) -> list[Pair]:
    """Where each of `count` parts of an adaptive pool begins and ends along a side of so many pixels."""
    return [(index * length // count, -(-(index + 1) * length // count)) for index in range(count)]


def _check(layer: MaxPool2d | AvgPool2d) -> None:
    require_positive(layer, "kernel_size", "stride")
    vertical, horizontal = as_pair(layer.kernel_size)
    require_padding(layer.padding, (vertical // 2, horizontal // 2), "more than half of the kernel")


def _window(layer: MaxPool2d | AvgPool2d, shape: Shape) -> Window:
    stride = layer.kernel_size if layer.stride is None else layer.stride
    return slide(shape, layer.kernel_size, stride, layer.padding, ceil_mode=layer.ceil_mode)


def _adaptive_reach(shape: Shape, counts: Pair) -> Reach | None:
    """The largest part and the mean step between parts."""
    if counts == (1, 1):
        return None
    sizes = shape[1:]
    kernel = [max(end - begin for begin, end in parts(size, count)) for size, count in zip(sizes, counts, strict=True)]
    stride = [max(size // count, 1) for size, count in zip(sizes, counts, strict=True)]
    return (kernel[0], kernel[1]), (stride[0], stride[1])
