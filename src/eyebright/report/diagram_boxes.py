"""The boxes of a diagram: which layers of a network share one, which blocks are frames, and what each box says."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import groupby, pairwise
from typing import NamedTuple

from eyebright import network as nn
from eyebright.network import Network, Place
from eyebright.network.layers.windows import as_pair
from eyebright.system.text import abbreviated, counted

KINDS = {  # fill colour, line colour, pattern of layer types
    "input": ("#edf2f7", "#4a5568", "Input"),
    "convolution": ("#dbeafe", "#1d4ed8", "Conv2d"),
    "pooling": ("#d1fae5", "#047857", ".*Pool2d"),
    "normalisation": ("#fef9c3", "#a16207", ".*Norm|Normalize"),
    "activation": ("#ffedd5", "#c2410c", ".*LU6?|Hard.*|Sigmoid|Soft.*|Tanh"),
    "dense": ("#ede9fe", "#6d28d9", "Linear"),
    "merge": ("#fee2e2", "#b91c1c", "Add|Concat|Multiply"),
    "dropout": ("#f3f4f6", "#6b7280", "Dropout"),
    "reshape": ("#e5e7eb", "#374151", "Flatten|Unflatten|Upsample|ZeroPad2d"),
    "other": ("#ffffff", "#111827", ".*"),
    "block": ("#e0f2f1", "#115e59", ""),
    "skip": ("", "#c2410c", ""),
    "edge": ("", "#4a5568", ""),
}
"""Kinds of layers: fill colour, line colour, pattern of their types."""
_FOLLOWERS = {"normalisation", "activation", "dropout"}  # share a box with the layer before them
_MINOR = _FOLLOWERS | {"input", "reshape"}  # not listed in a folded block
_STEPS = 30  # letters of the main layers of a block


class Item(NamedTuple):
    """A box of layers, a folded block as a box, or a frame around `items`.

    `name` is that of the block or of the first layer, `within` that of the frame around it.
    """

    name: str
    within: str
    layers: tuple[str, ...]
    items: tuple["Item", ...] = ()

    @property
    def boxes(self) -> list["Item"]:
        """All boxes in it, in the order in which they are computed."""
        return [box for item in self.items for box in item.boxes] if self.items else [self]


def fold(network: Network, layers: Iterable[str], prefix: str, within: str, depth: int) -> list[Item]:
    """Boxes and frames for consecutive layers whose names all begin with `prefix`.

    A block is a run of consecutive layers, so that no path leaves it and comes back. A block with other layers in
    between becomes several. One that holds most of the network and consists of blocks does not count as a level.
    """
    items: list[Item] = []
    for (head, _), run in groupby(layers, lambda name: name[len(prefix) :].partition(".")[:2]):
        names, block = tuple(run), prefix + head
        if len(names) == 1:
            if items and items[-1].name == items[-1].layers[0] and _follows(network, items[-1].layers[-1], names[0]):
                names = items.pop().layers + names
            items.append(Item(names[0], within, names))
            continue
        parts = _parts(block, names)
        if len(parts) == 1 or (2 * len(names) > len(network.places) and max(parts) > 1):
            items += fold(network, names, f"{block}.", within, depth)
        elif depth == 1:
            items.append(Item(block, within, names))
        elif len(inner := fold(network, names, f"{block}.", block, depth - 1)) > 1 and _framed(network, set(names)):
            items.append(Item(block, within, names, tuple(inner)))
        else:
            items += [item._replace(within=within) for item in inner]
    return items


def _follows(network: Network, source: str, name: str) -> bool:
    """Whether a layer only changes the values of another one, which no other layer reads."""
    readers = [other for other, place in network.places.items() if source in place.inputs]
    return readers == [name] and _kind(network.places[name]) in _FOLLOWERS


def _framed(network: Network, names: set[str]) -> bool:
    """Whether at most one value enters a block and one leaves it: others would be mixed up at the border of a frame."""
    entering = {source for name in names for source in network.places[name].inputs} - names
    leaving = {source for name in network.places.keys() - names for source in network.places[name].inputs} & names
    return len(entering) <= 1 and len(leaving) <= 1


def _parts(block: str, names: Iterable[str]) -> list[int]:
    """How many layers each block and layer within a block has."""
    return list(Counter(name[len(block) + 1 :].partition(".")[0] for name in names).values())


def lines_of(network: Network, box: Item) -> list[tuple[str, str, str]]:
    """What a box says, from top to bottom: kind of layer, text at the left, text at the right."""
    places = [network.places[name] for name in box.layers]
    read = {source for place in places for source in place.inputs}
    shapes = dict.fromkeys(dimensions_text(network.places[name].shape) for name in box.layers if name not in read)
    result = (" and ".join(shapes), params_text(places))
    if box.name == box.layers[0]:
        names = [relative_name(name, box.within) for name in box.layers]
        return [(_kind(place), name, _detail(place)) for name, place in zip(names, places, strict=True)] + [
            ("", *result)
        ]
    blocks = sum(count > 1 for count in _parts(box.name, box.layers))
    size = f"{counted(blocks, 'block')}, " * bool(blocks) + f"{len(places)} layers"
    return [("block", relative_name(box.name, box.within), size), ("", _steps(places), ""), ("", *result)]


def relative_name(name: str, frame: str) -> str:
    """A name without that of the frame around it; a number keeps the part before it: layer1.0."""
    inner = name.removeprefix(f"{frame}.") if frame else name
    return f"{frame.rpartition('.')[2]}.{inner}" if inner != name and inner[:1].isdigit() else inner


def _steps(places: list[Place]) -> str:
    """The main layers of a block: each with its settings if they are few and in a row, counted otherwise."""
    main = [place for place in places if _kind(place) not in _MINOR] or places
    if all(after.inputs == (before.layer.name,) for before, after in pairwise(places)):
        steps = " → ".join(_detail(place).removeprefix("Conv2d " if len(main) > 1 else "") for place in main)
        if len(steps) <= _STEPS:
            return steps
    counts = Counter(type(place.layer).__name__ for place in main)
    return ", ".join(f"{count} {name}" if count > 1 else name for name, count in counts.items())


def _detail(place: Place) -> str:
    """A layer's type and its main settings: Conv2d 7x7 /2, 64."""
    layer = place.layer
    text = type(layer).__name__
    if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        down, across = stride = as_pair(layer.stride or layer.kernel_size)
        step = "" if stride == (1, 1) else f" /{down}" if down == across else f" /{down}x{across}"
        text += f" {dimensions_text(as_pair(layer.kernel_size))}{step}"
    if isinstance(layer, nn.Conv2d):
        depthwise = layer.groups == place.input_shapes[0][0]
        groups = "" if layer.groups == 1 else ", depthwise" if depthwise else f", {layer.groups} groups"
        dilation = "" if as_pair(layer.dilation) == (1, 1) else f", dilation {dimensions_text(as_pair(layer.dilation))}"
        return f"{text}, {layer.out_channels}{groups}{dilation}"
    if isinstance(layer, nn.Linear):
        return f"{text} {layer.out_features}"
    return f"{text} {layer.p:g}" if isinstance(layer, nn.Dropout) else text


def params_text(places: Iterable[Place]) -> str:
    """9.41k params; nothing for layers that learn nothing."""
    count = sum(parameter.size for place in places for parameter in place.parameters.values())
    return f"{abbreviated(count)} params" if count else ""


def dimensions_text(shape: tuple[int, ...]) -> str:
    """A shape as people write it: 3x224x224."""
    return "x".join(map(str, shape))


def _kind(place: Place) -> str:
    return next(kind for kind, (_, _, types) in KINDS.items() if re.fullmatch(types, type(place.layer).__name__))
