"""How windows that slide are written: LiteRT pads like TensorFlow, other padding is an operator of its own."""

from typing import Any

import numpy as np

from eyebright.network.layer import channels_last
from eyebright.network.layers.windows import Window, beyond_image, named_padding
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
    source, shape = site.inputs[0], site.place.input_shapes[0]
    name = named_padding(window, shape)
    if name == "valid":
        return source, options
    if name == "same" and not inside:
        return source, options | {"padding": SAME}
    after = (max(last, 0) for last in beyond_image(window, shape))
    amounts = np.array([(0, 0), *zip(window.before, after, strict=True), (0, 0)])
    inputs = [source, graph.constant(f"{site.output}.pads", amounts, "int32")]
    if fill:
        inputs.append(graph.constant(f"{site.output}.fill", fill))
    padded = tuple(int(size) for size in np.array((1, *channels_last(shape))) + amounts.sum(axis=1))
    return graph.step("PADV2" if fill else "PAD", inputs, f"{site.output}_padded", shape=padded), options
