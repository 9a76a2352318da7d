"""Rewrites of a network: the same function with less work, dropout for training, or more for its last layer to read.

The weights keep their names, so a rewritten network runs on the weights of the original, unless it comes with its own
or its last layer reads more.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.network.graph import Network
from eyebright.network.layer import Layer
from eyebright.network.layers import (
    AdaptiveMaxPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dropout,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    Linear,
    MaxPool2d,
)
from eyebright.network.weights import Weights
from eyebright.network.wiring import sorted_layers


def faster(network: Network) -> Network:
    """The same function with less work: each max pool comes before the activation that it reads, not after it.

    max(f(a), f(b)) = f(max(a, b)) if f never decreases, as ReLU, and the activation then has fewer values to compute.
    An activation that another layer reads too stays where it is.
    """
    readers = Counter(source for place in network.places.values() for source in place.inputs)
    swapped = {  # from each activation that moves to the pool that comes before it
        place.inputs[0]: name
        for name, place in network.places.items()
        if isinstance(place.layer, MaxPool2d | AdaptiveMaxPool2d | GlobalMaxPool2d)
        and network.places[place.inputs[0]].layer.monotone
        and readers[place.inputs[0]] == 1
    }
    after = {pool: activation for activation, pool in swapped.items()}
    order: list[Layer] = []
    wiring: dict[str, tuple[str, ...]] = {}
    for name, place in network.places.items():
        if name in swapped:
            continue
        if name in after:
            activation = after[name]
            wiring[name] = tuple(after.get(source, source) for source in network.places[activation].inputs)
            wiring[activation] = (name,)
            order += [place.layer, network.places[activation].layer]
        else:
            wiring[name] = tuple(after.get(source, source) for source in place.inputs)
            order.append(place.layer)
    return Network.from_layers(order, wiring, after.get(network.output, network.output))


def with_dropout(network: Network, p: float) -> Network:
    """The network with at least this much dropout.

    Args:
        network: The network.
        p: Every `Dropout` gets at least this probability; if there is none, one is added before the last layer. With 0
            the network is returned unchanged.
    """
    if not p:
        return network
    places, last = network.places, network.output
    layers: list[Layer] = []
    wiring = network.wiring
    for name, place in places.items():
        layer = place.layer
        if name == last and not any(isinstance(other.layer, Dropout) for other in places.values()):
            added = next(free for free in ("dropout", "dropout_before_head") if free not in places)
            layers.append(Dropout(p, name=added))
            wiring |= {added: place.inputs, name: (added,)}
        layers.append(msgspec.structs.replace(layer, p=max(layer.p, p)) if isinstance(layer, Dropout) else layer)
    return Network.from_layers(layers, wiring, last)


def with_means(network: Network, vector: str, maps: Sequence[str]) -> Network:
    """The network in which the means of some maps are joined to a vector: what read the vector reads all of them.

    Args:
        network: The network.
        vector: Name of a layer that gives a vector, such as the global average pool before the head. Its values come
            first. If it is the output of the network, all of them become the output.
        maps: Names of layers that give maps.
    """
    means = {f"{name}_mean": name for name in maps}
    joined = f"{vector}_and_means"
    wiring = {
        name: tuple(joined if source == vector else source for source in place.inputs)
        for name, place in network.places.items()
    }
    wiring |= {mean: (name,) for mean, name in means.items()} | {joined: (vector, *means)}
    layers = [
        *(place.layer for place in network.places.values()),
        *(GlobalAvgPool2d(name=mean) for mean in means),
        Concat(name=joined),
    ]
    output = joined if network.output == vector else network.output
    return Network.from_layers(sorted_layers(layers, wiring, output), wiring, output)


def for_inference(network: Network, weights: Mapping[str, NDArray[np.float32]]) -> tuple[Network, Weights]:
    """The same function in evaluation with fewer layers, and its weights.

    Dropout is left out. A batch normalisation becomes part of the convolution or dense layer before it if no other
    layer reads that. The last layer that learns stays as it is, because the features are what it reads.

    Args:
        network: The network.
        weights: Its tensors by `layer.tensor`.
    """
    readers = Counter(source for place in network.places.values() for source in place.inputs)
    last = [name for name, place in network.places.items() if place.parameters][-1:]
    kept = dict(weights)
    instead: dict[str, str] = {}  # the layer that gives the value of one that is left out
    layers: dict[str, Layer] = {}
    for name, place in network.places.items():
        sources = [instead.get(source, source) for source in place.inputs]
        layer, before = place.layer, layers.get(sources[0]) if sources else None
        if isinstance(layer, Dropout):
            instead[name] = sources[0]
        elif (
            isinstance(layer, BatchNorm)
            and isinstance(before, Conv2d | Linear)
            and name not in last
            and readers[place.inputs[0]] == 1
        ):
            instead[name] = sources[0]
            layers[sources[0]] = msgspec.structs.replace(before, bias=True)
            factor, shift = layer.as_factor_and_shift({key: kept.pop(f"{name}.{key}") for key in place.tensors})
            kept |= _scaled(kept, sources[0], factor, shift)
        else:
            layers[name] = layer
    wiring = {name: tuple(instead.get(source, source) for source in network.places[name].inputs) for name in layers}
    output = instead.get(network.output, network.output)
    return Network.from_layers(layers.values(), wiring, output), kept


def _scaled(
    weights: Mapping[str, NDArray[np.float32]], name: str, factor: NDArray[np.float64], shift: NDArray[np.float64]
) -> Weights:
    """The weights of a layer whose output is scaled by a factor, then shifted."""
    weight, bias = weights[f"{name}.weight"], weights.get(f"{name}.bias", np.zeros(1))
    scaled = weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))
    return {f"{name}.weight": scaled.astype(np.float32), f"{name}.bias": (bias * factor + shift).astype(np.float32)}
