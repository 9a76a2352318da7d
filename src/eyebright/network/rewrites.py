"""Rewrites of a network that keep its function but need less work, or that add dropout for training.

The weights keep their names, so a rewritten network runs on the weights of the original.
"""

from collections import Counter

import msgspec

from eyebright.network.graph import Network
from eyebright.network.layer import Layer
from eyebright.network.layers import AdaptiveMaxPool2d, Dropout, GlobalMaxPool2d, MaxPool2d


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
