"""Layers and who reads from whom: names for all, and orders in which they can be computed."""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from eyebright.network.layer import Layer, Node
from eyebright.system import text
from eyebright.system.errors import NetworkError

Wiring: TypeAlias = Mapping[str, tuple[str, ...]]
"""For each layer's name the names of the layers that it reads from."""


class Parts(NamedTuple):
    """What a network is made of: named layers in an order in which they can be computed, their wiring, the last one."""

    layers: list[Layer]
    wiring: Wiring
    output: str


def parts_of(outputs: Node) -> Parts:
    """The parts of the graph that ends in a node."""
    nodes = list(_in_order(outputs))
    by_node = dict(zip(nodes, names_of([node.layer for node in nodes]), strict=True))
    wiring = {by_node[node]: tuple(by_node[source] for source in node.inputs) for node in nodes}
    return Parts([_named(node.layer, by_node[node]) for node in nodes], wiring, by_node[outputs])


def depends(outputs: Node, inputs: Node) -> bool:
    """Whether a node's value depends on another node."""
    return any(node is inputs for node in _in_order(outputs))


def parts_in_a_row(layers: list[Layer]) -> Parts:
    """The parts of a network in which each layer reads from the one before it."""
    names = names_of(layers)
    wiring = {name: tuple(names[max(index - 1, 0) : index]) for index, name in enumerate(names)}
    return Parts([_named(layer, name) for layer, name in zip(layers, names, strict=True)], wiring, names[-1])


def names_of(layers: list[Layer]) -> list[str]:
    """A name for every layer: its own, or its stem and the next free number."""
    taken = Counter(layer.name for layer in layers if layer.name)
    twice = [name for name, count in taken.items() if count > 1]
    if twice:
        raise NetworkError(f"two layers are named {twice[0]!r}: every layer of a network needs a name of its own")
    counts: Counter[str] = Counter()
    names = []
    for layer in layers:
        name = layer.name
        while not name or (not layer.name and name in taken):
            counts[layer.stem] += 1
            name = f"{layer.stem}_{counts[layer.stem]}"
        names.append(name)
    return names


def sorted_layers(layers: list[Layer], wiring: Wiring, output: str) -> list[Layer]:
    """The layers in an order in which they can be computed, which keeps to the given order where that is one."""
    for name, sources in wiring.items():
        unknown = [source for source in sources if source not in wiring]
        if unknown:
            raise NetworkError(
                f"layer {name!r} reads from unknown {unknown[0]!r}: {text.nearest(unknown[0], list(wiring))}"
            )
    readers: dict[str, list[int]] = {name: [] for name in wiring}
    missing = [len(wiring[str(layer.name)]) for layer in layers]
    for index, layer in enumerate(layers):
        for source in wiring[str(layer.name)]:
            readers[source].append(index)
    ready = [index for index, count in enumerate(missing) if not count]  # sorted, hence a heap
    order: list[Layer] = []
    while ready:
        order.append(layers[heapq.heappop(ready)])
        for reader in readers[str(order[-1].name)]:
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, reader)
    if len(order) < len(layers):
        waiting = {str(layer.name) for layer, count in zip(layers, missing, strict=True) if count}
        raise NetworkError(f"layers wait for each other in a cycle: {' <- '.join(_cycle(waiting, wiring))}")
    used = ancestors(output, wiring)
    idle = [str(layer.name) for layer in order if layer.name not in used]
    if idle:
        raise NetworkError(f"layers do not lead to the output {output!r}: {', '.join(idle)}")
    return order


def _cycle(waiting: set[str], wiring: Wiring) -> list[str]:
    """One loop among layers that wait: each reads from the next, the last is the first."""
    path = [min(waiting)]
    while (source := next(name for name in wiring[path[-1]] if name in waiting)) not in path:
        path.append(source)
    return [*path[path.index(source) :], source]


def ancestors(output: str, wiring: Wiring) -> set[str]:
    """A layer and all that it depends on."""
    found: set[str] = set()
    waiting = [output]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(wiring[name])
    return found


def _in_order(output: Node) -> Iterator[Node]:
    """All nodes that the output depends on, each after those it reads from; without recursion, for deep networks."""
    done: set[Node] = set()
    stack = [(output, iter(output.inputs))]
    while stack:
        node, waiting = stack[-1]
        following = next((source for source in waiting if source not in done), None)
        if following is not None:
            stack.append((following, iter(following.inputs)))
            continue
        stack.pop()
        if node not in done:
            done.add(node)
            yield node


def _named(layer: Layer, name: str) -> Layer:
    return layer if layer.name == name else msgspec.structs.replace(layer, name=name)
