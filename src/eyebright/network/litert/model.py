"""A network and its weights as a LiteRT model (.tflite), made from data alone: no TensorFlow, always the same bytes.

Images enter as uint8 `(N, H, W, C)` with values 0 to 255, vectors as float32 `(N, features)`. Batch normalisations and
ReLUs become part of the convolutions before them; otherwise tensors have the names of the layers. There is one
signature, "serving_default", with the names of the input and the outputs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.network.answering import ANSWER, PROBABILITIES, UNFAMILIARITY, Answering, features_place
from eyebright.network.graph import Network
from eyebright.network.layers import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    Add,
    AvgPool2d,
    Concat,
    Hardsigmoid,
    MaxPool2d,
    ReLU,
    ReLU6,
    Sigmoid,
    Softmax,
    Softplus,
    Upsample,
)
from eyebright.network.litert.answering import add_answering, add_features
from eyebright.network.litert.basic import INPUT
from eyebright.network.litert.file import packed
from eyebright.network.litert.graph import Graph, Operator, Precision, Site, emit
from eyebright.network.litert.labels import METADATA, described, with_labels
from eyebright.network.rewrites import for_inference
from eyebright.network.weights import check_weights

_NEVER_NEGATIVE = (ReLU, ReLU6, Sigmoid, Hardsigmoid, Softmax, Softplus)
_SELECT = (MaxPool2d, AvgPool2d, AdaptiveMaxPool2d, AdaptiveAvgPool2d, Concat, Add, Upsample)


def to_litert(
    network: Network,
    weights: Mapping[str, NDArray[np.float32]],
    answering: Answering | None = None,
    *,
    precision: Precision = "float32",
    classes: Sequence[str] = (),
) -> bytes:
    """The LiteRT model of a network.

    Args:
        network: The network.
        weights: Its tensors by `layer.tensor`.
        answering: How an answer is made from the logits. The outputs are then "probabilities" `(N, num_classes)`;
            "unfamiliarity" `(N,)`, 1 at the limit, where it is known what is familiar; and "answer" `(N,)`, int32, a
            class or -1. None: the output is that of the network, maps as `(N, H, W, C)`.
        precision: How weights are stored; it computes in float32 in any case.
        classes: Names of the classes, for the file labels.txt inside the model; none without them.

    Raises:
        NetworkError: If the weights do not fit the network, a layer cannot be exported, a weight is too large for
            float16, or the model would have more than 2 GiB.
    """
    parts = built(network, weights, answering, precision=precision)
    return with_labels(parts.packed(classes), classes)


class Built(NamedTuple):
    """A graph with all its operators.

    Args:
        graph: The graph.
        source: The name of its input.
        outputs: Names of its outputs.
        operators: Those of each layer, by its name; one that is part of another layer's has none.
        channels: Those of its input.
    """

    graph: Graph
    source: str
    outputs: list[str]
    operators: dict[str, list[Operator]]
    channels: int

    def packed(self, classes: Sequence[str]) -> bytes:
        """The bytes of the model; if there are classes, with a table that names their file."""
        table = described([self.source], self.outputs, channels=self.channels)
        return packed(self.graph, [self.source], self.outputs, {METADATA: table} if classes else {})


def built(
    network: Network,
    weights: Mapping[str, NDArray[np.float32]],
    answering: Answering | None,
    *,
    precision: Precision = "float32",
) -> Built:
    """The graph of a network; arguments and errors as in `to_litert`."""
    check_weights(network, weights)
    network, weights = for_inference(network, weights)
    graph = Graph([INPUT, PROBABILITIES, UNFAMILIARITY, ANSWER], precision=precision)
    features = features_place(network)[0] if answering is not None and answering.familiar is not None else ""
    results, operators = _emitted(network, weights, graph, features)
    outputs = [results[network.output]]
    if answering is not None:
        found = add_features(graph, network, results) if features else ""
        outputs = add_answering(graph, answering, outputs[0], found)
    return Built(graph, next(iter(graph.tensors)), outputs, operators, network.input_shape[0])


def _emitted(
    network: Network, weights: Mapping[str, NDArray[np.float32]], graph: Graph, features: str
) -> tuple[dict[str, str], dict[str, list[Operator]]]:
    """Add the operators of all layers; the name of each layer's result, and its operators."""
    results = {name: graph.fresh(name) for name in network.places}
    readers = Counter([source for place in network.places.values() for source in place.inputs])
    readers.update([network.output, features])
    positive: set[str] = set()
    begins: list[int] = []
    for name, place in network.places.items():
        never_negative = isinstance(place.layer, _NEVER_NEGATIVE)
        if never_negative or (isinstance(place.layer, _SELECT) and positive.issuperset(place.inputs)):
            positive.add(name)
        site = Site(
            place,
            [results[source] for source in place.inputs],
            results[name],
            {key: weights[f"{name}.{key}"] for key in place.tensors},
            alone=bool(place.inputs) and readers[place.inputs[0]] == 1,
            positive=positive.issuperset(place.inputs),
        )
        begins.append(len(graph.operators))
        results[name] = emit(place.layer, site, graph)
    ends = [*begins[1:], len(graph.operators)]
    spans = zip(network.places, begins, ends, strict=True)
    return results, {name: graph.operators[begin:end] for name, begin, end in spans}
