"""Keras layers of the activations."""

from typing import Any

from eyebright.network.graph import Place
from eyebright.network.keras.graph import Graph, Tensors, emit
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

_PLAIN: dict[type[Layer], tuple[str, dict[str, Any]]] = {
    ReLU: ("ReLU", {}),
    ReLU6: ("ReLU", {"max_value": 6.0}),
    Softmax: ("Softmax", {"axis": -1}),
    **{
        kind: ("Activation", {"activation": name})
        for kind, name in {
            GELU: "gelu",
            Hardsigmoid: "hard_sigmoid",
            Hardswish: "hard_silu",
            Sigmoid: "sigmoid",
            SiLU: "silu",
            Softplus: "softplus",
            Tanh: "tanh",
        }.items()
    },
}


def _emit_plain(layer: Layer, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    kind, settings = _PLAIN[type(layer)]
    graph.add(kind, inputs, output, place.shape, **settings)


for _kind in _PLAIN:
    emit.register(_kind, _emit_plain)


@emit.register
def _(layer: LeakyReLU, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.add("LeakyReLU", inputs, output, place.shape, negative_slope=layer.negative_slope)


@emit.register
def _(layer: ELU, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    graph.add("ELU", inputs, output, place.shape, alpha=layer.alpha)
