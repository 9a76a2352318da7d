"""TensorFlow operations after the logits: probabilities, unfamiliarity and answer."""

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
from eyebright.network.tensorflow.graph import DType, Graph


def add_answering(graph: Graph, network: Network, answering: Answering, results: dict[str, str]) -> None:
    """Add what comes from logits to an answer.

    Args:
        graph: The graph to add operations to.
        network: The network.
        answering: How the answer is found.
        results: The name of each layer's output.
    """
    logits = graph.add(
        "RealDiv",
        [results[network.output], graph.constant("temperature", answering.temperature)],
        graph.fresh("calibrated_logits"),
    )
    graph.add("Softmax", [logits], PROBABILITIES)
    confidence = graph.reduce("Max", PROBABILITIES, [1], graph.fresh("confidence"))
    axis = graph.whole("class_axis", 1)
    predicted = graph.fresh("predicted")
    graph.add("ArgMax", [PROBABILITIES, axis], predicted, Tidx=DType.INT32, output_type=DType.INT64)
    needed = graph.constant("thresholds", 0.0 if answering.thresholds is None else answering.thresholds)
    if answering.thresholds is not None:
        kinds = {"Tparams": DType.FLOAT, "Tindices": DType.INT64, "Taxis": DType.INT32, "T": None}
        first = graph.whole("threshold_axis", 0)
        needed = graph.add("GatherV2", [needed, predicted, first], graph.fresh("needed"), **kinds)
    refused = graph.add("Less", [confidence, needed], graph.fresh("unsure"))
    if answering.familiar is not None:
        features = _features(graph, network, results)
        _add_unfamiliarity(graph, answering.familiar, features, logits, confidence)
        unlike = graph.add("Greater", [UNFAMILIARITY, graph.constant("one", 1)], graph.fresh("unlike"))
        refused = graph.add("LogicalOr", [refused, unlike], graph.fresh("refused"), T=None)
    zeros = graph.add("ZerosLike", [predicted], graph.fresh("zeros"), T=DType.INT64)
    none = graph.constant("no_answer", np.array(NO_ANSWER, np.int64))
    nones = graph.add("AddV2", [zeros, none], graph.fresh("nones"), T=DType.INT64)
    graph.add("SelectV2", [refused, nones, predicted], ANSWER, T=DType.INT64)


def _features(graph: Graph, network: Network, results: dict[str, str]) -> str:
    """Add the features `(N, features)`: maps become their means."""
    name, place = features_place(network)
    if len(place.shape) == 1:
        return results[name]
    return graph.reduce("Mean", results[name], [1, 2], graph.fresh("features"))


def _add_unfamiliarity(graph: Graph, familiar: Familiar, features: str, logits: str, confidence: str) -> None:
    """Add the unfamiliarity; see `Familiar`."""

    def add(operation: str, sources: list[str], name: str, **attributes: object) -> str:
        return graph.add(operation, sources, graph.fresh(name), **attributes)

    constants = {field: graph.constant(f"familiar/{field}", values) for field, values in familiar._asdict().items()}
    squared = graph.reduce("Sum", add("Square", [features], "feature_squares"), [1], "squared_length", keep_dims=True)
    length = add("Maximum", [add("Sqrt", [squared], "length"), graph.constant("least", LEAST_LENGTH)], "safe_length")
    centred = add("Sub", [add("RealDiv", [features, length], "unit_features"), constants["mean"]], "centred_features")
    along = add("MatMul", [centred, constants["directions"]], "along", transpose_b=True)
    outside = add("Sub", [centred, add("MatMul", [along, constants["directions"]], "inside")], "outside")
    distances = []
    for name, values, variance in (("inside", along, "variances"), ("outside", outside, "rest")):
        scaled = add("RealDiv", [add("Square", [values], f"{name}_squares"), constants[variance]], f"{name}_scaled")
        distances.append(graph.reduce("Sum", scaled, [1], graph.fresh(f"{name}_distance")))
    greatest = graph.reduce("Max", logits, [1], graph.fresh("greatest_logit"))
    energy = add("Sub", [add("Log", [confidence], "log_confidence"), greatest], "energy")
    excess = add("Relu", [add("Sub", [energy, constants["energy_typical"]], "energy_above")], "energy_excess")
    surprise = add("Mul", [excess, constants["energy_weight"]], "surprise")
    whole = add("AddN", [*distances, surprise], "unscaled_unfamiliarity", N=3)
    graph.add("RealDiv", [whole, constants["limit"]], UNFAMILIARITY)
