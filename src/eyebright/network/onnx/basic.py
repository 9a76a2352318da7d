"""ONNX nodes of the basic layers: inputs, layers on vectors, dropout, and merging."""

import numpy as np
from onnx import TensorProto

from eyebright.network.graph import Place
from eyebright.network.layers import (
    Add,
    Concat,
    Dropout,
    Flatten,
    Input,
    Linear,
    Multiply,
    Normalize,
    Unflatten,
    Upsample,
    ZeroPad2d,
)
from eyebright.network.layers.windows import as_pair
from eyebright.network.onnx.graph import INPUT, Graph, emit


@emit.register
def _(layer: Input, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    if len(layer.shape) == 3:
        floats = graph.add("Cast", [INPUT], graph.fresh(f"{output}_float"), to=TensorProto.FLOAT)
        graph.add("Transpose", [floats], output, perm=[0, 3, 1, 2])


@emit.register
def _(layer: Normalize, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    shape = (-1, *(1,) * (len(place.shape) - 1))
    mean = graph.values(f"{output}.mean", np.reshape(layer.mean, shape))
    std = graph.values(f"{output}.std", np.reshape(layer.std, shape))
    centred = graph.add("Sub", [*inputs, mean], graph.fresh(f"{output}_centred"))
    graph.add("Div", [centred, std], output)


@emit.register
def _(layer: Flatten, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Flatten", inputs, output, axis=1)


@emit.register
def _(layer: Unflatten, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    axes = graph.constant(graph.fresh(f"{output}.axes"), np.array([2, 3]))
    graph.add("Unsqueeze", [*inputs, axes], output)


@emit.register
def _(layer: ZeroPad2d, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    left, right, top, bottom = layer.padding
    pads = graph.constant(graph.fresh(f"{output}.pads"), np.array([0, 0, top, left, 0, 0, bottom, right]))
    graph.add("Pad", [*inputs, pads], output)


@emit.register
def _(layer: Upsample, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    scales = graph.values(f"{output}.scales", (1, 1, *as_pair(layer.scale_factor)))
    position = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    graph.add("Resize", [*inputs, "", scales], output, mode="nearest", **position)


@emit.register
def _(layer: Linear, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Gemm", inputs, output, transB=1)


@emit.register
def _(layer: Dropout, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Identity", inputs, output)


@emit.register
def _(layer: Add, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Sum", inputs, output)


@emit.register
def _(layer: Multiply, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Mul", inputs, output)


@emit.register
def _(layer: Concat, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Concat", inputs, output, axis=1)
