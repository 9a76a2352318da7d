"""Convolution: small kernels slide over the image; each sees all channels, or those of its group."""

import math

from eyebright.network.layer import Layer, Parameter, Reach, Rule, Shape, weight_and_bias
from eyebright.network.layers.windows import (
    Padding,
    Pair,
    Size,
    Window,
    as_pair,
    extent,
    image_shape,
    require_padding,
    require_positive,
    slide,
)
from eyebright.system.errors import NetworkError


class Conv2d(Layer, frozen=True):
    """2-D convolution. Weight `(out_channels, in_channels / groups, kernel height, kernel width)`.

    It is initialised for a ReLU that follows it (He normal). With `groups` equal to the number of input channels it is
    depthwise: each channel has its own kernels.
    """

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
        require_positive(self, "out_channels", "kernel_size", "stride", "dilation", "groups")
        vertical, horizontal = extent(self.kernel_size, self.dilation)
        most = vertical - 1, horizontal - 1
        # A window inside the padding sees no pixel, and OpenVINO (2026.4) gives arbitrary results for some of them.
        require_padding(self.padding, most, "smaller than the kernel")
        if self.out_channels % self.groups:
            raise NetworkError(f"out_channels must be a multiple of groups = {self.groups}, got {self.out_channels}")

    @property
    def effective_dilation(self) -> Pair:
        """The dilation, but 1 along a side where the kernel is one pixel long and dilation has no effect."""
        # With a larger one, oneDNN may crash (as of torch 2.13 and OpenVINO 2026.4).
        sizes = zip(as_pair(self.kernel_size), as_pair(self.dilation), strict=True)
        vertical, horizontal = (1 if length == 1 else dilation for length, dilation in sizes)
        return vertical, horizontal

    def window(self, shape: Shape) -> Window:
        """The window over an input of shape (C, H, W)."""
        return slide(shape, self.kernel_size, self.stride, self.padding, dilation=self.dilation)

    def output_shape(self, *inputs: Shape) -> Shape:
        channels, _, _ = image_shape(inputs[0])
        if channels % self.groups:
            raise NetworkError(
                f"the number of input channels must be a multiple of groups = {self.groups}, got {channels}"
            )
        return (self.out_channels, *self.window(inputs[0]).counts)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        field = math.prod(as_pair(self.kernel_size))
        in_channels = inputs[0][0] // self.groups
        shape = (self.out_channels, in_channels, *as_pair(self.kernel_size))
        fans = in_channels * field, self.out_channels // self.groups * field
        return weight_and_bias(Parameter(shape, self.initializer, *fans), bias=self.bias)

    def multiply_adds(self, *inputs: Shape) -> int:
        return math.prod(self.output_shape(*inputs)) * self.parameters(*inputs)["weight"].fan_in

    def reach(self, *inputs: Shape) -> Reach | None:
        window = self.window(inputs[0])
        return window.kernel, window.stride
