"""Torch modules of convolutions, and padding that differs from side to side.

Modules are made without values: `TorchNetwork` puts the network's own weights in their place.
"""

from torch import Tensor, nn
from torch.nn import functional

from eyebright.network import Conv2d, Place, Shape
from eyebright.network.layers.windows import Window
from eyebright.network.torch.build import to_torch


def sides(window: Window) -> list[int]:
    """Padding in the order of `torch.nn.functional.pad`."""
    (top, left), (bottom, right) = window.before, window.after
    return [left, right, top, bottom]


class _UnevenConv2d(nn.Conv2d):
    """Pads by amounts that differ from side to side, which torch's own cannot."""

    pads: list[int]

    def forward(self, samples: Tensor) -> Tensor:
        return super().forward(functional.pad(samples, self.pads))


@to_torch.register
def _(layer: Conv2d, place: Place) -> nn.Module:
    window = layer.window(place.input_shapes[0])
    if place.input_shapes[0][0] == layer.groups:
        window = _settled(window, place.input_shapes[0])
    even = window.before == window.after
    conv = (nn.Conv2d if even else _UnevenConv2d)(
        place.input_shapes[0][0],
        layer.out_channels,
        layer.kernel_size,
        window.stride,
        window.before if even else 0,
        layer.spread,
        layer.groups,
        layer.bias,
        device="meta",
    )
    if isinstance(conv, _UnevenConv2d):
        conv.pads = sides(window)
    return conv


def _settled(window: Window, shape: Shape) -> Window:
    """The window of kernels of one channel; where it has one place along a side, it just fits and needs no stride.

    Told of one, oneDNN (as of torch 2.13) reads beyond pictures of one channel that lie channels last and, in bfloat16,
    beyond those of convolutions with several kernels for each channel by itself.
    """
    stride, after = list(window.stride), list(window.after)
    for axis, size in enumerate(shape[1:]):
        if window.counts[axis] == 1:
            stride[axis] = 1
            after[axis] = window.kernel[axis] - size - window.before[axis]  # below 0 it cuts off what is never seen
    return window._replace(stride=(stride[0], stride[1]), after=(after[0], after[1]))
