"""LiteRT operators of convolutions."""

import numpy as np

from eyebright.network.layers import Conv2d
from eyebright.network.litert.graph import Graph, Site, emit
from eyebright.network.litert.windows import sliding


@emit.register
def _(layer: Conv2d, site: Site, graph: Graph) -> str:
    """A kernel is `(out_channels, H, W, in_channels / groups)`, a depthwise one `(1, H, W, out_channels)`."""
    in_channels = site.place.input_shapes[0][0]
    depthwise = 1 < layer.groups == in_channels
    kernel = site.weights["weight"].transpose((1, 2, 3, 0) if depthwise else (0, 2, 3, 1))
    weight = graph.weight(f"{site.output}.weight", kernel)
    bias = graph.constant(f"{site.output}.bias", site.weights.get("bias", np.zeros(layer.out_channels)))
    source, options = sliding(graph, site, layer.window(site.place.input_shapes[0]))
    vertical, horizontal = layer.effective_dilation
    options |= {"dilation_h_factor": vertical, "dilation_w_factor": horizontal}
    if depthwise:
        options["depth_multiplier"] = layer.out_channels // in_channels
    kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    return graph.add(kind, [source, weight, bias], site.output, shape=site.shape, **options)
