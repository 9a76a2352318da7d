"""ONNX's convolutions and products of matrices."""

from eyebright.model.importing.assembly import Assembly, Value
from eyebright.model.importing.onnx_nodes.node import Array, OnnxNode, of
from eyebright.network import Conv2d, Linear, ZeroPad2d
from eyebright.network.layers.windows import Padding, extent
from eyebright.system.errors import NetworkError


@of("Conv")
def _conv(network: Assembly, node: OnnxNode) -> Value:
    read, weight = node.value(), node.constant(1)
    if weight.ndim != 4:
        raise NetworkError(f"expected weights (out, in, height, width), got {weight.shape}")
    tensors = {"weight": weight} | ({"bias": node.constant(2)} if len(node.given) > 2 else {})
    kernel = (int(weight.shape[2]), int(weight.shape[3]))
    stride, dilation = node.pair("strides"), node.pair("dilations")
    before, after = node.pads()
    padding: Padding = before
    most = [length - 1 for length in extent(kernel, dilation)]
    if node.settings.get("auto_pad") == "SAME_UPPER":
        padding = "same"
    elif before != after or before[0] > most[0] or before[1] > most[1]:
        sides = (before[1], after[1], before[0], after[0])
        read, padding = network.add(ZeroPad2d(sides, name=f"{node.name}_pad"), read), 0
    groups = node.settings.get("group", 1)
    made = Conv2d(len(weight), kernel, stride, padding, dilation, groups, "bias" in tensors, name=node.name)
    return network.add(made, read, tensors=tensors)


@of("Gemm")
def _gemm(network: Assembly, node: OnnxNode) -> Value:
    node.require(alpha=(1.0,), beta=(1.0,), transA=(0,))
    weight = node.constant(1)
    return _linear(network, node, weight if node.settings.get("transB", 0) else weight.T, 2)


@of("MatMul")
def _product(network: Assembly, node: OnnxNode) -> Value:
    """A dense layer; where a constant is added to its result, that is the third input here."""
    return _linear(network, node, node.constant(1).T, 2)


def _linear(network: Assembly, node: OnnxNode, weight: Array, bias: int) -> Value:
    if weight.ndim != 2:
        raise NetworkError(f"expected a matrix of weights, got {weight.shape}")
    tensors = {"weight": weight} | ({"bias": node.constant(bias).reshape(-1)} if len(node.given) > bias else {})
    made = Linear(len(weight), "bias" in tensors, name=node.name)
    return network.add(made, node.value(), tensors=tensors)
