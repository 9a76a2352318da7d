"""Rewrites: network in, network out, the same function: with less work, or with more dropout while it is trained.

Weights keep their names, so that the rewritten network runs on the weights of the one that people wrote and see.
"""

from collections import Counter

import msgspec

from eyebright.network.graph import Network
from eyebright.network.layer import Layer
from eyebright.network.layers import AdaptiveMaxPool2d, Dropout, GlobalMaxPool2d, MaxPool2d
from eyebright.network.wiring import Parts


def faster(network: Network) -> Network:
    """The network with all rewrites applied, for training."""
    return pool_before_activation(network)


def pool_before_activation(network: Network) -> Network:
    """Take the maximum first and the activation of a quarter as many values after it.

    max(f(a), f(b)) = f(max(a, b)) where f never decreases, as ReLU. Applied where nothing else reads the activation.
    """
    readers = Counter(source for place in network.places.values() for source in place.inputs)
    swapped = {  # each activation that moves, and the pool that moves before it
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
    return Network.from_parts(Parts(order, wiring, after.get(network.output, network.output)))


def with_dropout(network: Network, p: float) -> Network:
    """The network in which every `Dropout` drops at least a share `p`; where it has none, there is one before the last
    layer. With 0 it stays as it is.
    """
    if not p:
        return network
    places, last = network.places, network.output
    layers: list[Layer] = []
    wiring = {name: place.inputs for name, place in places.items()}
    for name, place in places.items():
        layer = place.layer
        if name == last and not any(isinstance(other.layer, Dropout) for other in places.values()):
            added = next(free for free in ("dropout", "dropout_before_head") if free not in places)
            layers.append(Dropout(p, name=added))
            wiring |= {added: place.inputs, name: (added,)}
        layers.append(msgspec.structs.replace(layer, p=max(layer.p, p)) if isinstance(layer, Dropout) else layer)
    return Network.from_parts(Parts(layers, wiring, last))
