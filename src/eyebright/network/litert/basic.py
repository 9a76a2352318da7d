"""LiteRT operators of the basic layers: inputs, layers on vectors, and merging."""

import numpy as np

from eyebright.network.layers import (
    Add,
    Concat,
    Flatten,
    Input,
    Linear,
    Multiply,
    Normalize,
    Unflatten,
    Upsample,
    ZeroPad2d,
)
from eyebright.network.litert.graph import Graph, Site, Tensor, emit
from eyebright.network.litert.schema import TYPES

INPUT = "pictures"


@emit.register
def _(layer: Input, site: Site, graph: Graph) -> str:
    if len(layer.shape) == 1:
        graph.tensors[site.output] = Tensor(site.shape, "float32")
        return site.output
    graph.tensors[INPUT] = Tensor(site.shape, "uint8")
    return graph.add("CAST", [INPUT], site.output, in_data_type=TYPES["uint8"], out_data_type=TYPES["float32"])


@emit.register
def _(layer: Normalize, site: Site, graph: Graph) -> str:
    mean, std = (graph.constant(f"{site.output}.{key}", getattr(layer, key)) for key in ("mean", "std"))
    centred = graph.step("SUB", [*site.inputs, mean], f"{site.output}_centred")
    return graph.add("DIV", [centred, std], site.output)


@emit.register
def _(layer: Flatten, site: Site, graph: Graph) -> str:
    """Values go channel by channel."""
    source, shape = site.inputs[0], site.place.input_shapes[0]
    if len(shape) == 3 and shape[1:] != (1, 1):
        order = graph.constant(f"{site.output}.order", [0, 3, 1, 2], "int32")
        source = graph.add(
            "TRANSPOSE", [source, order], graph.fresh(f"{site.output}_channels_first"), shape=(1, *shape)
        )
    sizes = graph.constant(f"{site.output}.shape", [-1, *site.shape[1:]], "int32")
    return graph.add("RESHAPE", [source, sizes], site.output, shape=site.shape)


@emit.register
def _(layer: Unflatten, site: Site, graph: Graph) -> str:
    sizes = graph.constant(f"{site.output}.shape", [-1, *site.shape[1:]], "int32")
    return graph.add("RESHAPE", [*site.inputs, sizes], site.output, shape=site.shape)


@emit.register
def _(layer: ZeroPad2d, site: Site, graph: Graph) -> str:
    left, right, top, bottom = layer.padding
    pads = graph.constant(f"{site.output}.pads", [[0, 0], [top, bottom], [left, right], [0, 0]], "int32")
    return graph.add("PAD", [*site.inputs, pads], site.output, shape=site.shape)


@emit.register
def _(layer: Upsample, site: Site, graph: Graph) -> str:
    size = graph.constant(f"{site.output}.size", site.place.shape[1:], "int32")
    return graph.add("RESIZE_NEAREST_NEIGHBOR", [*site.inputs, size], site.output, shape=site.shape)


@emit.register
def _(layer: Linear, site: Site, graph: Graph) -> str:
    weight = graph.weight(f"{site.output}.weight", site.weights["weight"])
    bias = graph.constant(f"{site.output}.bias", site.weights.get("bias", np.zeros(layer.out_features)))
    return graph.add("FULLY_CONNECTED", [*site.inputs, weight, bias], site.output, shape=site.shape)


@emit.register
def _(layer: Add, site: Site, graph: Graph) -> str:
    total, *middle, last = site.inputs
    for source in middle:
        total = graph.step("ADD", [total, source], f"{site.output}_sum")
    return graph.add("ADD", [total, last], site.output)


@emit.register
def _(layer: Multiply, site: Site, graph: Graph) -> str:
    return graph.add("MUL", site.inputs, site.output)


@emit.register
def _(layer: Concat, site: Site, graph: Graph) -> str:
    return graph.add("CONCATENATION", site.inputs, site.output, shape=site.shape, axis=len(site.shape) - 1)
