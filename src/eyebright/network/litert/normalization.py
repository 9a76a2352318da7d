"""LiteRT operators of the normalisations."""

from typing import Any

import numpy as np

from eyebright.network.layer import Shape
from eyebright.network.layers import BatchNorm, LayerNorm, LocalContrastNorm, LocalResponseNorm
from eyebright.network.litert.graph import Graph, Site, emit
from eyebright.network.litert.schema import SAME


@emit.register
def _(layer: BatchNorm, site: Site, graph: Graph) -> str:
    """A factor and a shift for each channel."""
    factor, shift = layer.as_factor_and_shift(site.weights)
    scaled = graph.add(
        "MUL", [*site.inputs, graph.weight(f"{site.output}.factor", factor)], graph.fresh(f"{site.output}_scaled")
    )
    return graph.add("ADD", [scaled, graph.weight(f"{site.output}.shift", shift)], site.output)


@emit.register
def _(layer: LayerNorm, site: Site, graph: Graph) -> str:
    def add(kind: str, sources: list[str], name: str) -> str:
        return graph.step(kind, sources, f"{site.output}_{name}")

    axes = graph.constant(f"{site.output}.axes", range(1, len(site.shape)), "int32")

    def mean(source: str, name: str) -> str:
        ones = (1,) * len(site.shape)
        return graph.step("MEAN", [source, axes], f"{site.output}_{name}", shape=ones, keep_dims=True)

    centred = add("SUB", [*site.inputs, mean(site.inputs[0], "mean")], "centred")
    variance = mean(add("MUL", [centred, centred], "squares"), "variance")
    safe = add("ADD", [variance, graph.constant(f"{site.output}.eps", layer.eps)], "safe_variance")
    unit = add("MUL", [centred, add("RSQRT", [safe], "scale")], "unit")
    weight, bias = (
        graph.weight(f"{site.output}.{key}", np.moveaxis(site.weights[key], 0, -1)) for key in ("weight", "bias")
    )
    return graph.add("ADD", [add("MUL", [unit, weight], "scaled"), bias], site.output)


@emit.register
def _(layer: LocalResponseNorm, site: Site, graph: Graph) -> str:
    """The operator does not divide alpha by the number of channels."""
    alpha = layer.alpha / layer.size
    radius = layer.size // 2
    return graph.add(
        "LOCAL_RESPONSE_NORMALIZATION",
        site.inputs,
        site.output,
        radius=radius,
        bias=layer.k,
        alpha=alpha,
        beta=layer.beta,
    )


@emit.register
def _(layer: LocalContrastNorm, site: Site, graph: Graph) -> str:
    def add(kind: str, sources: list[str], name: str, **options: Any) -> str:
        return graph.step(kind, sources, f"{site.output}_{name}", **options)

    def mean(source: str, name: str, axes: list[int], shape: Shape) -> str:
        along = graph.constant(f"{site.output}.axes", axes, "int32")
        return graph.step("MEAN", [source, along], f"{site.output}_{name}", shape=shape, keep_dims=True)

    flat = (*site.shape[:3], 1)
    kernel = graph.constant(f"{site.output}.kernel", layer.kernel()[None, :, :, None])
    bias = graph.constant(f"{site.output}.bias", [0])
    coverage = graph.constant(f"{site.output}.coverage", layer.coverage(site.place.shape)[None, :, :, None])
    slide = {"padding": SAME, "stride_h": 1, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 1}

    def around(source: str, name: str) -> str:
        """The weighted mean of the neighbourhood over all channels."""
        grey = mean(source, f"{name}_over_channels", [3], flat)
        total = add("CONV_2D", [grey, kernel, bias], f"{name}_total", shape=flat, **slide)
        return add("DIV", [total, coverage], name)

    level = mean(site.inputs[0], "level", [1, 2, 3], (1, 1, 1, 1))
    samples = add("SUB", [site.inputs[0], level], "levelled")  # only to reduce rounding errors
    centred = add("SUB", [samples, around(samples, "mean")], "centred")
    variance = around(add("MUL", [centred, centred], "squares"), "variance")
    safe = add("ADD", [variance, graph.constant(f"{site.output}.eps", layer.eps)], "safe_variance")
    deviation = add("SQRT", [safe], "deviation")
    floor = mean(deviation, "mean_deviation", [1, 2], (1, 1, 1, 1))
    return graph.add("DIV", [centred, add("MAXIMUM", [deviation, floor], "divisor")], site.output)
