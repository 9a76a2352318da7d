"""LiteRT operators of the pooling layers."""

import math
from typing import Any

import numpy as np

from eyebright.network.layers import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    MaxPool2d,
)
from eyebright.network.layers.pooling import bins, counted_shares
from eyebright.network.layers.windows import named_padding
from eyebright.network.litert.graph import Graph, Site, emit
from eyebright.network.litert.schema import VALID
from eyebright.network.litert.windows import sliding


@emit.register
def _(layer: MaxPool2d, site: Site, graph: Graph) -> str:
    """Padding never wins: it is 0 where no value is below 0, else the lowest float."""
    window = layer.window(site.place.input_shapes[0])
    fill = 0.0 if site.positive else -math.inf
    source, options = sliding(graph, site, window, fill=fill)
    return _pool(graph, "MAX_POOL_2D", source, site, window.kernel, options)


@emit.register
def _(layer: AvgPool2d, site: Site, graph: Graph) -> str:
    """The operator divides by the pixels inside the image (SAME) or the kernel; a factor gives other means."""
    shape = site.place.input_shapes[0]
    window = layer.window(shape)
    if not layer.count_include_pad and named_padding(window, shape) == "same":
        source, options = sliding(graph, site, window)
        return _pool(graph, "AVERAGE_POOL_2D", source, site, window.kernel, options)
    source, options = sliding(graph, site, window, inside=True)
    factors = 1 / counted_shares(window, shape, count_include_pad=layer.count_include_pad)
    if np.all(factors == 1):
        return _pool(graph, "AVERAGE_POOL_2D", source, site, window.kernel, options)
    means = graph.fresh(f"{site.output}_means")
    _pool(graph, "AVERAGE_POOL_2D", source, site._replace(output=means), window.kernel, options)
    return graph.add("MUL", [means, graph.constant(f"{site.output}.factors", factors[None, :, :, None])], site.output)


@emit.register
def _(layer: AdaptiveAvgPool2d, site: Site, graph: Graph) -> str:
    sizes, counts = site.place.input_shapes[0][1:], site.place.shape[1:]
    if all(size % count == 0 for size, count in zip(sizes, counts, strict=True)):
        kernel = sizes[0] // counts[0], sizes[1] // counts[1]
        options = {"padding": VALID, "stride_h": kernel[0], "stride_w": kernel[1]}
        return _pool(graph, "AVERAGE_POOL_2D", site.inputs[0], site, kernel, options)
    return _binned(graph, site, "MEAN")


@emit.register
def _(layer: AdaptiveMaxPool2d, site: Site, graph: Graph) -> str:
    return _binned(graph, site, "REDUCE_MAX")


@emit.register
def _(layer: GlobalAvgPool2d, site: Site, graph: Graph) -> str:
    return _over_pixels(graph, site, "MEAN")


@emit.register
def _(layer: GlobalMaxPool2d, site: Site, graph: Graph) -> str:
    return _over_pixels(graph, site, "REDUCE_MAX")


def _pool(graph: Graph, kind: str, source: str, site: Site, kernel: tuple[int, int], options: dict[str, Any]) -> str:
    options |= {"filter_height": kernel[0], "filter_width": kernel[1]}
    return graph.add(kind, [source], site.output, shape=site.shape, **options)


def _over_pixels(graph: Graph, site: Site, kind: str) -> str:
    axes = graph.constant(f"{site.output}.axes", [1, 2], "int32")
    return graph.add(kind, [*site.inputs, axes], site.output, shape=site.shape, keep_dims=False)


def _binned(graph: Graph, site: Site, kind: str) -> str:
    """Reduce the bins of rows, then those of columns."""
    source = site.inputs[0]
    for axis, name in ((1, graph.fresh(f"{site.output}_rows")), (2, site.output)):
        size, count = site.place.input_shapes[0][axis], site.place.shape[axis]
        source = _reduced(graph, source, name, kind, axis=axis, spans=bins(size, count))
    return source


def _reduced(graph: Graph, source: str, output: str, kind: str, *, axis: int, spans: list[tuple[int, int]]) -> str:
    """One value for each span along an axis."""
    shape = graph.tensors[source].shape
    along = graph.constant(f"{output}.axis", [axis], "int32")
    found = []
    for start, end in spans:
        begin, size, cut = [0] * 4, [-1] * 4, list(shape)
        begin[axis], size[axis], cut[axis] = start, end - start, end - start
        bounds = [graph.constant(f"{output}.bound", bound, "int32") for bound in (begin, size)]
        span = graph.step("SLICE", [source, *bounds], f"{output}_span", shape=tuple(cut))
        cut[axis] = 1
        found.append(graph.step(kind, [span, along], f"{output}_reduced", shape=tuple(cut), keep_dims=True))
    whole = (*shape[:axis], len(spans), *shape[axis + 1 :])
    return graph.add("CONCATENATION", found, output, shape=whole, axis=axis)
