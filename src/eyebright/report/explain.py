"""The arithmetic of a convolution or a pool in words, with the numbers in place.

Every number comes from the layer's own description, so that what is explained is what runs.
"""

import math

from eyebright.network import AvgPool2d, Conv2d, MaxPool2d, Shape
from eyebright.network.layers.windows import Size, Window, as_pair
from eyebright.report.tables import counted

_SIDES = ("height", "width")


def conv_text(layer: Conv2d, shape: Shape) -> str:
    """What a convolution does to an input of shape (C, H, W): size of the output, parameters, multiply-adds."""
    channels, height, width = shape
    filters, *area = layer.output_shape(shape)
    kernel, depth = as_pair(layer.kernel_size), channels // layer.groups
    parameters = {name: tensor.size for name, tensor in layer.parameters(shape).items()}
    weights = parameters["weight"] // filters
    dense = math.prod((*shape, *area, filters))
    lines = [
        f"{counted(filters, 'filter')} of {kernel[0]} x {kernel[1]} over {height} x {width} with "
        f"{counted(channels, 'channel')}.",
        "",
        *_sizes(shape, layer.window(shape), kernel, layer.dilation, same=layer.padding == "same"),
        "",
        f"output      {area[0]} x {area[1]} x {filters}: one map for each filter",
        f"one filter  {kernel[0]} * {kernel[1]} * {depth} = {counted(weights, 'weight')}"
        + (" and 1 bias" if layer.bias else ""),
        *([f"            it sees {depth:,} of the {channels:,} channels"] if layer.groups > 1 else []),
        f"parameters  {filters} * {f'({weights:,} + 1)' if layer.bias else f'{weights:,}'}"
        f" = {sum(parameters.values()):,}",
        f"mult-adds   {area[0]} * {area[1]} * {filters} * {weights:,} = {layer.multiply_adds(shape):,}",
        "            every weight, at every place of its filter",
        "",
        f"A dense layer from {channels * height * width:,} values to {math.prod(area) * filters:,}"
        f" would have {dense:,} weights.",
    ]
    return "\n".join(lines)


def pool_text(layer: MaxPool2d | AvgPool2d, shape: Shape) -> str:
    """What a pool does to an input of shape (C, H, W)."""
    channels, height, width = shape
    _, *area = layer.output_shape(shape)
    kernel = as_pair(layer.kernel_size)
    what = "greatest value" if isinstance(layer, MaxPool2d) else "mean"
    lines = [
        f"The {what} of each {kernel[0]} x {kernel[1]} over {height} x {width} with {counted(channels, 'channel')}.",
        "",
        *_sizes(shape, layer.window(shape), kernel, 1, same=layer.padding == "same"),
        "",
        f"output      {area[0]} x {area[1]} x {channels}: the depth stays",
        f"values      {channels * height * width:,} become {channels * area[0] * area[1]:,}",
        "parameters  0: there is nothing to learn",
    ]
    return "\n".join(lines)


def _sizes(shape: Shape, window: Window, kernel: tuple[int, int], dilation: Size, *, same: bool) -> list[str]:
    """The size of the output, step by step; for height and width apart where they differ."""
    axes = [_axis(shape, window, axis, kernel[axis], as_pair(dilation)[axis], same=same) for axis in (0, 1)]
    if axes[0] == axes[1]:
        return axes[0]
    return [f"{_SIDES[0]}:", *axes[0], "", f"{_SIDES[1]}:", *axes[1]]


def _axis(shape: Shape, window: Window, axis: int, kernel: int, spread: int, *, same: bool) -> list[str]:
    size, field, step = shape[axis + 1], window.kernel[axis], window.stride[axis]
    before, after, count = window.before[axis], window.after[axis], window.counts[axis]
    even = before == after
    exact = (size - field + before + after) / step + 1
    pad = before if even else before + after
    lines = [f"  W = {size} (input)   F = {field} (kernel)   P = {pad} (padding)   S = {step} (stride)"]
    if spread > 1:
        span = f"({kernel} - 1) * {spread} + 1 = {field}"
        lines.append(f"  F: a kernel of {kernel}, its values {spread} apart, spans {span}")
    if same:
        lines.append(f'  P: "same" pads so that L = W / S, rounded up: {before} before and {after} after')
    lines += [
        "",
        f"  L = (W - F + {'2P' if even else 'P'}) / S + 1",
        f"    = ({size} - {field} + {f'2 * {pad}' if even else pad}) / {step} + 1",
    ]
    if exact == count:
        return [*lines, f"    = {count}"]
    unseen = size + before + after - (count - 1) * step - field
    if unseen < 0:
        end = f"up to {count}: the last window hangs out of the picture"
    else:
        end = f"down to {count}: no window sees the last {'one' if unseen == 1 else unseen}"
    return [*lines, f"    = {exact:.4g}, rounded {end}"]
