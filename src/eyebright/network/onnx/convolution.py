"""ONNX nodes of convolutions."""

import numpy as np

from eyebright.network.graph import Place
from eyebright.network.layers import Conv2d
from eyebright.network.layers.windows import Pair, as_pair
from eyebright.network.onnx.graph import Graph, emit


@emit.register
def _(layer: Conv2d, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    window = layer.window(place.input_shapes[0])
    # OpenVINO (2026.4) mixes up rows of images with one channel if the output has one row or column. In this case,
    # convolve without stride and select rows and columns afterwards.
    sliced = window.stride != (1, 1) and place.input_shapes[0][0] == 1 and 1 in window.counts
    result = graph.fresh(f"{output}_everywhere") if sliced else output
    graph.add(
        "Conv",
        inputs,
        result,
        kernel_shape=list(as_pair(layer.kernel_size)),
        strides=[1, 1] if sliced else list(window.stride),
        dilations=list(layer.effective_dilation),
        pads=[*window.before, *window.after],
        group=layer.groups,
    )
    if sliced:
        _slice(graph, result, output, window.stride)


def _slice(graph: Graph, source: str, output: str, step: Pair) -> None:
    """Select every `step`-th row and column."""
    settings = {"starts": [0, 0], "ends": [2**31, 2**31], "axes": [2, 3], "steps": step}
    constants = [graph.constant(graph.fresh(f"{output}.{name}"), np.array(value)) for name, value in settings.items()]
    graph.add("Slice", [source, *constants], output)
