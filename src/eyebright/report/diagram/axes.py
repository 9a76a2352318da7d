"""Where the nodes of a layered drawing stand from left to right."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import accumulate, pairwise
from statistics import fmean
from typing import NamedTuple, TypeAlias

FIRM, FREE, RAIL = 1e8, 1e4, 1.0  # how much a node on the longest way, another one, and a rail resist being moved
_BETWEEN = 18  # pixels from node to node in a row
_ROUNDS = 3

_Near: TypeAlias = dict[int, list[tuple[int, float]]]


class Extent(NamedTuple):
    """Pixels that a node needs: to the left and to the right of its axis, and its height."""

    left: float
    right: float
    height: float


class Link(NamedTuple):
    """From a node to one in the next row; `leave` and `enter` say where, in pixels from their axes."""

    upper: int
    lower: int
    leave: float
    enter: float


def axes_of(
    rows: list[list[int]], links: list[Link], extents: list[Extent], firmness: list[float], routes: Iterable[list[int]]
) -> list[float]:
    """The axis of each node, in whole pixels: under those above it, as far as its neighbours in the row allow.

    Args:
        rows: Nodes from left to right, rows from top to bottom.
        links: From row to row.
        extents: Of each node.
        firmness: How much each node resists being moved by its neighbours, and is followed by those it is linked to.
        routes: Of wires; the nodes between their ends are rails, which should be straight.
    """
    above: _Near = {node: [] for row in rows for node in row}
    below: _Near = {node: [] for row in rows for node in row}
    for upper, lower, leave, enter in links:
        above[lower].append((upper, leave - enter))
        below[upper].append((lower, enter - leave))
    rails = {route[1]: route for route in sorted(routes, key=len) if len(route) > 2}  # of each the longest wire
    axes = [0.0] * len(extents)
    for _ in range(_ROUNDS):
        for row in rows:
            _place(row, axes, extents, firmness, partial(_wish, axes, firmness, above))
        for row in reversed(rows):
            _place(row, axes, extents, firmness, partial(_wish, axes, firmness, below))
    for _ in range(_ROUNDS):
        straight = dict(enumerate(axes)) | {node: x for route in rails.values() for node, x in _straight(route, axes)}
        for row in rows:
            _place(row, axes, extents, firmness, straight.__getitem__)
    return [float(round(x)) for x in axes]


def _wish(axes: list[float], firmness: list[float], near: _Near, node: int) -> float:
    """Where a node stands straight below (or above) the mean of its firmest neighbours."""
    firmest = max((firmness[other] for other, _ in near[node]), default=0)
    wishes = [axes[other] + shift for other, shift in near[node] if firmness[other] == firmest]
    return fmean(wishes or [axes[node]])


def _straight(route: list[int], axes: list[float]) -> list[tuple[int, float]]:
    """For all of a rail the place that is farthest from where it leads: its beginning's or that in one of its rows."""
    _, *rail, end = route
    places = [axes[node] for node in route[:-1]]
    to_the_right = sum(axes[node] for node in rail) >= len(rail) * axes[end]
    x = max(places) if to_the_right else min(places)
    return [(node, x) for node in rail]


def _place(
    row: list[int],
    axes: list[float],
    extents: list[Extent],
    firmness: list[float],
    wish: Callable[[int], float],
) -> None:
    """Place a row as near to its wishes as distances allow: least squares, by pooling those that are out of order."""
    steps = [extents[left].right + extents[right].left + _BETWEEN for left, right in pairwise(row)]
    shifts = list(accumulate(steps, initial=0.0))
    pools: list[tuple[float, float, int]] = []  # sum of weights, weighted mean, how many
    for node, shift in zip(row, shifts, strict=False):
        weight, mean, count = firmness[node], wish(node) - shift, 1
        while pools and pools[-1][1] > mean:
            other, its_mean, more = pools.pop()
            mean = (weight * mean + other * its_mean) / (weight + other)
            weight, count = weight + other, count + more
        pools.append((weight, mean, count))
    means = [mean for _, mean, count in pools for _ in range(count)]
    for node, mean, shift in zip(row, means, shifts, strict=False):
        axes[node] = mean + shift
