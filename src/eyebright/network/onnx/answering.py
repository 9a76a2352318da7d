"""ONNX nodes after the logits: probabilities, unfamiliarity and answer, the outputs of a classifier's graph."""

import numpy as np

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
from eyebright.network.onnx.graph import FEATURES, Graph


def add_answering(graph: Graph, answering: Answering, logits: str, features: str) -> None:
    """Add the nodes that come from logits to an answer.

    Args:
        graph: The graph to add nodes to.
        answering: How the answer is found.
        logits: Name of the logits, `(N, num_classes)`.
        features: Name of the features, `(N, features)`, where they are needed.
    """
    divisor = graph.values("temperature", answering.temperature)
    scaled = graph.add("Div", [logits, divisor], graph.fresh("calibrated_logits"))
    graph.add("Softmax", [scaled], PROBABILITIES, axis=-1)
    confidence = graph.add("ReduceMax", [PROBABILITIES, _axes(graph, 1)], graph.fresh("confidence"), keepdims=0)
    predicted = graph.add("ArgMax", [PROBABILITIES], graph.fresh("predicted"), axis=1, keepdims=0)
    needed = graph.values("thresholds", 0.0 if answering.thresholds is None else answering.thresholds)
    if answering.thresholds is not None:
        needed = graph.add("Gather", [needed, predicted], graph.fresh("needed"))
    refused = graph.add("Less", [confidence, needed], graph.fresh("unsure"))
    if answering.familiar is not None:
        energy = _add_energy(graph, scaled, confidence)
        _add_unfamiliarity(graph, answering.familiar, features, energy)
        unlike = graph.add("Greater", [UNFAMILIARITY, graph.values("one", 1)], graph.fresh("unlike"))
        refused = graph.add("Or", [refused, unlike], graph.fresh("refused"))
    graph.add("Where", [refused, graph.constant(graph.fresh("none"), np.array(NO_ANSWER)), predicted], ANSWER)


def add_features(graph: Graph, network: Network, layers: dict[str, str]) -> str:
    """Add the node that gives the features `(N, features)`: maps become their means.

    Args:
        graph: The graph to add nodes to.
        network: The network.
        layers: The name of each layer's output.
    """
    name, place = features_place(network)
    if len(place.shape) == 1:
        return graph.add("Identity", [layers[name]], FEATURES)
    return graph.add("ReduceMean", [layers[name], _axes(graph, 2, 3)], FEATURES, keepdims=0)


def _add_energy(graph: Graph, logits: str, confidence: str) -> str:
    """Add -log(sum(exp(logits))), `(N,)`: the logarithm of the confidence less the greatest logit."""
    greatest = graph.add("ReduceMax", [logits, _axes(graph, 1)], graph.fresh("greatest_logit"), keepdims=0)
    return graph.add(
        "Sub", [graph.add("Log", [confidence], graph.fresh("log_confidence")), greatest], graph.fresh("energy")
    )


def _add_unfamiliarity(graph: Graph, familiar: Familiar, features: str, energy: str) -> None:
    """Add the unfamiliarity; see `Familiar`.

    What lies outside the directions is computed itself, not as a difference of two large numbers.
    """
    constants = {field: graph.values(f"familiar.{field}", values) for field, values in familiar._asdict().items()}
    length = graph.add("ReduceL2", [features, _axes(graph, 1)], graph.fresh("length"), keepdims=1)
    positive = graph.add("Max", [length, graph.values("least_length", LEAST_LENGTH)], graph.fresh("positive_length"))
    unit = graph.add("Div", [features, positive], graph.fresh("unit_features"))
    centred = graph.add("Sub", [unit, constants["mean"]], graph.fresh("centred_features"))
    along = graph.add("Gemm", [centred, constants["directions"]], graph.fresh("along"), transB=1)
    inside = graph.add("MatMul", [along, constants["directions"]], graph.fresh("inside"))
    outside = graph.add("Sub", [centred, inside], graph.fresh("outside"))
    distances = []
    for name, values, variance in (("inside", along, "variances"), ("outside", outside, "rest")):
        squares = graph.add("Mul", [values, values], graph.fresh(f"{name}_squares"))
        scaled = graph.add("Div", [squares, constants[variance]], graph.fresh(f"{name}_scaled"))
        distances.append(graph.add("ReduceSum", [scaled, _axes(graph, 1)], graph.fresh(f"{name}_distance"), keepdims=0))
    above = graph.add("Sub", [energy, constants["energy_typical"]], graph.fresh("energy_above"))
    excess = graph.add("Relu", [above], graph.fresh("energy_excess"))
    surprise = graph.add("Mul", [excess, constants["energy_weight"]], graph.fresh("surprise"))
    whole = graph.add("Sum", [*distances, surprise], graph.fresh("unscaled_unfamiliarity"))
    graph.add("Div", [whole, constants["limit"]], UNFAMILIARITY)


def _axes(graph: Graph, *axes: int) -> str:
    return graph.constant(graph.fresh("axes"), np.array(axes))
