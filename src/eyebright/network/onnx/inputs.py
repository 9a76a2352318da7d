"""ONNX nodes of the layers at the entrance."""

import numpy as np
from onnx import TensorProto

from eyebright.network.graph import Place
from eyebright.network.layers import Input, Normalize
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
