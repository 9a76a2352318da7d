"""What each layer of Keras becomes here. Keras has channels last: kernels, axes and flattened maps are turned.

`translate` looks a layer up by its class; a class that is not in the table is refused.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.model.importing.assembly import Assembly, Value, affine, per_channel
from eyebright.network import (
    ELU,
    GELU,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    Hardsigmoid,
    Hardswish,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Multiply,
    Normalize,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Unflatten,
    Upsample,
    ZeroPad2d,
)
from eyebright.system.errors import ModelError, NetworkError

Array: TypeAlias = NDArray[np.float32]
_OLD_HARD_SIGMOID = 1.2  # Keras 2 has a slope of 0.2, Keras 3 and PyTorch of 1 / 6
_NORMALIZATION_EPS = 1e-7  # of Keras's Normalization, on the standard deviation
_MOST_FEATURES = 10_000_000  # of a vector, since an altered file may claim images of any size


class KerasLayer(NamedTuple):
    """A layer as a file describes it.

    Args:
        kind: Its class.
        name: Its name here.
        settings: Its configuration.
        tensors: Its weights, in Keras's order.
        major: The main version of Keras.
    """

    kind: str
    name: str
    settings: dict[str, Any]
    tensors: Sequence[Array]
    major: int

    def get(self, key: str, default: Any = None) -> Any:
        """One of its settings."""
        return self.settings.get(key, default)

    def require(self, **expected: Any) -> None:
        """Refuse the layer if a setting is given and has another value than these, each a tuple of accepted ones."""
        for key, accepted in expected.items():
            value = self.settings.get(key, accepted[0])
            if value not in accepted:
                raise NetworkError(f"{key}={value!r} is not supported, only {' or '.join(map(repr, accepted))}")

    def pair(self, key: str, default: Any = 1) -> Any:
        """A setting that is one number or (vertical, horizontal)."""
        value = self.settings.get(key, default)
        return tuple(value) if isinstance(value, list) else value

    def take(self, *names: str) -> dict[str, Array]:
        """Its tensors by these names, given in Keras's order."""
        if len(self.tensors) != len(names):
            raise NetworkError(f"expected the weights {', '.join(names) or 'none'}, got {len(self.tensors)} tensors")
        return dict(zip(names, self.tensors, strict=True))


Translation: TypeAlias = Callable[[Assembly, KerasLayer, list[Value]], Value]
_TABLE: dict[str, Translation] = {}


def translate(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    """Add what a layer of Keras does.

    Raises:
        ModelError: When the layer is not supported.
        NetworkError: When its settings, inputs or weights are not.
    """
    if layer.kind not in _TABLE:
        raise ModelError(unsupported(layer.kind, layer.name))
    if layer.kind != "Flatten" and any(value.channels_first for value in inputs):
        raise NetworkError("it reads maps that were turned to have channels first: only Flatten may do that")
    return _TABLE[layer.kind](network, layer, inputs)


def unsupported(kind: str, name: str) -> str:
    """The message that a class of layers is not supported, with those that are."""
    why = "it contains code, which is never run" if "Lambda" in kind else "eyebright has no such layer"
    return f"the layer {name!r} of the class {kind} cannot be imported: {why}. Supported: {', '.join(sorted(_TABLE))}"


def _of(*kinds: str) -> Callable[[Translation], Translation]:
    def register(function: Translation) -> Translation:
        _TABLE.update(dict.fromkeys(kinds, function))
        return function

    return register


def _only(inputs: list[Value]) -> Value:
    if len(inputs) != 1:
        raise NetworkError(f"expected one input, got {len(inputs)}")
    return inputs[0]


@_of("Conv2D")
def _conv(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last",))
    tensors = layer.take("kernel", *_bias(layer))
    made = Conv2d(
        layer.get("filters"), layer.pair("kernel_size"), layer.pair("strides"), layer.get("padding", "valid"),
        layer.pair("dilation_rate"), layer.get("groups", 1), bool(layer.get("use_bias", True)), name=layer.name,
    )  # fmt: skip
    tensors["weight"] = _turned(tensors.pop("kernel"))
    return _activated(network, layer, network.add(made, _only(inputs), tensors=tensors))


@_of("DepthwiseConv2D")
def _depthwise(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    tensors = layer.take("kernel", *_bias(layer))
    return _activated(network, layer, _add_depthwise(network, layer, layer.name, _only(inputs), tensors))


@_of("SeparableConv2D", "SeparableConvolution2D")
def _separable(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    tensors = layer.take("depthwise", "pointwise", *_bias(layer))
    depthwise = _add_depthwise(
        network, layer, f"{layer.name}_depthwise", _only(inputs), {"kernel": tensors.pop("depthwise")}
    )
    pointwise = Conv2d(layer.get("filters"), 1, bias="bias" in tensors, name=layer.name)
    tensors["weight"] = _turned(tensors.pop("pointwise"))
    return _activated(network, layer, network.add(pointwise, depthwise, tensors=tensors))


def _add_depthwise(network: Assembly, layer: KerasLayer, name: str, read: Value, tensors: dict[str, Array]) -> Value:
    """A depthwise convolution, whose kernel `(height, width, channels, multiplier)` gives channel after channel."""
    layer.require(data_format=("channels_last",))
    kernel, channels = tensors.pop("kernel"), read.shape[0]
    if kernel.ndim != 4 or kernel.shape[2] != channels:
        raise NetworkError(f"expected a kernel for {channels} channels, got {kernel.shape}")
    tensors["weight"] = kernel.transpose(2, 3, 0, 1).reshape(-1, 1, *kernel.shape[:2])
    made = Conv2d(
        channels * layer.get("depth_multiplier", 1), layer.pair("kernel_size"), layer.pair("strides"),
        layer.get("padding", "valid"), layer.pair("dilation_rate"), channels, "bias" in tensors, name=name,
    )  # fmt: skip
    return network.add(made, read, tensors=tensors)


@_of("Dense")
def _dense(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    """A dense layer; on maps it is a convolution with a kernel of one pixel."""
    read, tensors = _only(inputs), layer.take("kernel", *_bias(layer))
    kernel, bias = tensors.pop("kernel"), "bias" in tensors
    if kernel.ndim != 2:
        raise NetworkError(f"expected a kernel (inputs, units), got {kernel.shape}")
    if len(read.shape) == 3:
        made: Layer = Conv2d(layer.get("units"), 1, bias=bias, name=layer.name)
        tensors["weight"] = kernel.T[:, :, None, None]
    else:
        made = Linear(layer.get("units"), bias, name=layer.name)
        tensors["weight"] = _in_order(kernel, read).T
    return _activated(network, layer, network.add(made, read, tensors=tensors))


def _bias(layer: KerasLayer) -> tuple[str, ...]:
    return ("bias",) if layer.get("use_bias", True) else ()


def _turned(kernel: Array) -> Array:
    """(height, width, in, out) as (out, in, height, width)."""
    if kernel.ndim != 4:
        raise NetworkError(f"expected a kernel (height, width, in, out), got {kernel.shape}")
    return kernel.transpose(3, 2, 0, 1)


def _in_order(tensor: NDArray[Any], read: Value) -> NDArray[Any]:
    """A tensor with a row for each feature, in our order of them."""
    if read.order is None:
        return tensor
    if len(tensor) != len(read.order):
        raise NetworkError(f"expected weights for {len(read.order)} features, got {len(tensor)}")
    return tensor[read.order]


@_of("BatchNormalization", "SyncBatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2")
def _batch_norm(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    read = _only(inputs)
    layer.require(renorm=(False, None), axis=_last_axis(read))
    learned = [name for name, key in (("weight", "scale"), ("bias", "center")) if layer.get(key, True)]
    tensors = {name: _in_order(values, read) for name, values in layer.take(*learned, "mean", "var").items()}
    running = {"running_mean": tensors.pop("mean"), "running_var": tensors.pop("var")}
    neutral = {"weight": np.ones(read.shape[0], np.float32), "bias": np.zeros(read.shape[0], np.float32)}
    made = BatchNorm(layer.get("epsilon", 1e-3), 1 - layer.get("momentum", 0.99), name=layer.name)
    return network.add(made, read, order=read.order, tensors=neutral | tensors | running)


@_of("LayerNormalization")
def _layer_norm(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    read = _only(inputs)
    layer.require(axis=([1, 2, 3],) if len(read.shape) == 3 else _last_axis(read), rms_scaling=(False,))
    learned = [name for name, key in (("weight", "scale"), ("bias", "center")) if layer.get(key, True)]
    given = {name: _in_order(values, read) for name, values in layer.take(*learned).items()}
    if len(read.shape) == 3:
        given = {name: values.transpose(2, 0, 1) for name, values in given.items() if values.ndim == 3}
    neutral = {"weight": np.ones(read.shape, np.float32), "bias": np.zeros(read.shape, np.float32)}
    made = LayerNorm(layer.get("epsilon", 1e-3), name=layer.name)
    return network.add(made, read, order=read.order, tensors=neutral | given)


def _last_axis(read: Value) -> tuple[Any, ...]:
    """How Keras may say that an axis is that of the channels or features."""
    last = len(read.shape)
    return -1, last, [last], [-1]


@_of("Rescaling")
def _rescaling(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    return affine(network, layer.name, _only(inputs), layer.get("scale", 1.0), layer.get("offset", 0.0))


@_of("Normalization")
def _normalization(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    read = _only(inputs)
    layer.require(invert=(False,), axis=_last_axis(read))
    if layer.get("mean") is None:
        given = layer.take("mean", "variance", "count")
        mean, variance = (given[key].astype(np.float64) for key in ("mean", "variance"))
    else:
        mean, variance = (np.asarray(layer.get(key), np.float64) for key in ("mean", "variance"))
    std = np.maximum(np.sqrt(variance), _NORMALIZATION_EPS)
    if read.order is not None and mean.size > 1:  # one for each value of flattened maps
        mean, std = (_in_order(values.ravel(), read) for values in (mean, std))
    return network.add(Normalize(per_channel(mean), per_channel(std), name=layer.name), read, order=read.order)


@_of("MaxPooling2D", "MaxPool2D")
def _max_pool(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last",))
    size, stride, padding = layer.pair("pool_size", 2), layer.pair("strides", None), layer.get("padding", "valid")
    return network.add(MaxPool2d(size, stride, padding, name=layer.name), _only(inputs))


@_of("AveragePooling2D", "AvgPool2D")
def _avg_pool(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last",))
    size, stride, padding = layer.pair("pool_size", 2), layer.pair("strides", None), layer.get("padding", "valid")
    return network.add(AvgPool2d(size, stride, padding, count_include_pad=False, name=layer.name), _only(inputs))


@_of("GlobalAveragePooling2D", "GlobalAvgPool2D", "GlobalMaxPooling2D", "GlobalMaxPool2D")
def _global_pool(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last",))
    flat, kept = (GlobalMaxPool2d, AdaptiveMaxPool2d) if "Max" in layer.kind else (GlobalAvgPool2d, AdaptiveAvgPool2d)
    made: Layer = kept(1, name=layer.name) if layer.get("keepdims", False) else flat(name=layer.name)
    return network.add(made, _only(inputs))


@_of("AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D")
def _adaptive_pool(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last",))
    kind = AdaptiveMaxPool2d if "Max" in layer.kind else AdaptiveAvgPool2d
    return network.add(kind(layer.pair("output_size"), name=layer.name), _only(inputs))


@_of("ZeroPadding2D")
def _zero_padding(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last",))
    given = layer.get("padding", 1)
    vertical, horizontal = given if isinstance(given, list) else (given, given)
    top, bottom = vertical if isinstance(vertical, list) else (vertical, vertical)
    left, right = horizontal if isinstance(horizontal, list) else (horizontal, horizontal)
    return network.add(ZeroPad2d((left, right, top, bottom), name=layer.name), _only(inputs))


@_of("UpSampling2D")
def _up_sampling(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last",), interpolation=("nearest",))
    return network.add(Upsample(layer.pair("size", 2), name=layer.name), _only(inputs))


@_of("Flatten")
def _flatten(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last", None))
    read = _only(inputs)
    if len(read.shape) == 1:
        return read
    if math.prod(read.shape) > _MOST_FEATURES:
        raise NetworkError(f"it gives more than {_MOST_FEATURES:,} features: maps of {read.shape}")
    channels, height, width = read.shape
    places = np.arange(math.prod(read.shape)).reshape(height, width, channels)
    moved = height * width > 1 and channels > 1 and not read.channels_first
    return network.add(Flatten(name=layer.name), read, order=places.transpose(2, 0, 1).ravel() if moved else None)


@_of("Permute")
def _permute(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    """Channels first before a Flatten, as in models that were trained with PyTorch or here."""
    layer.require(dims=([3, 1, 2],))
    return _only(inputs)._replace(channels_first=True)


@_of("Reshape")
def _reshape(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    read = _only(inputs)
    target, size = list(layer.get("target_shape", [])), math.prod(read.shape)
    known = math.prod(length for length in target if length != -1)
    target = [size // max(known, 1) if length == -1 else length for length in target]
    last = [*read.shape[1:], *read.shape[:1]]  # the same shape in Keras
    if target == last or (read.shape[0] == 1 and target == last[:-1]):
        return read
    if target == [size]:
        return _flatten(network, layer, inputs)
    if target == [1, 1, size] and len(read.shape) == 1 and read.order is None:
        return network.add(Unflatten(name=layer.name), read)
    raise NetworkError(f"it turns {tuple(last)} into {tuple(target)}: only vectors and maps of one pixel are supported")


@_of("Dropout")
def _dropout(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    read = _only(inputs)
    if layer.get("noise_shape") is not None:
        return read  # it drops whole branches in training
    return network.add(Dropout(layer.get("rate", 0.5), name=layer.name), read, order=read.order)


_TRAINING_ONLY = (
    "SpatialDropout2D", "AlphaDropout", "GaussianNoise", "GaussianDropout", "ActivityRegularization", "RandomFlip",
    "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness",
    "RandomShear", "RandomHue", "RandomSaturation", "RandomColorJitter", "RandomGaussianBlur", "RandomErasing",
)  # fmt: skip


@_of(*_TRAINING_ONLY)
def _training_only(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    return _only(inputs)


@_of("Add")
def _add(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    return network.add(Add(name=layer.name), *inputs, order=_common_order(inputs))


@_of("Average")
def _average(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    total = _add(network, layer, inputs)
    return network.add(Normalize(0.0, float(len(inputs)), name=layer.name), total, order=total.order)


@_of("Multiply")
def _multiply(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    order, (product, *others) = _common_order(inputs), sorted(inputs, key=lambda value: -math.prod(value.shape))
    for other in others:
        product = network.add(Multiply(name=layer.name), product, other, order=order)
    return product


@_of("Concatenate")
def _concatenate(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    layer.require(axis=_last_axis(inputs[0]))
    order = None
    if any(value.order is not None for value in inputs):
        sizes = [value.shape[0] for value in inputs]
        starts = np.cumsum([0, *sizes[:-1]])
        orders = [np.arange(size) if value.order is None else value.order
                  for value, size in zip(inputs, sizes, strict=True)]  # fmt: skip
        order = np.concatenate([own + start for own, start in zip(orders, starts, strict=True)])
    return network.add(Concat(name=layer.name), *inputs, order=order)


def _common_order(inputs: list[Value]) -> NDArray[np.intp] | None:
    """The order of the features of all inputs, which must be the same."""
    orders = [np.arange(value.shape[0]) if value.order is None else value.order for value in inputs]
    if not all(np.array_equal(order, orders[0]) for order in orders[1:]):
        raise NetworkError("it joins flattened maps with another vector, which is not supported")
    return inputs[0].order


_ACTIVATIONS: dict[str, type[Layer]] = {
    "relu": ReLU, "relu6": ReLU6, "elu": ELU, "gelu": GELU, "silu": SiLU, "swish": SiLU, "hard_silu": Hardswish,
    "hard_swish": Hardswish, "hard_sigmoid": Hardsigmoid, "sigmoid": Sigmoid, "tanh": Tanh, "softplus": Softplus,
    "softmax": Softmax,
}  # fmt: skip


@_of("Activation")
def _activation(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    return _add_activation(network, layer, layer.name, _only(inputs))


def _activated(network: Assembly, layer: KerasLayer, read: Value) -> Value:
    """The activation that a layer with weights may have."""
    return _add_activation(network, layer, f"{layer.name}_activation", read)


def _add_activation(network: Assembly, layer: KerasLayer, name: str, read: Value) -> Value:
    asked = layer.get("activation")
    settings = asked.get("config") if isinstance(asked, dict) else None
    if isinstance(settings, dict):  # a layer as an activation
        kind = str(asked.get("class_name"))
        return translate(network, layer._replace(kind=kind, name=name, settings=settings, tensors=()), [read])
    function = settings if isinstance(asked, dict) else asked
    if function in (None, "linear"):
        return read
    if not isinstance(function, str) or function not in _ACTIVATIONS:
        raise NetworkError(f"the activation {str(function)!r:.60} is not supported: {', '.join(sorted(_ACTIVATIONS))}")
    if function == "hard_sigmoid" and layer.major < 3:
        read = network.add(Normalize(0.0, 1 / _OLD_HARD_SIGMOID, name=f"{name}_slope"), read, order=read.order)
    return network.add(_ACTIVATIONS[function](name=name), read, order=read.order)


@_of("ReLU")
def _relu(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    layer.require(max_value=(None, 6, 6.0), threshold=(0, 0.0, None))
    read, slope = _only(inputs), layer.get("negative_slope", 0.0)
    if slope and layer.get("max_value") is None:
        return network.add(LeakyReLU(slope, name=layer.name), read, order=read.order)
    layer.require(negative_slope=(0, 0.0, None))
    kind = ReLU if layer.get("max_value") is None else ReLU6
    return network.add(kind(name=layer.name), read, order=read.order)


@_of("LeakyReLU")
def _leaky_relu(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    read, slope = _only(inputs), layer.get("negative_slope", layer.get("alpha", 0.3))
    return network.add(LeakyReLU(float(slope), name=layer.name), read, order=read.order)


@_of("ELU")
def _elu(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    read = _only(inputs)
    return network.add(ELU(float(layer.get("alpha", 1.0)), name=layer.name), read, order=read.order)


@_of("Softmax")
def _softmax(network: Assembly, layer: KerasLayer, inputs: list[Value]) -> Value:
    read = _only(inputs)
    layer.require(axis=_last_axis(read))
    return network.add(Softmax(name=layer.name), read, order=read.order)
