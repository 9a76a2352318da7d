"""Keras layers of the basic layers: inputs, layers on vectors, dropout, and merging."""

import numpy as np

from eyebright.network.graph import Place
from eyebright.network.keras.graph import Graph, Tensors, emit
from eyebright.network.layer import Layer
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


@emit.register
def _(layer: Input, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.add("InputLayer", inputs, output, place.shape)


@emit.register
def _(layer: Normalize, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    mean, std = np.array(layer.mean), np.array(layer.std)
    graph.add("Rescaling", inputs, output, place.shape, scale=(1 / std).tolist(), offset=(-mean / std).tolist())


@emit.register
def _(layer: Flatten, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    """Keras lays out images with the channels last, we with the channels first: it must exchange them before."""
    shape = place.input_shapes[0]
    if len(shape) == 3 and shape[0] > 1 and shape[1:] != (1, 1):
        first = graph.fresh(f"{output}_channels_first")
        inputs = [graph.add("Permute", inputs, first, (shape[2], shape[0], shape[1]), dims=[3, 1, 2])]
    graph.add("Flatten", inputs, output, place.shape)


@emit.register
def _(layer: Unflatten, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.add("Reshape", inputs, output, place.shape, target_shape=[1, 1, place.shape[0]])


@emit.register
def _(layer: ZeroPad2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    left, right, top, bottom = layer.padding
    sides = [[top, bottom], [left, right]]
    graph.add("ZeroPadding2D", inputs, output, place.shape, padding=sides, data_format="channels_last")


@emit.register
def _(layer: Upsample, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    size = list(as_pair(layer.scale_factor))
    graph.add("UpSampling2D", inputs, output, place.shape, size=size, data_format="channels_last")


@emit.register
def _(layer: Linear, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    weight, *bias = tensors
    graph.add("Dense", inputs, output, place.shape, weight.T, *bias, units=layer.out_features, use_bias=layer.bias)


@emit.register
def _(layer: Dropout, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.add("Dropout", inputs, output, place.shape, rate=layer.p)


_MERGING: dict[type[Layer], str] = {Add: "Add", Multiply: "Multiply", Concat: "Concatenate"}


def _emit_merging(layer: Layer, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.add(_MERGING[type(layer)], inputs, output, place.shape)


for _kind in _MERGING:
    emit.register(_kind, _emit_merging)
