"""TensorFlow operations of convolutions. Its kernels are `(height, width, in_channels / groups, out_channels)`."""

from collections.abc import Mapping

from eyebright.network.graph import Place
from eyebright.network.layers import Conv2d
from eyebright.network.layers.windows import beyond_image, named_padding
from eyebright.network.tensorflow.basic import add_bias, concatenate
from eyebright.network.tensorflow.graph import Graph, Tensors, emit


@emit.register
def _(layer: Conv2d, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    """Depthwise with equal strides and no dilation it is an operation of its own; other groups are split and joined."""
    shape = place.input_shapes[0]
    window, padding = layer.window(shape), named_padding(layer.window(shape), shape)
    source = inputs[0]
    if padding is None:
        source = graph.pad(source, output, window.before, beyond_image(window, shape))
    settings = {
        "strides": [1, *window.stride, 1],
        "dilations": [1, *layer.effective_dilation, 1],
        "padding": "SAME" if padding == "same" else "VALID",
    }
    result = graph.fresh(f"{output}/product") if layer.bias else output
    weight = tensors["weight"]
    if layer.groups == 1:
        kernel = graph.variable(f"{output}/weight", weight.transpose(2, 3, 1, 0))
        graph.add("Conv2D", [source, kernel], result, **settings)
    elif layer.groups == shape[0] and window.stride[0] == window.stride[1] and max(layer.effective_dilation) == 1:
        each = weight.reshape(shape[0], -1, *weight.shape[2:])
        kernel = graph.variable(f"{output}/weight", each.transpose(2, 3, 0, 1))
        graph.add("DepthwiseConv2dNative", [source, kernel], result, **settings)
    else:
        _add_groups(graph, source, tensors, layer.groups, result, settings)
    add_bias(graph, result, tensors, output)


def _add_groups(
    graph: Graph, source: str, tensors: Tensors, groups: int, output: str, settings: Mapping[str, object]
) -> None:
    """Add a convolution for each group of channels; each has its part of the weight as a variable."""
    axis, parts = graph.whole(f"{output}/axis", 3), graph.fresh(f"{output}/split")
    graph.add("Split", [axis, source], parts, num_split=groups)
    found = []
    for group, weight in enumerate(tensors["weight"].reshape(groups, -1, *tensors["weight"].shape[1:])):
        kernel = graph.variable(f"{output}/weight_{group}", weight.transpose(2, 3, 1, 0))
        result = graph.fresh(f"{output}/group_{group}")
        found.append(graph.add("Conv2D", [f"{parts}:{group}", kernel], result, **settings))
    concatenate(graph, found, 3, output)
