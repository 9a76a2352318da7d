"""Folds a network for its diagram: dotted names such as `layer1.0.conv1` are blocks within blocks.

A block may only be folded or framed where that leaves a graph without cycles; elsewhere what it holds stands in its
place.
"""

from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple, TypeAlias

from eyebright.network import Network
from eyebright.report.diagram.kinds import kind_of
from eyebright.system.errors import SettingsError

_FOLLOWERS = {"normalisation", "activation", "dropout"}  # they go into the box of what they follow

Edge: TypeAlias = tuple[str, str]
"""From box to box; a box goes by the name of its first layer."""


class Box(NamedTuple):
    """What is drawn as one: a folded block, or a layer with the normalisation and activation that follow it.

    Args:
        name: The block's or the first layer's full name.
        layers: All layers that it stands for, in the order in which they are computed.
        blocks: How many blocks a folded block holds.
        folded: Whether it is a folded block.
    """

    name: str
    layers: tuple[str, ...]
    blocks: int = 0
    folded: bool = False

    @property
    def key(self) -> str:
        """The name by which edges know it."""
        return self.layers[0]


class Frame(NamedTuple):
    """An unfolded block: a frame around its members. The whole network is one without a name."""

    name: str
    items: tuple["Item", ...]


Item: TypeAlias = Box | Frame


class _Part(NamedTuple):
    """Layers whose names begin with `prefix`, which ends in a dot; or one layer."""

    prefix: str
    layers: list[str]
    level: int


def fold(network: Network, depth: int) -> Frame:
    """The network with so many levels of blocks unfolded, less one: at depth 1 every outer block is a box.

    A block that holds most of the network and consists of blocks is unfolded without counting, and so is one that
    holds nothing but another block.

    Raises:
        SettingsError: When the depth is below 1.
    """
    if depth < 1:
        raise SettingsError(f"depth must be 1 (every outer block is one box) or more, got {depth}")
    folding = _Folding(network, depth)
    return Frame("", folding.items(folding.children("", list(network.places), 1)))


def boxes_of(item: Item) -> list[Box]:
    """All boxes of an item, from the first to the last."""
    return [item] if isinstance(item, Box) else [box for member in item.items for box in boxes_of(member)]


class _Folding:
    """One network at one depth."""

    def __init__(self, network: Network, depth: int) -> None:
        self.network = network
        self.depth = depth
        self.order = {name: index for index, name in enumerate(network.places)}
        self.readers: dict[str, list[str]] = {name: [] for name in network.places}
        for name, place in network.places.items():
            for source in dict.fromkeys(place.inputs):
                self.readers[source].append(name)

    def children(self, prefix: str, layers: list[str], level: int) -> list[_Part]:
        """The blocks and layers of a block; those that are unfolded without counting are replaced by theirs."""
        parts: list[_Part] = []
        for begin, members in _split(prefix, layers).items():
            if len(members) > 1 and self._counts_not(begin, members):
                parts += self.children(begin, members, level)
            else:
                parts.append(_Part(begin, members, level))
        return parts

    def items(self, parts: list[_Part]) -> tuple[Item, ...]:
        """Boxes and frames for these parts."""
        items: list[Item] = []
        for part in self._without_cycles(parts):
            if len(part.layers) == 1:
                items.append(Box(part.layers[0], tuple(part.layers)))
            elif part.level >= self.depth:
                blocks = sum(len(members) > 1 for members in _split(*part[:2]).values())
                items.append(Box(part.prefix[:-1], tuple(part.layers), blocks, folded=True))
            else:
                inner = self.items(self.children(part.prefix, part.layers, part.level + 1))
                items.append(Frame(part.prefix[:-1], inner) if len(inner) > 1 else inner[0])
        return self._stacked(items)

    def _counts_not(self, prefix: str, layers: list[str]) -> bool:
        inner = _split(prefix, layers)
        most = 2 * len(layers) > len(self.network.places)
        return len(inner) == 1 or (most and any(len(members) > 1 for members in inner.values()))

    def _without_cycles(self, parts: list[_Part]) -> list[_Part]:
        """The parts, of which none reads from what depends on it: blocks that do are replaced by what they hold."""
        parts = list(parts)
        while True:
            owner = {layer: index for index, part in enumerate(parts) for layer in part.layers}
            graph: dict[int, list[int]] = {index: [] for index in range(len(parts))}
            for layer, index in owner.items():
                sources = [owner[source] for source in self.network.places[layer].inputs if source in owner]
                graph[index] += [source for source in sources if source != index]
            try:
                TopologicalSorter(graph).prepare()
            except CycleError as problem:
                blocks = [index for index in sorted(set(problem.args[1])) if len(parts[index].layers) > 1]
                largest = max(blocks, key=lambda index: len(parts[index].layers))
                worst = next((index for index in blocks if self._returns(parts[index])), largest)
                prefix, layers, level = parts[worst]
                parts[worst : worst + 1] = self.children(prefix, layers, level + 1)
                parts.sort(key=lambda part: self.order[part.layers[0]])
            else:
                return parts

    def _returns(self, part: _Part) -> bool:
        """Whether a way leads out of a block and back into it."""
        inside = set(part.layers)
        waiting = [reader for layer in part.layers for reader in self.readers[layer] if reader not in inside]
        seen = set(waiting)
        while waiting:
            for reader in self.readers[waiting.pop()]:
                if reader in inside:
                    return True
                if reader not in seen:
                    seen.add(reader)
                    waiting.append(reader)
        return False

    def _stacked(self, items: list[Item]) -> tuple[Item, ...]:
        """The items, normalisations and activations put into the box of the layer that nobody else reads."""
        stacks: list[Item] = []
        ends: dict[str, int] = {}  # which stack ends with a layer
        for item in items:
            at = len(stacks)
            if isinstance(item, Box) and not item.folded:
                at = ends.get(self._followed(item.key), at)
                ends[item.layers[-1]] = at
            above = stacks[at : at + 1]
            if above and isinstance(above[0], Box) and isinstance(item, Box):
                stacks[at] = above[0]._replace(layers=above[0].layers + item.layers)
            else:
                stacks.append(item)
        return tuple(stacks)

    def _followed(self, name: str) -> str:
        """The layer that nobody else reads, where this one only changes its values; nothing elsewhere."""
        place = self.network.places[name]
        if kind_of(place.layer) in _FOLLOWERS and len(self.readers[place.inputs[0]]) == 1:
            return place.inputs[0]
        return ""


def _split(prefix: str, layers: list[str]) -> dict[str, list[str]]:
    """Layers by the next part of their names, which ends in a dot unless it is the last one."""
    parts: dict[str, list[str]] = {}
    for layer in layers:
        head, dot, _ = layer[len(prefix) :].partition(".")
        parts.setdefault(prefix + head + dot, []).append(layer)
    return parts
