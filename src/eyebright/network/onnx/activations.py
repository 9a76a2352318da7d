"""ONNX nodes of the activations."""

import math

from eyebright.network.graph import Place
from eyebright.network.layer import Layer
from eyebright.network.layers import (
    ELU,
    GELU,
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from eyebright.network.onnx.graph import Graph, emit

_PLAIN: dict[type[Layer], str] = {
    ReLU: "Relu",
    Hardswish: "HardSwish",
    Sigmoid: "Sigmoid",
    Tanh: "Tanh",
    Softplus: "Softplus",
}


def _emit_operator(layer: Layer, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add(_PLAIN[type(layer)], inputs, output)


for _kind in _PLAIN:
    emit.register(_kind, _emit_operator)


@emit.register
def _(layer: ReLU6, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    bounds = [graph.values(f"{output}.{name}", bound) for name, bound in (("min", 0), ("max", 6))]
    graph.add("Clip", [*inputs, *bounds], output)


@emit.register
def _(layer: LeakyReLU, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("LeakyRelu", inputs, output, alpha=layer.negative_slope)


@emit.register
def _(layer: ELU, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Elu", inputs, output, alpha=layer.alpha)


@emit.register
def _(layer: Hardsigmoid, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("HardSigmoid", inputs, output, alpha=1 / 6, beta=0.5)


@emit.register
def _(layer: Softmax, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("Softmax", inputs, output, axis=1)


@emit.register
def _(layer: SiLU, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    gate = graph.add("Sigmoid", inputs, graph.fresh(f"{output}_gate"))
    graph.add("Mul", [*inputs, gate], output)


@emit.register
def _(layer: GELU, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    """`x * (1 + erf(x / sqrt(2))) / 2`, since the operator Gelu is newer than the opset."""
    root, one, half = (graph.values(f"{output}.constant", number) for number in (math.sqrt(2), 1, 0.5))
    scaled = graph.add("Div", [*inputs, root], graph.fresh(f"{output}_scaled"))
    error = graph.add("Erf", [scaled], graph.fresh(f"{output}_erf"))
    shifted = graph.add("Add", [error, one], graph.fresh(f"{output}_shifted"))
    probability = graph.add("Mul", [shifted, half], graph.fresh(f"{output}_probability"))
    graph.add("Mul", [*inputs, probability], output)
