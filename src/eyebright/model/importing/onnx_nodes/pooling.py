"""ONNX's pools and means."""

from eyebright.model.importing.assembly import Assembly, Value
from eyebright.model.importing.onnx_nodes.node import OnnxNode, of
from eyebright.network import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, GlobalAvgPool2d, Layer, MaxPool2d
from eyebright.network.layers.windows import Padding, slide
from eyebright.system.errors import NetworkError


@of("MaxPool", "AveragePool")
def _pool(network: Assembly, node: OnnxNode) -> Value:
    read = node.value()
    node.require(dilations=([1, 1],), storage_order=(0,))
    kernel, stride, ceil = node.pair("kernel_shape"), node.pair("strides"), bool(node.settings.get("ceil_mode", 0))
    before, after = node.pads()
    padding: Padding = before
    if node.settings.get("auto_pad") == "SAME_UPPER":
        padding = "same"
    elif before != after:
        same = slide(read.shape, kernel, stride, "same")
        if (same.before, same.after) != (before, after) or ceil:
            raise NetworkError(f"pads={node.settings['pads']} is not supported: it differs between opposite sides")
        padding = "same"
    if node.kind == "MaxPool":
        return network.add(MaxPool2d(kernel, stride, padding, ceil, name=node.name), read)
    counted = bool(node.settings.get("count_include_pad", 0))
    return network.add(AvgPool2d(kernel, stride, padding, ceil, counted, name=node.name), read)


@of("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(network: Assembly, node: OnnxNode) -> Value:
    kind = AdaptiveMaxPool2d if "Max" in node.kind else AdaptiveAvgPool2d
    return network.add(kind(1, name=node.name), node.value())


@of("ReduceMean")
def _mean(network: Assembly, node: OnnxNode) -> Value:
    read, axes = node.value(), node.whole(1, "axes")
    if len(read.shape) != 3 or {axis % 4 for axis in axes} != {2, 3}:
        raise NetworkError(f"a mean over the axes {axes} is not supported: only over height and width")
    made: Layer = AdaptiveAvgPool2d(1, name=node.name)
    return network.add(made if node.settings.get("keepdims", 1) else GlobalAvgPool2d(name=node.name), read)
