"""How windows that slide are written: LiteRT pads like TensorFlow, other padding is an operator of its own."""

from typing import Any

import numpy as np

from eyebright.network.layers.windows import Window
from eyebright.network.litert.graph import Graph, Site
from eyebright.network.litert.schema import SAME, VALID


def sliding(
    graph: Graph, site: Site, window: Window, *, fill: float = 0.0, inside: bool = False
) -> tuple[str, dict[str, Any]]:
    """Pad the first input of a layer where that takes an operator.

    Args:
        graph: The graph.
        site: The layer.
        window: Its window.
        fill: The value outside the image.
        inside: Whether what lies outside may count as well as not: windows must not be cut at the border.

    Returns:
        The name of what the window slides over, and the options "padding", "stride_h" and "stride_w".
    """
    options: dict[str, Any] = {"padding": VALID, "stride_h": window.stride[0], "stride_w": window.stride[1]}
    after = tuple(first + second for first, second in zip(window.after, window.beyond, strict=True))
    source, shape = site.inputs[0], graph.tensors[site.inputs[0]].shape
    if not any(window.before + after):
        return source, options
    if not inside and padded_like_tensorflow(window, shape[1:3]):
        return source, options | {"padding": SAME}
    amounts = np.array([(0, 0), *zip(window.before, after, strict=True), (0, 0)])
    inputs = [source, graph.constant(f"{site.output}.pads", amounts, "int32")]
    if fill:
        inputs.append(graph.constant(f"{site.output}.fill", fill))
    padded = tuple(int(size) for size in np.array(shape) + amounts.sum(axis=1))
    return graph.step("PADV2" if fill else "PAD", inputs, f"{site.output}_padded", shape=padded), options


def padded_like_tensorflow(window: Window, sizes: tuple[int, ...]) -> bool:
    """Whether TensorFlow's padding "SAME" gives the positions of a window over an image of these sizes."""
    for size, kernel, stride, before, count in zip(
        sizes, window.kernel, window.stride, window.before, window.counts, strict=True
    ):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        if (count, before) != (-(-size // stride), total // 2):
            return False
    return True
