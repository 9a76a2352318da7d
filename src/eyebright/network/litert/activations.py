"""LiteRT operators of the activations."""

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
from eyebright.network.litert.graph import Graph, Site, emit
from eyebright.network.litert.schema import ACTIVATIONS

_PLAIN: dict[type[Layer], str] = {Hardswish: "HARD_SWISH", Sigmoid: "LOGISTIC", Tanh: "TANH"}
_FUSED: dict[type[Layer], str] = {ReLU: "RELU", ReLU6: "RELU6"}


def _emit_operator(layer: Layer, site: Site, graph: Graph) -> str:
    return graph.add(_PLAIN[type(layer)], site.inputs, site.output)


def _emit_fused(layer: Layer, site: Site, graph: Graph) -> str:
    return graph.add_activation(site, _FUSED[type(layer)])


for _kind in _PLAIN:
    emit.register(_kind, _emit_operator)
for _kind in _FUSED:
    emit.register(_kind, _emit_fused)


@emit.register
def _(layer: LeakyReLU, site: Site, graph: Graph) -> str:
    return graph.add("LEAKY_RELU", site.inputs, site.output, alpha=layer.negative_slope)


@emit.register
def _(layer: ELU, site: Site, graph: Graph) -> str:
    """The operator has an alpha of 1; another one scales the part below 0."""
    if layer.alpha == 1:
        return graph.add("ELU", site.inputs, site.output)
    curve = graph.step("ELU", site.inputs, f"{site.output}_curve")
    above = graph.step("RELU", site.inputs, f"{site.output}_above")
    below = graph.step("SUB", [curve, above], f"{site.output}_below")
    scaled = graph.step("MUL", [below, graph.constant(f"{site.output}.alpha", layer.alpha)], f"{site.output}_scaled")
    return graph.add("ADD", [above, scaled], site.output)


@emit.register
def _(layer: GELU, site: Site, graph: Graph) -> str:
    return graph.add("GELU", site.inputs, site.output, approximate=False)


@emit.register
def _(layer: SiLU, site: Site, graph: Graph) -> str:
    gate = graph.step("LOGISTIC", site.inputs, f"{site.output}_gate")
    return graph.add("MUL", [*site.inputs, gate], site.output)


@emit.register
def _(layer: Hardsigmoid, site: Site, graph: Graph) -> str:
    three, sixth = (graph.constant(f"{site.output}.constant", number) for number in (3, 1 / 6))
    clip = {"fused_activation_function": ACTIVATIONS["RELU6"]}
    clipped = graph.step("ADD", [*site.inputs, three], f"{site.output}_clipped", **clip)
    return graph.add("MUL", [clipped, sixth], site.output)


@emit.register
def _(layer: Softplus, site: Site, graph: Graph) -> str:
    """`max(x, 0) + log(1 + exp(-|x|))`, which never overflows."""
    size = graph.step("ABS", site.inputs, f"{site.output}_size")
    negative = graph.step("NEG", [size], f"{site.output}_negative")
    shrinking = graph.step("EXP", [negative], f"{site.output}_shrinking")
    above_one = graph.step("ADD", [shrinking, graph.constant(f"{site.output}.one", 1)], f"{site.output}_above_one")
    rest = graph.step("LOG", [above_one], f"{site.output}_rest")
    above = graph.step("RELU", site.inputs, f"{site.output}_above")
    return graph.add("ADD", [above, rest], site.output)


@emit.register
def _(layer: Softmax, site: Site, graph: Graph) -> str:
    return graph.add("SOFTMAX", site.inputs, site.output, beta=1.0)
