"""Where everything in a diagram goes: each frame is laid out by itself and is one node of the frame around it."""

from collections.abc import Callable
from statistics import fmean
from typing import NamedTuple

from eyebright.report.diagram.axes import Extent
from eyebright.report.diagram.blocks import Box, Edge, Frame, Item, boxes_of
from eyebright.report.diagram.rows import Point, Wire, arrange

BAND = 20  # height of the band at the top of a frame, with its name
_PADDING = 14  # pixels from a frame to what is in it


class Rectangle(NamedTuple):
    """Pixels."""

    x: float
    y: float
    width: float
    height: float

    def moved(self, right: float, down: float) -> "Rectangle":
        """The same rectangle elsewhere."""
        return self._replace(x=self.x + right, y=self.y + down)


class Placed(NamedTuple):
    """An item laid out, its axis at x = 0 and its top at y = 0.

    Args:
        extent: The room that it takes.
        boxes: All boxes.
        frames: From the outermost to the innermost.
        ways: The part within the item of each edge, from top to bottom.
        entries: Where values enter at the top, by the box that they come from.
        exits: Where values leave at the bottom, by the box that they come from.
    """

    extent: Extent
    boxes: list[tuple[Box, Rectangle]]
    frames: list[tuple[Frame, Rectangle]]
    ways: dict[Edge, list[Point]]
    entries: dict[str, float]
    exits: dict[str, float]

    def moved(self, right: float, down: float) -> "Placed":
        """All that is in it, elsewhere."""
        return self._replace(
            boxes=[(box, rectangle.moved(right, down)) for box, rectangle in self.boxes],
            frames=[(frame, rectangle.moved(right, down)) for frame, rectangle in self.frames],
            ways={edge: [(x + right, y + down) for x, y in way] for edge, way in self.ways.items()},
            entries={key: x + right for key, x in self.entries.items()},
            exits={key: x + right for key, x in self.exits.items()},
        )


def lay_out(frame: Frame, edges: list[Edge], size_of: Callable[[Box], tuple[int, int]]) -> Placed:
    """All boxes, frames and edges of a frame in their places.

    Args:
        frame: What to lay out.
        edges: All edges that begin or end in it.
        size_of: Width and height of a box, in pixels.
    """
    members = [_member(item, edges, size_of) for item in frame.items]
    inside = {box.key: index for index, item in enumerate(frame.items) for box in boxes_of(item)}
    entering = dict.fromkeys(source for source, _ in edges if source not in inside)
    leaving = dict.fromkeys(source for source, target in edges if target not in inside)
    first = {key: node for node, key in enumerate(entering, len(members))}
    last = {key: node for node, key in enumerate(leaving, len(members) + len(first))}
    wires = {}
    for source, target in edges:
        begin = inside[source] if source in inside else first[source]
        end = inside[target] if target in inside else last[source]
        if begin != end:
            leave = members[begin].exits.get(source, 0.0) if source in inside else 0.0
            enter = members[end].entries.get(source, 0.0) if target in inside else 0.0
            wires[source, target] = Wire(begin, end, source, leave, enter)
    nodes = [member.extent for member in members] + [Extent(0, 0, 0)] * (len(first) + len(last))
    found = arrange(nodes, list(dict.fromkeys(wires.values())), first=first.values(), last=last.values())
    members = [member.moved(x, y) for member, x, y in zip(members, found.axes, found.tops, strict=False)]
    ways: dict[Edge, list[Point]] = {}
    for edge in edges:
        ends = [members[inside[key]].ways.get(edge, []) if key in inside else [] for key in edge]
        ways[edge] = ends[0] + found.ways[wires[edge]] + ends[1] if edge in wires else ends[0]
    extents = [(x - extent.left, x + extent.right) for x, extent in zip(found.axes, nodes, strict=False)]
    rails = [x for way in found.ways.values() for x, _ in way]
    left, right = min([*rails, *(x for x, _ in extents)]), max([*rails, *(x for _, x in extents)])
    return Placed(
        Extent(-left, right, found.height),
        [entry for member in members for entry in member.boxes],
        [entry for member in members for entry in member.frames],
        ways,
        {key: found.axes[node] for key, node in first.items()},
        {key: found.axes[node] for key, node in last.items()},
    )


def _member(item: Item, edges: list[Edge], size_of: Callable[[Box], tuple[int, int]]) -> Placed:
    """A box, or a frame with what is in it, between the band with its name and its lower border."""
    if isinstance(item, Box):
        width, tall = size_of(item)
        box = Rectangle(-width // 2, 0, width, tall)
        return Placed(Extent(width // 2, width // 2, tall), [(item, box)], [], {}, {}, {})
    keys = {box.key for box in boxes_of(item)}
    content = lay_out(item, [edge for edge in edges if not keys.isdisjoint(edge)], size_of)
    gates = [*content.entries.values(), *content.exits.values()]
    left, right, height = content.extent
    axis = round(fmean(gates or [(right - left) / 2]))
    top = BAND if content.entries else BAND + _PADDING
    bottom = top + height + (0 if content.exits else _PADDING)
    extent = Extent(left + axis + _PADDING, right - axis + _PADDING, bottom)
    frame = Rectangle(-extent.left, 0, extent.left + extent.right, bottom)
    moved = content.moved(-axis, top)
    return moved._replace(extent=extent, frames=[(item, frame), *moved.frames])
