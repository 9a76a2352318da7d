"""ONNX nodes where branches join."""

from eyebright.network.graph import Place
from eyebright.network.layers import Add, Concat, Multiply
from eyebright.network.onnx.graph import Graph, emit


@emit.register
def _(layer: Add, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Sum", inputs, output)


@emit.register
def _(layer: Multiply, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Mul", inputs, output)


@emit.register
def _(layer: Concat, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Concat", inputs, output, axis=1)
