"""A network as a picture of boxes and arrows, from top to bottom, in an SVG file that needs nothing else."""

from graphlib import TopologicalSorter

from eyebright.network import Network
from eyebright.report.diagram import svg
from eyebright.report.diagram.blocks import Box, Edge, Frame, boxes_of, fold
from eyebright.report.diagram.labels import Strip, counted, dimensions, name_within, parameters_of, strips_of
from eyebright.report.diagram.layout import lay_out
from eyebright.report.network_table import short


def draw_diagram(network: Network, *, title: str, depth: int = 1) -> str:
    """The network as the text of an SVG file, the same for the same network.

    Args:
        network: What to draw.
        title: Stands above it.
        depth: How many levels of blocks to see: at 1 each outer block (the first part of dotted names) is a box, at 2
            it is a frame around its own blocks, and so on; beyond the last level every layer is seen.

    Raises:
        SettingsError: When the depth is below 1.
    """
    root = fold(network, depth)
    edges = _edges(network, boxes_of(root))
    skips = _skips(edges)
    strips = _strips(network, root)
    width = svg.width_of(strips.values())
    placed = lay_out(root, edges, lambda box: (width, svg.height_of(strips[box.key])))
    titles = _titles(network, root)
    drawn = [svg.frame(rectangle) for _, rectangle in placed.frames]
    ways = sorted(
        placed.ways.items(), key=lambda way: way[0] not in skips
    )  # where others run along skips, they cover them
    drawn += [svg.edge(edge, way, skip=edge in skips) for edge, way in ways]
    drawn += [svg.band(rectangle, titles[frame.name], frame.name) for frame, rectangle in placed.frames]
    drawn += [svg.box(rectangle, strips[box.key], box.name, box.layers) for box, rectangle in placed.boxes]
    kinds = dict.fromkeys(strip.kind for box in strips.values() for strip in box)
    return svg.page(drawn, placed.extent, title=title, subtitle=_totals(network), kinds=kinds, skips=bool(skips))


def _edges(network: Network, boxes: list[Box]) -> list[Edge]:
    """Who reads from whom, among boxes."""
    owner = {layer: box.key for box in boxes for layer in box.layers}
    pairs = ((owner[source], owner[name]) for name, place in network.places.items() for source in place.inputs)
    return list(dict.fromkeys((source, target) for source, target in pairs if source != target))


def _skips(edges: list[Edge]) -> set[Edge]:
    """The edges beside which a longer way leads to the same box."""
    sources: dict[str, list[str]] = {}
    for source, target in edges:
        sources.setdefault(target, []).append(source)
    before: dict[str, set[str]] = {}
    for key in TopologicalSorter(sources).static_order():
        before[key] = {key}.union(*(before[source] for source in sources.get(key, ())))
    return {
        (source, target)
        for source, target in edges
        if any(source in before[other] for other in sources[target] if other != source)
    }


def _strips(network: Network, frame: Frame) -> dict[str, list[Strip]]:
    """What each box says, by its key."""
    strips: dict[str, list[Strip]] = {}
    for item in frame.items:
        if isinstance(item, Box):
            strips[item.key] = strips_of(network, item, frame.name)
        else:
            strips |= _strips(network, item)
    return strips


def _titles(network: Network, frame: Frame) -> dict[str, tuple[str, str]]:
    """What stands in the band of each frame, by its name."""
    titles: dict[str, tuple[str, str]] = {}
    for item in frame.items:
        if isinstance(item, Frame):
            places = [network.places[layer] for box in boxes_of(item) for layer in box.layers]
            titles[item.name] = (name_within(item.name, frame.name), counted(parameters_of(places)))
            titles |= _titles(network, item)
    return titles


def _totals(network: Network) -> str:
    shapes = f"{dimensions(network.input_shape)} → {dimensions(network.output_shape)}"
    sums = f"{counted(network.parameter_count) or 'no params'}, {short(network.multiply_adds) or 'no'} multiply-adds"
    return f"{shapes}, {len(network.places)} layers, {sums}"
