"""LiteRT operators after the logits: probabilities, unfamiliarity and answer, the outputs of a classifier's graph."""

from typing import Any

from eyebright.network.answering import (
    ANSWER,
    LEAST_LENGTH,
    NO_ANSWER,
    PROBABILITIES,
    UNFAMILIARITY,
    Answering,
    Familiar,
    features_place,
)
from eyebright.network.graph import Network
from eyebright.network.litert.graph import Graph
from eyebright.network.litert.schema import TYPES


def add_answering(graph: Graph, answering: Answering, logits: str, features: str) -> list[str]:
    """Add the operators that come from logits to an answer, and return the names of the outputs.

    Args:
        graph: The graph to add operators to.
        answering: How the answer is found.
        logits: Name of the logits, `(N, num_classes)`.
        features: Name of the features, `(N, features)`, where they are needed.
    """
    scaled = graph.step("DIV", [logits, graph.constant("temperature", answering.temperature)], "calibrated_logits")
    graph.add("SOFTMAX", [scaled], PROBABILITIES, beta=1.0)
    confidence = _reduced(graph, "REDUCE_MAX", PROBABILITIES, "confidence")
    found: dict[str, Any] = {"shape": (1,), "dtype": "int32"}
    axis = graph.constant("axis", 1, "int32")
    predicted = graph.step("ARG_MAX", [PROBABILITIES, axis], "predicted", **found, output_type=TYPES["int32"])
    needed = graph.constant("thresholds", 0.0 if answering.thresholds is None else answering.thresholds)
    if answering.thresholds is not None:
        needed = graph.step("GATHER", [needed, predicted], "needed", shape=(1,), axis=0, batch_dims=0)
    refused = graph.step("LESS", [confidence, needed], "unsure", dtype="bool")
    if answering.familiar is not None:
        energy = _add_energy(graph, scaled, confidence)
        _add_unfamiliarity(graph, answering.familiar, features, energy)
        unlike = graph.step("GREATER", [UNFAMILIARITY, graph.constant("one", 1)], "unlike", dtype="bool")
        refused = graph.step("LOGICAL_OR", [refused, unlike], "refused", dtype="bool")
    graph.add("SELECT_V2", [refused, graph.constant("none", NO_ANSWER, "int32"), predicted], ANSWER, **found)
    return [PROBABILITIES, *([UNFAMILIARITY] if answering.familiar else []), ANSWER]


def add_features(graph: Graph, network: Network, layers: dict[str, str]) -> str:
    """Add the operator that gives the features `(N, features)`: maps become their means.

    Args:
        graph: The graph to add operators to.
        network: The network.
        layers: The name of each layer's output.
    """
    name, place = features_place(network)
    if len(place.shape) == 1:
        return layers[name]
    axes = graph.constant("axes", [1, 2], "int32")
    return graph.step("MEAN", [layers[name], axes], "features", shape=(1, place.shape[0]), keep_dims=False)


def _add_energy(graph: Graph, logits: str, confidence: str) -> str:
    """Add -log(sum(exp(logits))), `(N,)`: the logarithm of the confidence less the greatest logit."""
    greatest = _reduced(graph, "REDUCE_MAX", logits, "greatest_logit")
    return graph.step("SUB", [graph.step("LOG", [confidence], "log_confidence"), greatest], "energy")


def _add_unfamiliarity(graph: Graph, familiar: Familiar, features: str, energy: str) -> None:
    """Add the unfamiliarity; see `Familiar`.

    What lies outside the directions is computed itself, not as a difference of two large numbers.
    """
    constants = {field: graph.constant(f"familiar.{field}", values) for field, values in familiar._asdict().items()}
    rank, width = familiar.directions.shape
    squares = graph.step("MUL", [features, features], "feature_squares")
    length = graph.step("SQRT", [_reduced(graph, "SUM", squares, "squared_length", keep_dims=True)], "length")
    positive = graph.step("MAXIMUM", [length, graph.constant("least_length", LEAST_LENGTH)], "positive_length")
    centred = graph.step("DIV", [features, positive], "unit_features")
    centred = graph.step("SUB", [centred, constants["mean"]], "centred_features")
    directions = constants["directions"]
    along = graph.step("BATCH_MATMUL", [centred, directions], "along", shape=(1, rank), adj_x=False, adj_y=True)
    inside = graph.step("BATCH_MATMUL", [along, directions], "inside", shape=(1, width), adj_x=False, adj_y=False)
    outside = graph.step("SUB", [centred, inside], "outside")
    above = graph.step("SUB", [energy, constants["energy_typical"]], "energy_above")
    excess = graph.step("RELU", [above], "energy_excess")
    total = graph.step("MUL", [excess, constants["energy_weight"]], "surprise")
    for name, values, variance in (("inside", along, "variances"), ("outside", outside, "rest")):
        squares = graph.step("MUL", [values, values], f"{name}_squares")
        scaled = graph.step("DIV", [squares, constants[variance]], f"{name}_scaled")
        total = graph.step("ADD", [total, _reduced(graph, "SUM", scaled, f"{name}_distance")], f"{name}_and_surprise")
    graph.add("DIV", [total, constants["limit"]], UNFAMILIARITY)


def _reduced(graph: Graph, kind: str, source: str, name: str, *, keep_dims: bool = False) -> str:
    """Reduce the values of each sample to one."""
    axes = graph.constant("axes", [1], "int32")
    return graph.step(kind, [source, axes], name, shape=(1, 1) if keep_dims else (1,), keep_dims=keep_dims)
