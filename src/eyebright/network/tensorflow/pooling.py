"""TensorFlow operations of the pooling layers."""

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
from eyebright.network.layers.pooling import bins, counted_shares, shares_of_bins
from eyebright.network.layers.windows import Pair, beyond_image, named_padding
from eyebright.network.tensorflow.basic import concatenate
from eyebright.network.tensorflow.graph import DType, Graph, Tensors, emit

_LOWEST = -np.inf


@emit.register
def _(layer: MaxPool2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    shape = place.input_shapes[0]
    window, padding = layer.window(shape), named_padding(layer.window(shape), shape)
    source = inputs[0]
    if padding is None:
        source = graph.pad(source, output, window.before, beyond_image(window, shape), value=_LOWEST)
    _pool(graph, "MaxPool", source, output, window.kernel, window.stride, padding or "valid")


@emit.register
def _(layer: AvgPool2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    """A mean with zeros around the image, times what makes it the mean of the pixels that count."""
    shape = place.input_shapes[0]
    window = layer.window(shape)
    share = counted_shares(window, shape, count_include_pad=layer.count_include_pad)
    source = graph.pad(inputs[0], output, window.before, beyond_image(window, shape))
    result = output if (share == 1).all() else graph.fresh(f"{output}/with_zeros")
    _pool(graph, "AvgPool", source, result, window.kernel, window.stride, "valid")
    if result != output:
        graph.add("Mul", [result, graph.constant(f"{output}/scale", 1 / share[:, :, None])], output)


@emit.register
def _(layer: AdaptiveAvgPool2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    """Bins of different sizes are matrix products along each side, which need the channels first."""
    sizes, counts = place.input_shapes[0][1:], place.shape[1:]
    if all(size % count == 0 for size, count in zip(sizes, counts, strict=True)):
        kernel = sizes[0] // counts[0], sizes[1] // counts[1]
        _pool(graph, "AvgPool", inputs[0], output, kernel, kernel, "valid")
        return
    rows, columns = (shares_of_bins(size, count) for size, count in zip(sizes, counts, strict=True))
    first = _transposed(graph, inputs[0], [0, 3, 1, 2], graph.fresh(f"{output}/channels_first"))
    narrow = graph.fresh(f"{output}/narrow")
    graph.add("BatchMatMulV2", [first, graph.constant(f"{output}/columns", columns.T)], narrow)
    low = graph.fresh(f"{output}/low")
    graph.add("BatchMatMulV2", [graph.constant(f"{output}/rows", rows), narrow], low)
    _transposed(graph, low, [0, 2, 3, 1], output)


@emit.register
def _(layer: AdaptiveMaxPool2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    sizes, counts = place.input_shapes[0][1:], place.shape[1:]
    low = graph.fresh(f"{output}/low")
    _maxima(graph, inputs[0], low, axis=1, spans=bins(sizes[0], counts[0]))
    _maxima(graph, low, output, axis=2, spans=bins(sizes[1], counts[1]))


@emit.register
def _(layer: GlobalAvgPool2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.reduce("Mean", inputs[0], [1, 2], output)


@emit.register
def _(layer: GlobalMaxPool2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.reduce("Max", inputs[0], [1, 2], output)


def _pool(graph: Graph, operation: str, source: str, output: str, kernel: Pair, stride: Pair, padding: str) -> None:
    settings = {"ksize": [1, *kernel, 1], "strides": [1, *stride, 1], "padding": padding.upper()}
    graph.add(operation, [source], output, **settings)


def _transposed(graph: Graph, source: str, order: list[int], output: str) -> str:
    return graph.add("Transpose", [source, graph.whole(f"{output}/order", order)], output, Tperm=DType.INT32)


def _maxima(graph: Graph, source: str, output: str, *, axis: int, spans: list[Pair]) -> None:
    """Add the maximum of each span along an axis."""
    found = []
    for start, end in spans:
        begin = [start if at == axis else 0 for at in range(4)]
        size = [end - start if at == axis else -1 for at in range(4)]
        bounds = [graph.whole(f"{output}/begin", begin), graph.whole(f"{output}/size", size)]
        span = graph.add("Slice", [source, *bounds], graph.fresh(f"{output}/span"), Index=DType.INT32)
        found.append(graph.reduce("Max", span, [axis], graph.fresh(f"{output}/greatest"), keep_dims=True))
    concatenate(graph, found, axis, output)
