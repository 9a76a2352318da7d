"""Keras layers of the normalisations; it has none for those over a neighbourhood."""

from eyebright.network.graph import Place
from eyebright.network.keras.graph import Graph, Tensors, emit
from eyebright.network.layers import BatchNorm, LayerNorm


@emit.register
def _(layer: BatchNorm, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    settings = {"axis": -1, "momentum": 1 - layer.momentum, "epsilon": layer.eps}
    graph.add("BatchNormalization", inputs, output, place.shape, *tensors, **settings)


@emit.register
def _(layer: LayerNorm, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    last = (1, 2, 0) if len(place.shape) == 3 else (0,)
    channels_last = [tensor.transpose(last) for tensor in tensors]
    settings = {"axis": list(range(1, len(place.shape) + 1)), "epsilon": layer.eps}
    graph.add("LayerNormalization", inputs, output, place.shape, *channels_last, **settings)
