"""The layers, each with the arithmetic of its shapes.

Arguments are named and spelled as in PyTorch; `padding` also takes "same", which means what it means in TensorFlow:
the output is input / stride, rounded up, and an odd row or column of zeros goes to the bottom and the right.
"""

import math
from typing import Literal, TypeAlias

from eyebright.errors import NetworkError
from eyebright.network.layer import Layer, Parameter, Shape

Size: TypeAlias = int | tuple[int, int]
Padding: TypeAlias = int | tuple[int, int] | Literal["same", "valid"]
Rule: TypeAlias = Literal["he_normal", "he_uniform", "glorot_uniform"]
Sides: TypeAlias = tuple[int, int, int, int]
Window: TypeAlias = "Conv2d | MaxPool2d"


class Input(Layer, frozen=True):
    """Where samples enter: pictures as `(channels, height, width)` or vectors as `(features,)`."""

    stem = "input"
    shape: Shape

    def check(self) -> None:
        if len(self.shape) not in (1, 3) or not all(0 < size <= 65_536 for size in self.shape):
            raise NetworkError(
                f"shape must be (channels, height, width) or (features,), each 1 to 65536; got {self.shape}"
            )

    def arity(self) -> tuple[int, int]:
        return 0, 0

    def output_shape(self, *inputs: Shape) -> Shape:
        return self.shape


class Normalize(Layer, frozen=True):
    """`(x - mean) / std`, one mean and one standard deviation for all channels or one for each."""

    stem = "normalize"
    mean: float | tuple[float, ...] = 127.5
    std: float | tuple[float, ...] = 127.5

    def check(self) -> None:
        if not all(math.isfinite(mean) for mean in as_tuple(self.mean)):
            raise NetworkError(f"mean must be finite, got {self.mean}")
        if not all(0 < std < math.inf for std in as_tuple(self.std)):
            raise NetworkError(f"std must be above 0 and finite, got {self.std}")

    def output_shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        for name in ("mean", "std"):
            count = len(as_tuple(getattr(self, name)))
            if count not in (1, shape[0]):
                raise NetworkError(f"{name} has {count} values, but its input has {shape[0]} channels")
        return shape


class Conv2d(Layer, frozen=True):
    """2-D convolution. Weights `(out_channels, C / groups, kernel, kernel)`; He normal for the ReLU that follows it."""

    stem = "conv"
    out_channels: int
    kernel_size: Size
    stride: Size = 1
    padding: Padding = 0
    dilation: Size = 1
    groups: int = 1
    bias: bool = True
    initializer: Rule = "he_normal"

    def check(self) -> None:
        _require_positive(self, "out_channels", "kernel_size", "stride", "dilation", "groups")
        _require_padding(self.padding)
        if self.out_channels % self.groups:
            raise NetworkError(f"out_channels {self.out_channels} cannot be shared among {self.groups} groups")

    def output_shape(self, *inputs: Shape) -> Shape:
        channels, _, _ = _picture_shape(inputs[0])
        if channels % self.groups:
            raise NetworkError(f"its input's {channels} channels cannot be shared among {self.groups} groups")
        return (self.out_channels, *_windows(self, inputs[0]))

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        window = math.prod(as_pair(self.kernel_size))
        in_channels = inputs[0][0] // self.groups
        shape = (self.out_channels, in_channels, *as_pair(self.kernel_size))
        fans = in_channels * window, self.out_channels // self.groups * window
        return _weight_and_bias(Parameter(shape, self.initializer, *fans), self.bias)

    def multiply_adds(self, *inputs: Shape) -> int:
        return math.prod(self.output_shape(*inputs)) * self.parameters(*inputs)["weight"].fan_in


class MaxPool2d(Layer, frozen=True):
    """The greatest value of each window; `stride` is the kernel's size unless given. Padding never wins."""

    stem = "max_pool"
    kernel_size: Size
    stride: Size | None = None
    padding: Padding = 0

    def check(self) -> None:
        _require_positive(self, "kernel_size", "stride")
        _require_padding(self.padding)
        pads = (0, 0) if isinstance(self.padding, str) else as_pair(self.padding)
        if any(2 * pad > kernel for pad, kernel in zip(pads, as_pair(self.kernel_size), strict=True)):
            raise NetworkError(f"padding {self.padding} is more than half of the kernel {self.kernel_size}")

    def output_shape(self, *inputs: Shape) -> Shape:
        channels, _, _ = _picture_shape(inputs[0])
        return (channels, *_windows(self, inputs[0]))


class ReLU(Layer, frozen=True):
    """`max(x, 0)`."""

    stem = "relu"


class Flatten(Layer, frozen=True):
    """All values of a sample as one vector, channel by channel, row by row."""

    stem = "flatten"

    def output_shape(self, *inputs: Shape) -> Shape:
        return (math.prod(inputs[0]),)


class Linear(Layer, frozen=True):
    """Every output sees every input: Keras's Dense. Weights `(out_features, in_features)`."""

    stem = "linear"
    out_features: int
    bias: bool = True
    initializer: Rule = "glorot_uniform"

    def check(self) -> None:
        _require_positive(self, "out_features")

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 1:
            raise NetworkError(f"expected a vector (features,), got {inputs[0]}; put a Flatten before it")
        return (self.out_features,)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        (in_features,) = inputs[0]
        weight = Parameter((self.out_features, in_features), self.initializer, in_features, self.out_features)
        return _weight_and_bias(weight, self.bias)

    def multiply_adds(self, *inputs: Shape) -> int:
        return inputs[0][0] * self.out_features


class Dropout(Layer, frozen=True):
    """In training, zeroes a share `p` of the values and scales up the rest; otherwise changes nothing.

    Source: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
    """

    stem = "dropout"
    p: float = 0.5

    def check(self) -> None:
        if not 0 <= self.p < 1:
            raise NetworkError(f"p must be at least 0 and below 1, got {self.p}")


class Add(Layer, frozen=True):
    """The sum of two or more inputs of one shape."""

    stem = "add"

    def arity(self) -> tuple[int, int]:
        return 2, 1_000

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(set(inputs)) > 1:
            raise NetworkError(f"inputs must have one shape, got {' and '.join(map(str, inputs))}")
        return inputs[0]


def as_pair(size: Size) -> tuple[int, int]:
    """(vertical, horizontal) of a size that may be given as one number."""
    return (size, size) if isinstance(size, int) else size


def as_tuple(value: float | tuple[float, ...]) -> tuple[float, ...]:
    """The values of a setting that may be given as one number."""
    return value if isinstance(value, tuple) else (value,)


def window_geometry(layer: Window) -> tuple[tuple[int, int], tuple[int, int]]:
    """(kernel, stride) of a layer that slides a window, each as (vertical, horizontal); dilation included."""
    kernel = as_pair(layer.kernel_size)
    if isinstance(layer, Conv2d):
        dilation = as_pair(layer.dilation)
        kernel = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    return kernel, as_pair(layer.kernel_size if layer.stride is None else layer.stride)


def padding_sides(layer: Window, input_shape: Shape) -> Sides:
    """Rows and columns added around an input of shape (C, H, W): (top, left, bottom, right)."""
    if layer.padding == "valid":
        return 0, 0, 0, 0
    if layer.padding == "same":
        kernel, stride = window_geometry(layer)
        totals = [
            max((math.ceil(size / step) - 1) * step + window - size, 0)
            for size, window, step in zip(input_shape[1:], kernel, stride, strict=True)
        ]
        return totals[0] // 2, totals[1] // 2, totals[0] - totals[0] // 2, totals[1] - totals[1] // 2
    vertical, horizontal = as_pair(layer.padding)
    return vertical, horizontal, vertical, horizontal


def _windows(layer: Window, input_shape: Shape) -> tuple[int, int]:
    """(H, W) of the result, from L = floor((W - F + padding) / S) + 1."""
    kernel, stride = window_geometry(layer)
    top, left, bottom, right = padding_sides(layer, input_shape)
    padded = input_shape[1] + top + bottom, input_shape[2] + left + right
    if kernel[0] > padded[0] or kernel[1] > padded[1]:
        raise NetworkError(
            f"its kernel of {kernel[0]}x{kernel[1]} is larger than its input of {padded[0]}x{padded[1]} "
            "(padding included); use larger pictures, a smaller kernel, or fewer layers that shrink"
        )
    return (padded[0] - kernel[0]) // stride[0] + 1, (padded[1] - kernel[1]) // stride[1] + 1


def _picture_shape(shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise NetworkError(f"expected pictures (channels, height, width), got {shape}")
    return shape[0], shape[1], shape[2]


def _weight_and_bias(weight: Parameter, bias: bool) -> dict[str, Parameter]:
    return {"weight": weight} | ({"bias": Parameter(weight.shape[:1], "zeros")} if bias else {})


def _require_positive(layer: Layer, *names: str) -> None:
    for name in names:
        value = getattr(layer, name)
        if value is not None and not all(0 < part <= 1_000_000 for part in as_tuple(value)):
            raise NetworkError(f"{name} must be above 0 (and at most a million), got {value}")


def _require_padding(padding: Padding) -> None:
    if not isinstance(padding, str) and not all(0 <= part <= 65_536 for part in as_tuple(padding)):
        raise NetworkError(f"padding must be 0 or more, 'same' or 'valid', got {padding}")
