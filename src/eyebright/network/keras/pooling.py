"""Keras layers of the pooling layers."""

from typing import Any

from eyebright.network.graph import Place
from eyebright.network.keras.graph import Graph, Tensors, emit, refuse
from eyebright.network.layer import Layer, Shape
from eyebright.network.layers import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    MaxPool2d,
)
from eyebright.network.layers.windows import Pair, Window, beyond_image, named_padding

_LAST: dict[str, Any] = {"data_format": "channels_last"}


@emit.register
def _(layer: MaxPool2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    shape = place.input_shapes[0]
    window = layer.window(shape)
    padding = named_padding(window, shape)
    if padding is None and graph.never_negative(inputs[0]):
        inputs = [graph.pad(inputs[0], output, shape, window.before, beyond_image(window, shape))]
        padding = "valid"
    if padding is None:
        _maxima_of_all(layer, window, shape, graph, inputs, output, place.shape)
    else:
        _pool(graph, "MaxPooling2D", inputs, output, place.shape, window.kernel, window.stride, padding)


@emit.register
def _(layer: AvgPool2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    """Keras's own padding does not count in the mean, zeros that a layer before has added do.

    Where padding differs between opposite sides, Keras (3.15) with torch repeats pixels at the border and counts these.
    """
    shape = place.input_shapes[0]
    window = layer.window(shape)
    if layer.count_include_pad and any(window.before + window.after):
        inputs = [graph.pad(inputs[0], output, shape, window.before, window.after)]
        sides = zip(shape[1:], window.before, window.after, strict=True)
        shape = (shape[0], *(size + first + last for size, first, last in sides))
        window = window._replace(before=(0, 0), after=(0, 0))
    padding = named_padding(window, shape)
    if padding is None or (padding == "same" and window.before != beyond_image(window, shape)):
        raise refuse(layer, "has means of fewer pixels at the bottom or right, or at the top or left")
    _pool(graph, "AveragePooling2D", inputs, output, place.shape, window.kernel, window.stride, padding)


@emit.register
def _(layer: AdaptiveAvgPool2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    _adaptive(graph, "Average", inputs, output, place)


@emit.register
def _(layer: AdaptiveMaxPool2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    _adaptive(graph, "Max", inputs, output, place)


@emit.register
def _(layer: GlobalAvgPool2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.add("GlobalAveragePooling2D", inputs, output, place.shape, **_LAST)


@emit.register
def _(layer: GlobalMaxPool2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.add("GlobalMaxPooling2D", inputs, output, place.shape, **_LAST)


def _pool(
    graph: Graph, kind: str, inputs: list[str], output: str, shape: Shape, kernel: Pair, stride: Pair, padding: str
) -> None:
    graph.add(kind, inputs, output, shape, pool_size=kernel, strides=stride, padding=padding, **_LAST)


def _adaptive(graph: Graph, what: str, inputs: list[str], output: str, place: Place) -> None:
    sizes, counts = place.input_shapes[0][1:], place.shape[1:]
    if counts == (1, 1):
        graph.add(f"Global{what}Pooling2D", inputs, output, place.shape, keepdims=True, **_LAST)
    elif all(size % count == 0 for size, count in zip(sizes, counts, strict=True)):
        kernel = sizes[0] // counts[0], sizes[1] // counts[1]
        _pool(graph, f"{what}Pooling2D", inputs, output, place.shape, kernel, kernel, "valid")
    else:
        graph.add(f"Adaptive{what}Pooling2D", inputs, output, place.shape, output_size=counts, **_LAST)


def _maxima_of_all(
    layer: Layer, window: Window, shape: Shape, graph: Graph, inputs: list[str], output: str, pooled: Shape
) -> None:
    """Add a maximum pool of values that may be negative, whose padding has no name in Keras.

    Padding with zeros would change it. Instead, the maximum around every pixel is taken, with the padding "same", and
    those of the pixels that are in the middle of a window are kept.
    """
    half = [(length - 1) // 2 for length in window.kernel]
    first = [middle - pad for middle, pad in zip(half, window.before, strict=True)]
    spans = [(count - 1) * step + 1 for count, step in zip(window.counts, window.stride, strict=True)]
    last = [size - start - span for size, start, span in zip(shape[1:], first, spans, strict=True)]
    if min(*first, *last) < 0:
        raise refuse(layer, "has a padding of half a kernel of even size")
    everywhere, kept = graph.fresh(f"{output}_everywhere"), graph.fresh(f"{output}_kept")
    _pool(graph, "MaxPooling2D", inputs, everywhere, shape, window.kernel, (1, 1), "same")
    crop = list(zip(first, last, strict=True))
    graph.add("Cropping2D", [everywhere], kept, (shape[0], *spans), cropping=crop, **_LAST)
    _pool(graph, "MaxPooling2D", [kept], output, pooled, (1, 1), window.stride, "valid")
