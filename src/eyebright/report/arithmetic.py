"""A window that slides over a small matrix, place by place: the products of a convolution, the values of a pool.

The arithmetic of a convolution or a pool in words, with the numbers in place.

Every number comes from the layer's own description, so that what is explained is what runs.
"""

import math
import textwrap
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from eyebright.network import AvgPool2d, Conv2d, MaxPool2d, Shape
from eyebright.network.layers.windows import Size, Window, as_pair
from eyebright.report.figures import Tokens
from eyebright.system.errors import SettingsError
from eyebright.system.records import Record
from eyebright.system.text import counted

_MOST_STEPS = 400
_COLUMNS = 80


class Step(Record, frozen=True, kw_only=True):
    """One place of the window.

    Args:
        map: Which map of the output it belongs to, from 1.
        row: Row of the output, from 1.
        column: Column of the output, from 1.
        terms: What is added up, averaged or compared.
        value: What comes out; empty where there are letters.
    """

    map: int
    row: int
    column: int
    terms: str
    value: str


def conv_steps(layer: Conv2d, values: Tokens, weights: Tokens) -> list[Step]:
    """The products of each filter at each of its places, and their sum.

    Args:
        layer: The convolution.
        values: Its input, `(C, H, W)`.
        weights: Its filters, `(out_channels, C / groups, rows, columns)`.

    Raises:
        SettingsError: When there are too many places to print.
    """
    _require_few(layer.output_shape(values.shape))
    depth = weights.shape[1]
    steps = []
    for number, one in enumerate(weights):
        begin = number // (len(weights) // layer.groups) * depth
        for row, column, inside in _places(layer, values[begin : begin + depth]):
            terms, value = _products(inside, one)
            steps.append(Step(map=number + 1, row=row, column=column, terms=terms, value=value))
    return steps


def pool_steps(layer: MaxPool2d | AvgPool2d, values: Tokens) -> list[Step]:
    """What each window of a channel holds and gives; a `SettingsError` where there are letters or too many places."""
    _require_few(layer.output_shape(values.shape))
    steps = []
    for number, channel in enumerate(values):
        for row, column, inside in _places(layer, channel[None]):
            terms, value = _pooled(layer, inside.ravel())
            steps.append(Step(map=number + 1, row=row, column=column, terms=terms, value=value))
    return steps


def steps_text(steps: list[Step], values: Tokens, weights: Tokens | None = None) -> str:
    """Input, filters, steps and output as text of 80 columns."""
    maps, rows, columns = (max(getattr(step, axis) for step in steps) for axis in ("map", "row", "column"))
    lines = [*_shown("input", values)]
    for number in range(1, maps + 1):
        own = [step for step in steps if step.map == number]
        if weights is not None:
            lines += ["", *_shown(f"filter {number}" if maps > 1 else "filter", weights[number - 1])]
        elif maps > 1:
            lines += ["", f"channel {number}"]
        lines += ["", *(line for step in own for line in _step_lines(step))]
        title = f"map {number}" if maps > 1 else "output"
        lines += ["", *_shown(title, np.array(_cells(own, columns)).reshape(1, rows, columns))]
    if maps > 1:
        lines += ["", f"output {rows} x {columns} x {maps}"]
    return "\n".join(lines)


def _places(layer: Conv2d | MaxPool2d | AvgPool2d, values: Tokens) -> Iterator[tuple[int, int, NDArray[np.object_]]]:
    """Row, column and content of each window; "0" on the padding of a convolution, "" on a pool's and beyond it."""
    window = layer.window(values.shape)
    counted = isinstance(layer, Conv2d) or (isinstance(layer, AvgPool2d) and layer.count_include_pad)
    pads = [(0, 0), *zip(window.before, window.after, strict=True)]
    padded = np.pad(values.astype(object), pads, constant_values="0" if counted else "")
    padded = np.pad(padded, [(0, 0), *((0, more) for more in window.beyond)], constant_values="")
    spread = as_pair(layer.dilation) if isinstance(layer, Conv2d) else (1, 1)
    for row in range(window.counts[0]):
        for column in range(window.counts[1]):
            top, left = row * window.stride[0], column * window.stride[1]
            inside = padded[:, top : top + window.kernel[0] : spread[0], left : left + window.kernel[1] : spread[1]]
            yield row + 1, column + 1, inside


def _products(inside: NDArray[np.object_], weights: Tokens) -> tuple[str, str]:
    """The products, channel by channel, and their sum where all are numbers."""
    channels = [
        [(str(value), str(weight)) for value, weight in zip(there.ravel(), own.ravel(), strict=True)]
        for there, own in zip(inside, weights, strict=True)
    ]
    sums = [" + ".join(_product(*pair) for pair in pairs) for pairs in channels]
    terms = sums[0] if len(sums) == 1 else " + ".join(f"({part})" for part in sums)
    try:
        total = sum(float(value) * float(weight) for pairs in channels for value, weight in pairs)
    except ValueError:
        return terms, ""
    return terms, _number(total)


def _product(value: str, weight: str) -> str:
    """As in aw for letters, 2*3 for numbers, 2*(-3) where there is a sign."""
    if len(value) == len(weight) == 1 and value.isalpha() and weight.isalpha():
        return value + weight
    return f"{value}*({weight})" if weight.startswith("-") else f"{value}*{weight}"


def _pooled(layer: MaxPool2d | AvgPool2d, inside: NDArray[np.object_]) -> tuple[str, str]:
    """How the value of one window comes about, and the value."""
    present = [str(value) for value in inside if value]
    numbers = [_float(value) for value in present]
    if isinstance(layer, MaxPool2d):
        return f"max({', '.join(present)})", _number(max(numbers))
    return f"({' + '.join(present)}) / {len(present)}", _number(sum(numbers) / len(numbers))


def _float(token: str) -> float:
    try:
        return float(token)
    except ValueError as problem:
        raise SettingsError(f"a pool compares and averages numbers, but --values holds {token!r}") from problem


def _number(value: float) -> str:
    return f"{value:.6g}"


def _require_few(shape: tuple[int, ...]) -> None:
    steps = int(np.prod(shape))
    if steps > _MOST_STEPS:
        raise SettingsError(f"{steps:,} places are too many to print (at most {_MOST_STEPS}): give a smaller matrix")


def _step_lines(step: Step) -> list[str]:
    title = f"  row {step.row}, column {step.column}   "
    whole = f"{step.terms} = {step.value}" if step.value else step.terms
    return textwrap.wrap(whole, _COLUMNS, initial_indent=title, subsequent_indent=" " * len(title))


def _cells(steps: list[Step], columns: int) -> list[str]:
    """The values of a map; sums of letters where they fit side by side, else a dot for each."""
    cells = [step.value or step.terms.replace(" ", "") for step in steps]
    return cells if columns * (max(map(len, cells)) + 2) <= _COLUMNS else [step.value or "." for step in steps]


def _shown(title: str, values: Tokens) -> list[str]:
    """A matrix under its title and size; what goes beyond 80 columns is left away."""
    channels, rows, columns = values.shape
    size = f"{rows} x {columns}" + (f" x {channels}" if channels > 1 else "")
    width = max(len(token) for token in values.ravel())
    room = _COLUMNS // (width + 2)
    lines = [f"{title}, {size}"]
    for number, channel in enumerate(values, start=1):
        lines += [f"  channel {number}"] if channels > 1 else []
        for row in channel:
            shown = [str(token).rjust(width) for token in (row if columns <= room else row[: room - 2])]
            lines.append("  " + "  ".join([*shown, *([] if columns <= room else ["..."])]))
    return lines


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
