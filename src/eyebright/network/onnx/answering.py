"""ONNX nodes after the logits: probabilities, unfamiliarity and answer, the outputs of a classifier's graph."""

import numpy as np

from eyebright.network.answering import (
    ANSWER,
    NO_ANSWER,
    PROBABILITIES,
    UNFAMILIARITY,
    Answering,
    Familiar,
    features_place,
)
from eyebright.network.graph import Network
from eyebright.network.onnx.graph import FEATURES, Graph

_LEAST_LENGTH = 1e-12  # of features, so that zeros can be scaled


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

    The distance is |x|^2 / rest - |directions x|^2, with directions whose length says how much less it is along them.
    """
    scale = 1 / (familiar.rest.astype(float) * familiar.limit)
    length = graph.add("ReduceL2", [features, _axes(graph, 1)], graph.fresh("length"), keepdims=1)
    positive = graph.add("Max", [length, graph.values("least_length", _LEAST_LENGTH)], graph.fresh("positive_length"))
    unit = graph.add("Div", [features, positive], graph.fresh("unit_features"))
    centred = graph.add("Sub", [unit, graph.values("familiar.mean", familiar.mean)], graph.fresh("centred_features"))
    scaled = familiar.directions.T * np.sqrt(scale * (1 - familiar.rest.astype(float) / familiar.variances))
    along = graph.add("MatMul", [centred, graph.values("familiar.directions", scaled)], graph.fresh("along"))
    less = graph.add("ReduceSumSquare", [along, _axes(graph, 1)], graph.fresh("less"), keepdims=0)
    squares = graph.add("ReduceSumSquare", [centred, _axes(graph, 1)], graph.fresh("squares"), keepdims=0)
    whole = graph.add("Mul", [squares, graph.values("familiar.precision", scale)], graph.fresh("whole"))
    distance = graph.add("Sub", [whole, less], graph.fresh("distance"))
    typical, weight = familiar.energy_typical, familiar.energy_weight.astype(float) / familiar.limit
    above = graph.add("Sub", [energy, graph.values("familiar.energy", typical)], graph.fresh("energy_above"))
    excess = graph.add("Relu", [above], graph.fresh("energy_excess"))
    surprise = graph.add("Mul", [excess, graph.values("familiar.energy_weight", weight)], graph.fresh("surprise"))
    graph.add("Add", [distance, surprise], UNFAMILIARITY)


def _axes(graph: Graph, *axes: int) -> str:
    return graph.constant(graph.fresh("axes"), np.array(axes))
