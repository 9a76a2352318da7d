"""How layers are connected: a name for each layer, and an order in which they can be computed."""

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from eyebright.network.layer import Layer, Node
from eyebright.system.errors import NetworkError
from eyebright.system.text import nearest

Wiring: TypeAlias = Mapping[str, tuple[str, ...]]
"""For each layer's name the names of its input layers."""


class Names:
    """The names that are in use in a graph of another program, while it is made of a network.

    Args:
        taken: Those in use already.
        allowed: Characters that a name may have beside letters, digits and "_", where others are not allowed.
    """

    def __init__(self, taken: Iterable[str] = (), *, allowed: str | None = None) -> None:
        self._taken = set(taken)
        self._refused = None if allowed is None else re.compile(f"[^A-Za-z0-9_{re.escape(allowed)}]")

    def fresh(self, name: str) -> str:
        """An unused name: the given one, with "_" for what is not allowed and at its end where it is taken."""
        if self._refused is not None:
            name = self._refused.sub("_", name)
            name = name if name[:1].isalnum() else f"layer{name}"
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def traced(outputs: Node) -> tuple[list[Layer], Wiring, str]:
    """The named layers of the graph that ends in a node, their wiring, and the name of the last one."""
    nodes = list(_in_order(outputs))
    names = dict(zip(nodes, names_of([node.layer for node in nodes]), strict=True))
    wiring = {names[node]: tuple(names[source] for source in node.inputs) for node in nodes}
    return [_named(node.layer, name) for node, name in names.items()], wiring, names[outputs]


def chained(layers: Sequence[Layer]) -> tuple[list[Layer], Wiring, str]:
    """As `traced`, for layers that each read from the one before."""
    names = names_of(layers)
    wiring = {name: tuple(names[max(index - 1, 0) : index]) for index, name in enumerate(names)}
    return [_named(layer, name) for layer, name in zip(layers, names, strict=True)], wiring, names[-1]


def depends(outputs: Node, inputs: Node) -> bool:
    """Whether a node's value depends on another node."""
    return any(node is inputs for node in _in_order(outputs))


def names_of(layers: Sequence[Layer]) -> list[str]:
    """A name for every layer: its own, or its stem and the next free number.

    Raises:
        NetworkError: If two layers have the same name.
    """
    taken = Counter(layer.name for layer in layers if layer.name)
    twice = [name for name, count in taken.items() if count > 1]
    if twice:
        raise NetworkError(f"two layers are named {twice[0]!r}: the names of a network's layers must be unique")
    counts: Counter[str] = Counter()
    names = []
    for layer in layers:
        name = layer.name
        while not name or (not layer.name and name in taken):
            counts[layer.stem] += 1
            name = f"{layer.stem}_{counts[layer.stem]}"
        names.append(name)
    return names


def sorted_layers(layers: Sequence[Layer], wiring: Wiring, output: str) -> list[Layer]:
    """The layers in an order in which they can be computed, as close to the given order as possible.

    Raises:
        NetworkError: If an input layer does not exist, the layers form a cycle, or the output does not need one.
    """
    for name, sources in wiring.items():
        unknown = [source for source in sources if source not in wiring]
        if unknown:
            raise NetworkError(
                f"layer {name!r} has the unknown input {unknown[0]!r}: {nearest(unknown[0], list(wiring))}"
            )
    order, waiting = _topological(layers, wiring)
    if waiting:
        raise NetworkError(f"the layers form a cycle: {' <- '.join(_cycle(waiting, wiring))}")
    used = ancestors(output, wiring)
    unused = [str(layer.name) for layer in order if layer.name not in used]
    if unused:
        raise NetworkError(f"the output {output!r} does not depend on {', '.join(unused)}: remove or connect them")
    return order


def _topological(layers: Sequence[Layer], wiring: Wiring) -> tuple[list[Layer], set[str]]:
    """The layers in an order in which they can be computed, and the names of those that wait for each other."""
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
    return order, {str(layer.name) for layer, count in zip(layers, missing, strict=True) if count}


def _cycle(waiting: set[str], wiring: Wiring) -> list[str]:
    """One cycle among layers that wait for each other: each reads from the next, and the last is the first."""
    path = [min(waiting)]
    while (source := next(name for name in wiring[path[-1]] if name in waiting)) not in path:
        path.append(source)
    return [*path[path.index(source) :], source]


def ancestors(name: str, wiring: Wiring) -> set[str]:
    """The names of a layer and of all layers that it depends on."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        source = waiting.pop()
        if source not in found:
            found.add(source)
            waiting.extend(wiring[source])
    return found


def _in_order(output: Node) -> Iterator[Node]:
    """All nodes that the output depends on, each after its inputs; without recursion, for deep networks."""
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
