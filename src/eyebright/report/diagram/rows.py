"""Layered drawing of a graph: rows from top to bottom, an order in each row, places, and ways that cross no node.

Source: Sugiyama et al. 1981, "Methods for Visual Understanding of Hierarchical System Structures": rows by the longest
way from the top, order by the barycentre of neighbours. Where a wire passes rows between its ends, it runs down a rail
that has a place of its own in each of them; all wires that carry the same value share it.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable
from graphlib import TopologicalSorter
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple, TypeAlias

from eyebright.report.diagram.axes import FIRM, FREE, RAIL, Extent, Link, axes_of

Point: TypeAlias = tuple[float, float]

_FALL, _MOST_FALL = 22, 110  # pixels from row to row
_STEEP = 0.12  # further pixels for each that a wire moves to the side
_SWEEPS = 6


class Wire(NamedTuple):
    """Leads from node to node; `leave` and `enter` say where, in pixels from their axes. `value` is what it carries."""

    source: int
    target: int
    value: str
    leave: float = 0
    enter: float = 0


class Arranged(NamedTuple):
    """Axes and tops of all nodes, points along each wire (straight down or on to the next row), and the height."""

    axes: list[float]
    tops: list[float]
    ways: dict[Wire, list[Point]]
    height: float


def arrange(
    extents: list[Extent], wires: list[Wire], *, first: Iterable[int] = (), last: Iterable[int] = ()
) -> Arranged:
    """Places for nodes and ways for the wires between them.

    Args:
        extents: Of each node.
        wires: Without cycles.
        first: Nodes that have the top row to themselves.
        last: Nodes that have the bottom row to themselves.
    """
    ranks, firmness = _ranks(len(extents), wires, set(first), set(last))
    extents = list(extents)
    routes = _rails(extents, ranks, wires)
    firmness += [RAIL] * (len(extents) - len(firmness))
    links = _links(routes)
    rows: list[list[int]] = [[] for _ in range(max(ranks) + 1)]
    for node, rank in enumerate(ranks):
        rows[rank].append(node)
    rows = _ordered(rows, links)
    axes = axes_of(rows, links, extents, firmness, routes.values())
    tops, begins, ends = _heights(rows, links, extents, axes)
    ways = {}
    for wire, route in routes.items():
        begin, end = axes[wire.source] + wire.leave, axes[wire.target] + wire.enter
        down = [(axes[node], begins[ranks[node]], ends[ranks[node]]) for node in route[1:-1]]
        ways[wire] = _way(
            (begin, tops[wire.source] + extents[wire.source].height, ends[ranks[wire.source]]),
            *down,
            (end, begins[ranks[wire.target]], tops[wire.target]),
        )
    return Arranged(axes, tops, ways, ends[-1])


def _ranks(count: int, wires: list[Wire], first: set[int], last: set[int]) -> tuple[list[int], list[float]]:
    """The row of each node by the longest way that leads to it, and how firmly it should stay in its place."""
    above: dict[int, list[int]] = {node: [] for node in range(count)}
    for wire in wires:
        above[wire.target].append(wire.source)
    order = list(TopologicalSorter(above).static_order())
    ranks, ahead = [0] * count, [0] * count
    for node in order:
        ranks[node] = max([int(bool(first) and node not in first), *(ranks[source] + 1 for source in above[node])])
    for node in reversed(order):
        for source in above[node]:
            ahead[source] = max(ahead[source], ahead[node] + 1)
    bottom = max((rank for node, rank in enumerate(ranks) if node not in last), default=-1) + 1
    longest = max(rank + more for rank, more in zip(ranks, ahead, strict=True))
    firmness = [FIRM if rank + more == longest else FREE for rank, more in zip(ranks, ahead, strict=True)]
    return [bottom if node in last else rank for node, rank in enumerate(ranks)], firmness


def _rails(extents: list[Extent], ranks: list[int], wires: list[Wire]) -> dict[Wire, list[int]]:
    """The nodes that each wire passes, from its source to its target; those of rails are added to extents and ranks."""
    rails: dict[tuple[int, str, int], int] = {}
    routes = {}
    for wire in wires:
        route = [wire.source]
        for rank in range(ranks[wire.source] + 1, ranks[wire.target]):
            node = rails.setdefault((wire.source, wire.value, rank), len(extents))
            if node == len(extents):
                extents.append(Extent(0, 0, 0))
                ranks.append(rank)
            route.append(node)
        routes[wire] = [*route, wire.target]
    return routes


def _links(routes: dict[Wire, list[int]]) -> list[Link]:
    """From row to row, each once."""
    links: dict[Link, None] = {}
    for wire, route in routes.items():
        offsets = [wire.leave, *[0.0] * (len(route) - 2), wire.enter]
        for lower in range(len(route) - 1, 0, -1):
            link = Link(route[lower - 1], route[lower], offsets[lower - 1], offsets[lower])
            if link in links:
                break  # and so are those above it on the same rail
            links[link] = None
    return list(links)


def _way(*verticals: tuple[float, float, float]) -> list[Point]:
    """The corners of a way that is vertical at these x, from one y to another."""
    way: list[Point] = []
    for x, y, end in verticals:
        if way and way[-1][0] == x:
            way[-1] = x, end
        else:
            way += [(x, y), (x, end)]
    return way


def _ordered(rows: list[list[int]], links: list[Link]) -> list[list[int]]:
    """The order with the fewest crossings of several."""
    above: dict[int, list[int]] = {node: [] for row in rows for node in row}
    below: dict[int, list[int]] = {node: [] for row in rows for node in row}
    for link in links:
        above[link.lower].append(link.upper)
        below[link.upper].append(link.lower)
    best, least = rows, _crossings(rows, below)
    rows = [list(row) for row in rows]
    for sweep in range(_SWEEPS):
        if not least:
            break
        near = below if sweep % 2 else above
        at = {node: index for row in rows for index, node in enumerate(row)}
        for row in reversed(rows) if sweep % 2 else rows:
            centres = {node: fmean([at[other] for other in near[node]] or [at[node]]) for node in row}
            row.sort(key=centres.__getitem__)
            at |= {node: index for index, node in enumerate(row)}
        crossings = _crossings(rows, below)
        if crossings < least:
            best, least = [list(row) for row in rows], crossings
    return best


def _crossings(rows: list[list[int]], below: dict[int, list[int]]) -> int:
    total = 0
    for upper, lower in pairwise(rows):
        at = {node: index for index, node in enumerate(lower)}
        seen: list[int] = []
        for node in upper:
            ends = sorted(at[other] for other in below[node])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _heights(
    rows: list[list[int]], links: list[Link], extents: list[Extent], axes: list[float]
) -> tuple[list[float], list[float], list[float]]:
    """Top of each node, in the middle of its row; where each row begins and ends."""
    rank = {node: index for index, row in enumerate(rows) for node in row}
    falls = [float(_FALL)] * (len(rows) - 1)
    for link in links:
        aside = abs(axes[link.upper] + link.leave - axes[link.lower] - link.enter)
        at = rank[link.upper]
        falls[at] = max(falls[at], min(_FALL + round(_STEEP * aside), _MOST_FALL))
    tops, begins, ends = [0.0] * len(extents), [0.0], []
    for row, fall in zip(rows, [*falls, 0.0], strict=True):
        height = max((extents[node].height for node in row), default=0)
        for node in row:
            tops[node] = begins[-1] + (height - extents[node].height) // 2
        ends.append(begins[-1] + height)
        begins.append(ends[-1] + fall)
    return tops, begins, ends
