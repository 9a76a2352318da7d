"""ONNX nodes of the layers on vectors."""

from eyebright.network.graph import Place
from eyebright.network.layers import Dropout, Flatten, Linear
from eyebright.network.onnx.graph import Graph, emit


@emit.register
def _(layer: Flatten, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Flatten", inputs, output, axis=1)


@emit.register
def _(layer: Linear, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Gemm", inputs, output, transB=1)


@emit.register
def _(layer: Dropout, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Identity", inputs, output)
