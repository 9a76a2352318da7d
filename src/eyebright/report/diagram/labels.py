"""What is written into the boxes of a diagram."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from eyebright import network as layers
from eyebright.network import Network, Place
from eyebright.network.layers.windows import as_pair
from eyebright.report.diagram.kinds import kind_of
from eyebright.report.network_table import short

if TYPE_CHECKING:
    from eyebright.report.diagram.blocks import Box

_TELLING = ("convolution", "dense", "pooling", "merge", "other")
_MOST_STEPS = 30  # columns


class Strip(NamedTuple):
    """A layer's or a block's part of a box: lines, each with a text at the left and one at the right."""

    kind: str
    lines: tuple[tuple[str, str], ...]


def strips_of(network: Network, box: "Box", within: str) -> list[Strip]:
    """What a box says; names are shortened by that of the frame around it."""
    if box.folded:
        return [_block_strip(network, box, within)]
    strips: list[Strip] = []
    for name in box.layers:
        place = network.places[name]
        kind, count, title = kind_of(place.layer), counted(parameters_of([place])), name_within(name, within)
        if not strips:
            strips.append(Strip(kind, ((title, _detail(place)), (dimensions(place.shape), count))))
        else:
            strips.append(Strip(kind, ((title, ", ".join(filter(None, (_detail(place), count)))),)))
    return strips


def parameters_of(places: Iterable[Place]) -> int:
    """How many numbers these layers learn."""
    return sum(parameter.size for place in places for parameter in place.parameters.values())


def counted(parameters: int) -> str:
    """Parameters in words, "9.41k params"; nothing where there are none."""
    return f"{short(parameters)} params" if parameters else ""


def dimensions(shape: tuple[int, ...]) -> str:
    """64x112x112."""
    return "x".join(map(str, shape))


def name_within(name: str, frame: str) -> str:
    """The part of a name that the frame around it does not say; a number keeps the part before it: layer1.0."""
    if not frame or not name.startswith(f"{frame}."):
        return name
    short_name = name[len(frame) + 1 :]
    return f"{frame.rpartition('.')[2]}.{short_name}" if short_name[:1].isdigit() else short_name


def _block_strip(network: Network, box: "Box", within: str) -> Strip:
    places = [network.places[name] for name in box.layers]
    last = [name for name in box.layers if not any(name in place.inputs for place in places)]
    shapes = dict.fromkeys(dimensions(network.places[name].shape) for name in last)
    holds = [f"{box.blocks} block{'s' * (box.blocks > 1)}"] if box.blocks else []
    holds.append(f"{len(places)} layers")
    title = (name_within(box.name, within), ", ".join(holds))
    count = counted(parameters_of(places))
    return Strip("block", (title, (_contents(places, box.layers), ""), (" and ".join(shapes), count)))


def _contents(places: list[Place], names: tuple[str, ...]) -> str:
    """The layers that matter in a block: in their order where it is a row of few, otherwise counted."""
    telling = [place for place in places if kind_of(place.layer) in _TELLING] or places
    if all(place.inputs == (name,) for place, name in zip(places[1:], names, strict=False)):
        steps = [_detail(place) for place in telling]
        row = " → ".join(step.removeprefix("Conv2d ") if len(steps) > 1 else step for step in steps)
        if len(row) <= _MOST_STEPS:
            return row
    counts = Counter(type(place.layer).__name__ for place in telling)
    return ", ".join(f"{count} {name}" if count > 1 else name for name, count in counts.items())


def _detail(place: Place) -> str:
    """A layer's type and its most telling settings: Conv2d 7x7 /2, 64."""
    layer = place.layer
    text = type(layer).__name__
    if isinstance(layer, layers.Conv2d):
        groups = ""
        if layer.groups > 1:
            groups = ", depthwise" if layer.groups == place.input_shapes[0][0] else f", {layer.groups} groups"
        spread = "" if layer.dilation in (1, (1, 1)) else f", dilation {_pair(layer.dilation)}"
        return f"{text} {_window(layer.kernel_size, layer.stride)}, {layer.out_channels}{groups}{spread}"
    if isinstance(layer, layers.MaxPool2d | layers.AvgPool2d):
        return f"{text} {_window(layer.kernel_size, layer.kernel_size if layer.stride is None else layer.stride)}"
    if isinstance(layer, layers.Linear):
        return f"{text} {layer.out_features}"
    if isinstance(layer, layers.Dropout):
        return f"{text} {layer.p:g}"
    return text


def _window(kernel_size: int | tuple[int, int], stride: int | tuple[int, int]) -> str:
    """3x3, or 3x3 /2."""
    steps = set(as_pair(stride))
    step = "" if steps == {1} else f" /{steps.pop() if len(steps) == 1 else _pair(stride)}"
    return _pair(kernel_size) + step


def _pair(size: int | tuple[int, int]) -> str:
    return f"{size}x{size}" if isinstance(size, int) else dimensions(size)
