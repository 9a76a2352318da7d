"""ONNX nodes after the maps of a detector: scores, and boxes in pixels of the input."""

import numpy as np

from eyebright.network.detecting import BOX_CHANNELS, BOXES, LARGEST, SCORES, Detecting, centres, outward
from eyebright.network.layer import Shape
from eyebright.network.onnx.graph import Graph


def add_detecting(graph: Graph, detecting: Detecting, maps: str, shape: Shape) -> None:
    """Add the nodes that come from maps to scores and boxes; the formulas are in `eyebright.network.detecting`.

    Args:
        graph: The graph to add nodes to.
        detecting: What comes after the maps.
        maps: Their name, `(N, *shape)`.
        shape: `(classes + 4, height, width)`.
    """
    classes = shape[0] - BOX_CHANNELS
    graph.add("Sigmoid", [_channels(graph, maps, "logits", 0, classes)], SCORES)
    sides = _channels(graph, maps, "sides", classes, shape[0])
    limited = graph.add("Min", [sides, graph.values("largest", LARGEST)], graph.fresh("limited_sides"))
    reach = graph.add("Exp", [limited], graph.fresh("reach"))
    signed = graph.add("Mul", [reach, graph.values("outward", outward(detecting))], graph.fresh("signed_distances"))
    graph.add("Add", [signed, graph.values("centres", centres(detecting, *shape[1:]))], BOXES)


def _channels(graph: Graph, maps: str, name: str, start: int, end: int) -> str:
    bounds = {"start": start, "end": end, "axis": 1}
    constants = [graph.constant(graph.fresh(f"{name}.{key}"), np.array([value])) for key, value in bounds.items()]
    return graph.add("Slice", [maps, *constants], graph.fresh(name))
