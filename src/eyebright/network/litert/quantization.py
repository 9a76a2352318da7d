"""A network as a LiteRT model that computes in int8: a quarter of the size, and faster where a processor has it.

Weights have a scale for each output channel, values one for each tensor, from the smallest to the largest value that
was seen on images. The layers that cannot be said in int8 stay in float32, and so does what comes after the logits.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from eyebright.network.answering import Answering
from eyebright.network.graph import Network
from eyebright.network.layers import Conv2d
from eyebright.network.litert.basic import INPUT
from eyebright.network.litert.labels import with_labels
from eyebright.network.litert.model import Built, built
from eyebright.system import machine

_INT8 = {
    *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MUL", "CONCATENATION", "PAD", "MAX_POOL_2D"),
    *("AVERAGE_POOL_2D", "MEAN", "RESHAPE", "TRANSPOSE", "RELU", "RELU6", "LOGISTIC", "TANH", "HARD_SWISH"),
    "RESIZE_NEAREST_NEIGHBOR",
}
_EXACT, _MANY = 6, 18
"""The first convolutions of a network with many stay in float32: they cost little, and their errors go everywhere. For
EfficientNet-Lite0, six instead of three change probabilities by 0.006 instead of 0.009 on average on CIFAR-10, and by
0.003 instead of 0.007 on Fashion-MNIST; an image takes 4.1 instead of 3.8 ms of processor time. With three, models of
these and of faces were refused; six was chosen on the same images; benchmarks/README.md has figures of others."""


def to_litert_int8(
    network: Network,
    weights: Mapping[str, NDArray[np.float32]],
    answering: Answering,
    pictures: NDArray[np.uint8],
    *,
    classes: Sequence[str] = (),
) -> bytes:
    """The LiteRT model of a network that computes in int8.

    Args:
        network: The network; it takes images.
        weights: Its tensors by `layer.tensor`.
        answering: How an answer is made from the logits, as in `to_litert`.
        pictures: Prepared images `(N, height, width, channels)`, from which the ranges of values are taken; a hundred
            or more are good.
        classes: Names of the classes, as in `to_litert`.

    Raises:
        NetworkError: As `to_litert`.
    """
    from ai_edge_quantizer import quantizer, recipe

    parts = built(network, weights, answering)
    whole = parts.packed(classes)
    names = _quantized(network, parts)
    rules = recipe.static_wi8_ai8()
    rules[0]["regex"] = f"^(?:{'|'.join(map(re.escape, names))});"
    ranges = _ranges(whole, parts, pictures)
    with machine.chatter_discarded():
        result = quantizer.Quantizer(whole, rules).quantize(ranges, enable_progress_report=False)
    return with_labels(bytes(result.quantized_model), classes)


def _quantized(network: Network, parts: Built) -> list[str]:
    """The outputs of the operators that compute in int8: those of layers that have no others."""
    convolutions = [name for name, place in network.places.items() if isinstance(place.layer, Conv2d)]
    exact = convolutions[:_EXACT] if len(convolutions) >= _MANY else []
    layers = list(parts.operators)
    begin = layers.index(exact[-1]) + 1 if exact else 0
    return [
        operator.output
        for name in layers[begin:]
        for operator in parts.operators[name]
        if all(other.kind in _INT8 for other in parts.operators[name])
    ]


def _ranges(model: bytes, parts: Built, pictures: NDArray[np.uint8]) -> dict[str, dict[str, NDArray[np.float32]]]:
    """The smallest and the largest value of each tensor over all images, as arrays of its rank."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # a delegate shows no values between its operators
    interpreter = Interpreter(
        model_content=model, experimental_preserve_all_tensors=True, experimental_op_resolver_type=plain
    )
    interpreter.allocate_tensors()
    computed = {operator.output for operator in parts.graph.operators}
    places = {tensor["name"]: tensor["index"] for tensor in interpreter.get_tensor_details()}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in places if name in computed or name == INPUT}
    for picture in pictures:
        interpreter.set_tensor(places[INPUT], picture[np.newaxis])
        interpreter.invoke()
        for name, seen in found.items():
            values = interpreter.get_tensor(places[name])
            seen.append((float(values.min()), float(values.max())))
    return {name: _as_range(parts.graph.tensors[name].shape, seen) for name, seen in found.items()}


def _as_range(shape: tuple[int, ...], seen: list[tuple[float, float]]) -> dict[str, NDArray[np.float32]]:
    ones = (1,) * len(shape)
    low, high = min(low for low, _ in seen), max(high for _, high in seen)
    return {"min": np.full(ones, low, np.float32), "max": np.full(ones, high, np.float32)}
