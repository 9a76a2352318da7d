"""Keras's convolutions and dense layers."""

from eyebright.model.importing.assembly import Assembly, Value
from eyebright.model.importing.keras_layers.activations import activated
from eyebright.model.importing.keras_layers.layer import Array, StoredLayer, in_order, of, only
from eyebright.network import Conv2d, Layer, Linear
from eyebright.system.errors import NetworkError


@of("Conv2D")
def _conv(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last",))
    tensors = layer.take("kernel", *_bias(layer))
    made = Conv2d(
        layer.get("filters"), layer.pair("kernel_size"), layer.pair("strides"), layer.padding(),
        layer.pair("dilation_rate"), layer.get("groups", 1), bool(layer.get("use_bias", True)), name=layer.name,
    )  # fmt: skip
    tensors["weight"] = _turned(tensors.pop("kernel"))
    return activated(network, layer, network.add(made, only(inputs), tensors=tensors))


@of("DepthwiseConv2D")
def _depthwise(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    tensors = layer.take("kernel", *_bias(layer))
    return activated(network, layer, _add_depthwise(network, layer, layer.name, only(inputs), tensors))


@of("SeparableConv2D", "SeparableConvolution2D")
def _separable(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    tensors = layer.take("depthwise", "pointwise", *_bias(layer))
    depthwise = _add_depthwise(
        network, layer, f"{layer.name}_depthwise", only(inputs), {"kernel": tensors.pop("depthwise")}
    )
    pointwise = Conv2d(layer.get("filters"), 1, bias="bias" in tensors, name=layer.name)
    tensors["weight"] = _turned(tensors.pop("pointwise"))
    return activated(network, layer, network.add(pointwise, depthwise, tensors=tensors))


def _add_depthwise(network: Assembly, layer: StoredLayer, name: str, read: Value, tensors: dict[str, Array]) -> Value:
    """A depthwise convolution, whose kernel `(height, width, channels, multiplier)` gives channel after channel."""
    layer.require(data_format=("channels_last",))
    kernel, channels = tensors.pop("kernel"), read.shape[0]
    if kernel.ndim != 4 or kernel.shape[2] != channels:
        raise NetworkError(f"expected a kernel for {channels} channels, got {kernel.shape}")
    tensors["weight"] = kernel.transpose(2, 3, 0, 1).reshape(-1, 1, *kernel.shape[:2])
    made = Conv2d(
        channels * layer.get("depth_multiplier", 1), layer.pair("kernel_size"), layer.pair("strides"),
        layer.padding(), layer.pair("dilation_rate"), channels, "bias" in tensors, name=name,
    )  # fmt: skip
    return network.add(made, read, tensors=tensors)


@of("Dense")
def _dense(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    """A dense layer; on maps it is a convolution with a kernel of one pixel."""
    read, tensors = only(inputs), layer.take("kernel", *_bias(layer))
    kernel, bias = tensors.pop("kernel"), "bias" in tensors
    if kernel.ndim != 2:
        raise NetworkError(f"expected a kernel (inputs, units), got {kernel.shape}")
    if len(read.shape) == 3:
        made: Layer = Conv2d(layer.get("units"), 1, bias=bias, name=layer.name)
        tensors["weight"] = kernel.T[:, :, None, None]
    else:
        made = Linear(layer.get("units"), bias, name=layer.name)
        tensors["weight"] = in_order(kernel, read).T
    return activated(network, layer, network.add(made, read, tensors=tensors))


def _bias(layer: StoredLayer) -> tuple[str, ...]:
    return ("bias",) if layer.get("use_bias", True) else ()


def _turned(kernel: Array) -> Array:
    """(height, width, in, out) as (out, in, height, width)."""
    if kernel.ndim != 4:
        raise NetworkError(f"expected a kernel (height, width, in, out), got {kernel.shape}")
    return kernel.transpose(3, 2, 0, 1)
