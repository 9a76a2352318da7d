"""ONNX nodes of the normalisations."""

import numpy as np

from eyebright.network.graph import Place
from eyebright.network.layers import BatchNorm, LayerNorm, LocalContrastNorm, LocalResponseNorm
from eyebright.network.onnx.graph import Graph, emit


@emit.register
def _(layer: BatchNorm, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("BatchNormalization", inputs, output, epsilon=layer.eps)


@emit.register
def _(layer: LayerNorm, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("LayerNormalization", inputs, output, axis=1, epsilon=layer.eps)


@emit.register
def _(layer: LocalResponseNorm, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    """OpenVINO (2026.4) rounds k to an integer; any other k is factored out: (k + a)^-b = k^-b (1 + a / k)^-b."""
    if layer.k.is_integer():
        graph.add("LRN", inputs, output, size=layer.size, alpha=layer.alpha, beta=layer.beta, bias=layer.k)
        return
    scaled = graph.fresh(f"{output}_scaled")
    graph.add("LRN", inputs, scaled, size=layer.size, alpha=layer.alpha / layer.k, beta=layer.beta, bias=1.0)
    graph.add("Mul", [scaled, graph.values(f"{output}.factor", layer.k**-layer.beta)], output)


@emit.register
def _(layer: LocalContrastNorm, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    def add(operator: str, sources: list[str], name: str, **attributes: object) -> str:
        return graph.add(operator, sources, graph.fresh(f"{output}_{name}"), **attributes)

    channel, area, whole = (
        graph.constant(graph.fresh(f"{output}.axes"), np.array(axes)) for axes in ([1], [2, 3], [1, 2, 3])
    )
    kernel = graph.values(f"{output}.kernel", layer.kernel()[None, None])
    coverage = graph.values(f"{output}.coverage", layer.coverage(place.shape)[None, None])

    def around(source: str, name: str) -> str:
        """The weighted mean of the neighbourhood over all channels."""
        flat = add("ReduceMean", [source, channel], f"{name}_over_channels", keepdims=1)
        total = add("Conv", [flat, kernel], f"{name}_total", pads=[layer.kernel_size // 2] * 4)
        return add("Div", [total, coverage], name)

    level = add("ReduceMean", [inputs[0], whole], "level", keepdims=1)
    samples = add("Sub", [inputs[0], level], "levelled")  # only to reduce rounding errors
    centred = add("Sub", [samples, around(samples, "mean")], "centred")
    variance = around(add("Mul", [centred, centred], "squares"), "variance")
    safe = add("Add", [variance, graph.values(f"{output}.eps", layer.eps)], "safe_variance")
    deviation = add("Sqrt", [safe], "deviation")
    floor = add("ReduceMean", [deviation, area], "mean_deviation", keepdims=1)
    graph.add("Div", [centred, add("Max", [deviation, floor], "divisor")], output)
