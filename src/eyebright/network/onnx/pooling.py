"""ONNX nodes of the pooling layers. `ceil_mode` becomes padding, which all runtimes compute in the same way."""

import numpy as np

from eyebright.network.graph import Place
from eyebright.network.layers import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    MaxPool2d,
)
from eyebright.network.layers.pooling import bins, shares_of_bins
from eyebright.network.layers.windows import Pair, Window
from eyebright.network.onnx.graph import Graph, emit


@emit.register
def _(layer: MaxPool2d, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    window = layer.window(place.input_shapes[0])
    _pool(graph, "MaxPool", inputs, output, window, before=window.before, after=_sum(window.after, window.beyond))


@emit.register
def _(layer: AvgPool2d, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    window = layer.window(place.input_shapes[0])
    if not layer.count_include_pad or not any(window.before + window.after):
        after = _sum(window.after, window.beyond)
        _pool(graph, "AveragePool", inputs, output, window, before=window.before, after=after)
        return
    sides = np.array([0, 0, *window.before, 0, 0, *window.after], np.int64)
    amounts = graph.constant(graph.fresh(f"{output}.pads"), sides)
    padded = graph.add("Pad", [*inputs, amounts], graph.fresh(f"{output}_padded"))
    _pool(graph, "AveragePool", [padded], output, window, before=(0, 0), after=window.beyond)


@emit.register
def _(layer: AdaptiveAvgPool2d, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    sizes, counts = place.input_shapes[0][1:], place.shape[1:]
    if all(size % count == 0 for size, count in zip(sizes, counts, strict=True)):
        kernel = [size // count for size, count in zip(sizes, counts, strict=True)]
        graph.add("AveragePool", inputs, output, kernel_shape=kernel, strides=kernel)
        return
    rows, columns = (shares_of_bins(size, count) for size, count in zip(sizes, counts, strict=True))
    narrow = graph.values(f"{output}.columns", columns.T)
    low = graph.values(f"{output}.rows", rows)
    graph.add("MatMul", [low, graph.add("MatMul", [*inputs, narrow], graph.fresh(f"{output}_narrow"))], output)


@emit.register
def _(layer: AdaptiveMaxPool2d, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    sizes, counts = place.input_shapes[0][1:], place.shape[1:]
    low = _maxima(graph, inputs[0], graph.fresh(f"{output}_low"), axis=2, spans=bins(sizes[0], counts[0]))
    _maxima(graph, low, output, axis=3, spans=bins(sizes[1], counts[1]))


@emit.register
def _(layer: GlobalAvgPool2d, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    pooled = graph.add("GlobalAveragePool", inputs, graph.fresh(f"{output}_pooled"))
    graph.add("Flatten", [pooled], output, axis=1)


@emit.register
def _(layer: GlobalMaxPool2d, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    pooled = graph.add("GlobalMaxPool", inputs, graph.fresh(f"{output}_pooled"))
    graph.add("Flatten", [pooled], output, axis=1)


def _pool(
    graph: Graph, operator: str, inputs: list[str], output: str, window: Window, *, before: Pair, after: Pair
) -> None:
    pads = [*before, *after]
    graph.add(operator, inputs, output, kernel_shape=list(window.kernel), strides=list(window.stride), pads=pads)


def _sum(first: Pair, second: Pair) -> Pair:
    return first[0] + second[0], first[1] + second[1]


def _maxima(graph: Graph, source: str, output: str, *, axis: int, spans: list[Pair]) -> str:
    """The maximum of each span along an axis."""
    found = []
    axes = graph.constant(graph.fresh(f"{output}.axis"), np.array([axis]))
    for start, end in spans:
        bounds = [graph.constant(graph.fresh(f"{output}.bound"), np.array([bound])) for bound in (start, end)]
        span = graph.add("Slice", [source, *bounds, axes], graph.fresh(f"{output}_span"))
        found.append(graph.add("ReduceMax", [span, axes], graph.fresh(f"{output}_greatest"), keepdims=1))
    return graph.add("Concat", found, output, axis=axis)
