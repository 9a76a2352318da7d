"""Keras layers of convolutions."""

from typing import Any

from eyebright.network.graph import Place
from eyebright.network.keras.graph import Graph, Tensors, emit, refuse
from eyebright.network.layers import Conv2d
from eyebright.network.layers.windows import as_pair, beyond_image, named_padding


@emit.register
def _(layer: Conv2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    """Padding without a name in Keras becomes a layer; a convolution of each channel by itself has its own class."""
    shape = place.input_shapes[0]
    window, padding = layer.window(shape), named_padding(layer.window(shape), shape)
    if max(window.stride) > 1 and max(layer.effective_dilation) > 1:
        raise refuse(layer, "has both a stride and dilation")
    if padding is None:
        inputs = [graph.pad(inputs[0], output, shape, window.before, beyond_image(window, shape))]
    settings: dict[str, Any] = {
        "kernel_size": as_pair(layer.kernel_size),
        "strides": window.stride,
        "padding": padding or "valid",
        "dilation_rate": layer.effective_dilation,
        "use_bias": layer.bias,
        "data_format": "channels_last",
    }
    weight, *bias = tensors  # (out_channels, in_channels / groups, height, width)
    if layer.groups == shape[0] > 1 and window.stride[0] == window.stride[1]:
        each = layer.out_channels // shape[0]
        kernel = weight.reshape(shape[0], each, *weight.shape[2:]).transpose(2, 3, 0, 1)
        graph.add("DepthwiseConv2D", inputs, output, place.shape, kernel, *bias, depth_multiplier=each, **settings)
        return
    kernel = weight.transpose(2, 3, 1, 0)
    settings |= {"filters": layer.out_channels, "groups": layer.groups}
    graph.add("Conv2D", inputs, output, place.shape, kernel, *bias, **settings)
