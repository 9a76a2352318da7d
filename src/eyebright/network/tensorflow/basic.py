"""TensorFlow operations of the basic layers: inputs, layers on vectors, dropout, and merging."""

import math

from eyebright.network.graph import Place
from eyebright.network.layer import channels_last
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
from eyebright.network.tensorflow.graph import DType, Graph, Tensors, emit


@emit.register
def _(layer: Input, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    """`inputs` names what is fed; images become float32."""
    shape = (-1, *channels_last(place.shape))
    dtype = DType.UINT8 if len(place.shape) == 3 else DType.FLOAT
    (fed,) = inputs
    graph.add("Placeholder", [], fed, dtype=dtype, shape=shape, T=None)
    graph.add("Cast", [fed], output, SrcT=dtype, DstT=DType.FLOAT, T=None)


@emit.register
def _(layer: Normalize, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    mean, std = graph.constant(f"{output}/mean", layer.mean), graph.constant(f"{output}/std", layer.std)
    graph.add("RealDiv", [graph.add("Sub", [*inputs, mean], graph.fresh(f"{output}/centred")), std], output)


@emit.register
def _(layer: Flatten, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    """TensorFlow has the channels last, and the vector must have them first."""
    if len(place.input_shapes[0]) == 3:
        order, first = graph.whole(f"{output}/order", [0, 3, 1, 2]), graph.fresh(f"{output}/channels_first")
        inputs = [graph.add("Transpose", [*inputs, order], first, Tperm=DType.INT32)]
    shape = graph.whole(f"{output}/shape", [-1, math.prod(place.shape)])
    graph.add("Reshape", [*inputs, shape], output, Tshape=DType.INT32)


@emit.register
def _(layer: Unflatten, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    as_images(graph, inputs[0], output, place.shape[0])


@emit.register
def _(layer: ZeroPad2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    left, right, top, bottom = layer.padding
    amounts = graph.whole(f"{output}/amounts", [[0, 0], [top, bottom], [left, right], [0, 0]])
    graph.add("Pad", [*inputs, amounts], output, Tpaddings=DType.INT32)


@emit.register
def _(layer: Upsample, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    size = graph.whole(f"{output}/size", place.shape[1:])
    graph.add("ResizeNearestNeighbor", [*inputs, size], output, align_corners=False, half_pixel_centers=False)


@emit.register
def _(layer: Linear, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    weight = graph.variable(f"{output}/weight", tensors["weight"].T)
    product = graph.fresh(f"{output}/product") if layer.bias else output
    graph.add("MatMul", [*inputs, weight], product)
    add_bias(graph, product, tensors, output)


@emit.register
def _(layer: Dropout, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.add("Identity", inputs, output)


@emit.register
def _(layer: Add, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.add("AddN", inputs, output, N=len(inputs))


@emit.register
def _(layer: Multiply, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.add("Mul", inputs, output)


@emit.register
def _(layer: Concat, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    concatenate(graph, inputs, -1, output)


def concatenate(graph: Graph, inputs: list[str], axis: int, output: str) -> None:
    """Add the values of all inputs one after the other along an axis."""
    if len(inputs) == 1:
        graph.add("Identity", inputs, output)
        return
    along = graph.whole(f"{output}/axis", axis)
    graph.add("ConcatV2", [*inputs, along], output, N=len(inputs), Tidx=DType.INT32)


def add_bias(graph: Graph, source: str, tensors: Tensors, output: str) -> None:
    """Add the bias of a layer that has one."""
    if "bias" in tensors:
        graph.add("BiasAdd", [source, graph.variable(f"{output}/bias", tensors["bias"])], output)


def as_images(graph: Graph, source: str, output: str, channels: int) -> str:
    """Add images of one pixel, made of vectors, under this name."""
    shape = graph.whole(f"{output}/shape", [-1, 1, 1, channels])
    return graph.add("Reshape", [source, shape], output, Tshape=DType.INT32)
