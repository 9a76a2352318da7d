"""The arithmetic of a convolution or a pooling layer, explained step by step in text of 80 columns.

`conv_text` and `pool_text` put a layer's sizes into the formulas. `conv_steps` and `pool_steps` slide the window over a
small matrix and give every product or value. All numbers come from the layer's own description, so that what is
explained is what runs.
"""

import math
import textwrap
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.network import AvgPool2d, Conv2d, MaxPool2d, Shape
from eyebright.network.layers.windows import Size, Window, as_pair
from eyebright.system.errors import SettingsError
from eyebright.system.records import Record
from eyebright.system.text import counted

_MAX_STEPS = 400
_COLUMNS = 80
Tokens: TypeAlias = NDArray[np.str_]
"""Matrices as they are typed: numbers or letters."""


def conv_text(layer: Conv2d, shape: Shape) -> str:
    """Explain a convolution on an input `(C, H, W)`: size of the output, parameters, multiply-adds."""
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
        *([f"            it reads {depth:,} of the {channels:,} channels"] if layer.groups > 1 else []),
        f"parameters  {filters} * {f'({weights:,} + 1)' if layer.bias else f'{weights:,}'}"
        f" = {sum(parameters.values()):,}",
        f"mult-adds   {area[0]} * {area[1]} * {filters} * {weights:,} = {layer.multiply_adds(shape):,}",
        "            each weight is used at each position of its filter",
        "",
        f"A dense layer from {channels * height * width:,} values to {math.prod(area) * filters:,}"
        f" would have {dense:,} weights.",
    ]
    return "\n".join(lines)


def pool_text(layer: MaxPool2d | AvgPool2d, shape: Shape) -> str:
    """Explain a pooling layer on an input `(C, H, W)`."""
    channels, height, width = shape
    _, *area = layer.output_shape(shape)
    kernel = as_pair(layer.kernel_size)
    what = "maximum" if isinstance(layer, MaxPool2d) else "mean"
    lines = [
        f"The {what} of each {kernel[0]} x {kernel[1]} over {height} x {width} with {counted(channels, 'channel')}.",
        "",
        *_sizes(shape, layer.window(shape), kernel, 1, same=layer.padding == "same"),
        "",
        f"output      {area[0]} x {area[1]} x {channels}: the number of channels stays the same",
        f"values      {channels * height * width:,} become {channels * area[0] * area[1]:,}",
        "parameters  0",
    ]
    return "\n".join(lines)


def _sizes(shape: Shape, window: Window, kernel: tuple[int, int], dilation: Size, *, same: bool) -> list[str]:
    """The size of the output, step by step; for height and width separately where they differ."""
    axes = [_axis(shape, window, axis, kernel[axis], as_pair(dilation)[axis], same=same) for axis in (0, 1)]
    if axes[0] == axes[1]:
        return axes[0]
    return ["height:", *axes[0], "", "width:", *axes[1]]


def _axis(shape: Shape, window: Window, axis: int, kernel: int, dilation: int, *, same: bool) -> list[str]:
    size, field, step = shape[axis + 1], window.kernel[axis], window.stride[axis]
    before, after, count = window.before[axis], window.after[axis], window.counts[axis]
    even = before == after
    exact = (size - field + before + after) / step + 1
    pad = before if even else before + after
    lines = [f"  W = {size} (input)   F = {field} (kernel)   P = {pad} (padding)   S = {step} (stride)"]
    if dilation > 1:
        lines.append(
            f"  F: a kernel of {kernel} with dilation {dilation} covers ({kernel} - 1) * {dilation} + 1 = {field}"
        )
    if same:
        lines.append(f'  P: "same" pads so that L = W / S, rounded up: {before} before and {after} after')
    lines += [
        "",
        f"  L = (W - F + {'2P' if even else 'P'}) / S + 1",
        f"    = ({size} - {field} + {f'2 * {pad}' if even else pad}) / {step} + 1",
    ]
    if exact == count:
        return [*lines, f"    = {count}"]
    uncovered = size + before + after - (count - 1) * step - field
    if uncovered < 0:
        end = f"up to {count}: the last window goes beyond the edge of the input"
    else:
        end = f"down to {count}: no window covers the last {'one' if uncovered == 1 else uncovered}"
    return [*lines, f"    = {exact:.4g}, rounded {end}"]


class Step(Record, frozen=True, kw_only=True):
    """One position of the window.

    Args:
        map: Which map of the output it belongs to, from 1.
        row: Row of the output, from 1.
        column: Column of the output, from 1.
        terms: What is added, averaged or compared.
        value: The result; "" where the terms have letters.
    """

    map: int
    row: int
    column: int
    terms: str
    value: str


def conv_steps(layer: Conv2d, values: Tokens, weights: Tokens) -> list[Step]:
    """The products of each filter at each of its positions, and their sum.

    Args:
        layer: The convolution.
        values: Its input, `(C, H, W)`.
        weights: Its filters, `(out_channels, C / groups, rows, columns)`.

    Raises:
        SettingsError: When there are more positions than 400.
    """
    _require_few(layer.output_shape(values.shape))
    depth = weights.shape[1]
    steps = []
    for number, one in enumerate(weights):
        begin = number // (len(weights) // layer.groups) * depth
        for row, column, inside in _windows(layer, values[begin : begin + depth]):
            terms, value = _products(inside, one)
            steps.append(Step(map=number + 1, row=row, column=column, terms=terms, value=value))
    return steps


def pool_steps(layer: MaxPool2d | AvgPool2d, values: Tokens) -> list[Step]:
    """The values in each window of each channel, and the result.

    Args:
        layer: The pooling layer.
        values: Its input, `(C, H, W)`.

    Raises:
        SettingsError: When there are letters, or more positions than 400.
    """
    _require_few(layer.output_shape(values.shape))
    steps = []
    for number, channel in enumerate(values):
        for row, column, inside in _windows(layer, channel[None]):
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


def _windows(layer: Conv2d | MaxPool2d | AvgPool2d, values: Tokens) -> Iterator[tuple[int, int, NDArray[np.object_]]]:
    """Row, column and content of each window; padding is "0" where it counts, and "" where it does not."""
    window = layer.window(values.shape)
    counts = isinstance(layer, Conv2d) or (isinstance(layer, AvgPool2d) and layer.count_include_pad)
    pads = [(0, 0), *zip(window.before, window.after, strict=True)]
    padded = np.pad(values.astype(object), pads, constant_values="0" if counts else "")
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
    """The calculation of one window, and its value."""
    present = [str(value) for value in inside if value]
    numbers = [_float(value) for value in present]
    if isinstance(layer, MaxPool2d):
        return f"max({', '.join(present)})", _number(max(numbers))
    return f"({' + '.join(present)}) / {len(present)}", _number(sum(numbers) / len(numbers))


def _float(token: str) -> float:
    try:
        return float(token)
    except ValueError as problem:
        raise SettingsError(f"pooling needs numbers, but --values has {token!r}") from problem


def _number(value: float) -> str:
    return f"{value:.6g}"


def _require_few(shape: tuple[int, ...]) -> None:
    steps = int(np.prod(shape))
    if steps > _MAX_STEPS:
        raise SettingsError(
            f"{steps:,} positions are too many to print (at most {_MAX_STEPS}): use smaller --values, or --input"
        )


def _step_lines(step: Step) -> list[str]:
    title = f"  row {step.row}, column {step.column}   "
    whole = f"{step.terms} = {step.value}" if step.value else step.terms
    return textwrap.wrap(whole, _COLUMNS, initial_indent=title, subsequent_indent=" " * len(title))


def _cells(steps: list[Step], columns: int) -> list[str]:
    """The values of a map; sums of letters where they fit side by side, else a dot for each."""
    cells = [step.value or step.terms.replace(" ", "") for step in steps]
    return cells if columns * (max(map(len, cells)) + 2) <= _COLUMNS else [step.value or "." for step in steps]


def _shown(title: str, values: Tokens) -> list[str]:
    """A matrix below its title and size, cut off at 80 columns."""
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


def matrix(text: str, *, what: str) -> Tokens:
    """A matrix from text, `(channels, rows, columns)`.

    Args:
        text: As in "1 2 3; 4 5 6"; | separates channels.
        what: What it is called in an error message: "--values".

    Raises:
        SettingsError: When a row is empty, or rows or channels differ in size.
    """
    channels = [
        [row.replace(",", " ").split() for row in channel.strip().strip(";").split(";")] for channel in text.split("|")
    ]
    for number, channel in enumerate(channels, start=1):
        place = f" of channel {number}" if len(channels) > 1 else ""
        for index, row in enumerate(channel, start=1):
            if not row:
                raise SettingsError(f"{what}: row {index}{place} is empty; expected rows such as '1 2 3; 4 5 6'")
            if len(row) != len(channel[0]):
                raise SettingsError(
                    f"{what}: row {index}{place} has {counted(len(row), 'value')}, the first row has {len(channel[0])}"
                )
    sizes = [f"{len(channel)} x {len(channel[0])}" for channel in channels]
    if len(set(sizes)) > 1:
        raise SettingsError(f"{what}: all channels must have the same size, got {', '.join(sizes)}")
    return np.array(channels)


def filters(text: str) -> Tokens:
    """The filters of --weights, `(filters, channels, rows, columns)`; / separates filters. Errors as in `matrix`."""
    found = [matrix(part, what="--weights") for part in text.split("/")]
    sizes = [" x ".join(map(str, (*one.shape[1:], one.shape[0]))) for one in found]
    if len(set(sizes)) > 1:
        raise SettingsError(f"--weights: all filters must have the same size, got {', '.join(sizes)}")
    return np.stack(found)
