"""Torch modules of convolutions, also with padding that differs between opposite sides.

They are made without values: `TorchNetwork` sets the weights.
"""

from torch import Tensor, nn
from torch.nn import functional

from eyebright.network import Conv2d, Place, Shape
from eyebright.network.layers.windows import Window
from eyebright.network.torch import depthwise
from eyebright.network.torch.network import to_torch


def sides(window: Window) -> list[int]:
    """The padding of a window in the order of `torch.nn.functional.pad`."""
    (top, left), (bottom, right) = window.before, window.after
    return [left, right, top, bottom]


class _Conv2d(nn.Conv2d):
    """A convolution whose padding may differ between opposite sides, which torch does not offer, or depthwise."""

    pads: list[int] | None = None
    depthwise = False

    def forward(self, samples: Tensor) -> Tensor:
        if self.pads is not None:
            samples = functional.pad(samples, self.pads)
        if not (self.depthwise and depthwise.gains(samples)):
            return super().forward(samples)
        return depthwise.convolve(samples, self.weight, self.bias, self.stride, self.padding)  # type: ignore[arg-type]


@to_torch.register
def _(layer: Conv2d, place: Place) -> nn.Module:
    in_channels = place.input_shapes[0][0]
    window = layer.window(place.input_shapes[0])
    if in_channels == layer.groups:
        window = _without_idle_stride(window, place.input_shapes[0])
    even = window.before == window.after
    alone = in_channels == layer.groups == layer.out_channels and layer.effective_dilation == (1, 1)
    conv = (nn.Conv2d if even and not alone else _Conv2d)(
        in_channels,
        layer.out_channels,
        layer.kernel_size,
        window.stride,
        window.before if even else 0,
        layer.effective_dilation,
        layer.groups,
        layer.bias,
        device="meta",
    )
    if isinstance(conv, _Conv2d):
        conv.pads, conv.depthwise = None if even else sides(window), alone
    return conv


def _without_idle_stride(window: Window, shape: Shape) -> Window:
    """The same window, but with stride 1 and an exact fit along each side where it has only one position.

    With a larger stride there, oneDNN (as of torch 2.13) reads beyond the image in depthwise convolutions: if the image
    has one channel and is stored channels last, and in bfloat16 if there are several kernels for each channel.
    """
    stride, after = list(window.stride), list(window.after)
    for axis, size in enumerate(shape[1:]):
        if window.counts[axis] == 1:
            stride[axis] = 1
            after[axis] = (
                window.kernel[axis] - size - window.before[axis]
            )  # if negative, it crops pixels that no window covers
    return window._replace(stride=(stride[0], stride[1]), after=(after[0], after[1]))
