"""TensorFlow operations of the activations."""

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
from eyebright.network.tensorflow.graph import Graph, Tensors, emit

_PLAIN: dict[type[Layer], str] = {
    ReLU: "Relu",
    ReLU6: "Relu6",
    Sigmoid: "Sigmoid",
    Softmax: "Softmax",
    Softplus: "Softplus",
    Tanh: "Tanh",
}


def _emit_operation(layer: Layer, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.add(_PLAIN[type(layer)], inputs, output)


for _kind in _PLAIN:
    emit.register(_kind, _emit_operation)


@emit.register
def _(layer: LeakyReLU, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.add("LeakyRelu", inputs, output, alpha=layer.negative_slope)


@emit.register
def _(layer: ELU, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    """`relu(x) + alpha * elu(min(x, 0))`, since TensorFlow's Elu has no alpha."""
    zero, alpha = graph.constant(f"{output}/zero", 0), graph.constant(f"{output}/alpha", layer.alpha)
    negative = graph.add("Minimum", [*inputs, zero], graph.fresh(f"{output}/negative"))
    bent = graph.add("Elu", [negative], graph.fresh(f"{output}/bent"))
    scaled = graph.add("Mul", [bent, alpha], graph.fresh(f"{output}/scaled"))
    graph.add("AddV2", [graph.add("Relu", inputs, graph.fresh(f"{output}/positive")), scaled], output)


@emit.register
def _(layer: SiLU, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.add("Mul", [*inputs, graph.add("Sigmoid", inputs, graph.fresh(f"{output}/gate"))], output)


@emit.register
def _(layer: Hardsigmoid, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    _add_gate(graph, inputs, output)


@emit.register
def _(layer: Hardswish, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.add("Mul", [*inputs, _add_gate(graph, inputs, graph.fresh(f"{output}/gate"))], output)


@emit.register
def _(layer: GELU, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    """`x * (1 + erf(x / sqrt(2))) / 2`."""
    names = {"root": math.sqrt(2), "one": 1, "half": 0.5}
    root, one, half = (graph.constant(f"{output}/{name}", value) for name, value in names.items())
    scaled = graph.add("RealDiv", [*inputs, root], graph.fresh(f"{output}/scaled"))
    error = graph.add("Erf", [scaled], graph.fresh(f"{output}/erf"))
    shifted = graph.add("AddV2", [error, one], graph.fresh(f"{output}/shifted"))
    probability = graph.add("Mul", [shifted, half], graph.fresh(f"{output}/probability"))
    graph.add("Mul", [*inputs, probability], output)


def _add_gate(graph: Graph, inputs: list[str], output: str) -> str:
    """Add `min(max(x + 3, 0), 6) / 6`."""
    three, sixth = graph.constant(f"{output}/three", 3), graph.constant(f"{output}/sixth", 1 / 6)
    shifted = graph.add("AddV2", [*inputs, three], graph.fresh(f"{output}/shifted"))
    clipped = graph.add("Relu6", [shifted], graph.fresh(f"{output}/clipped"))
    return graph.add("Mul", [clipped, sixth], output)
