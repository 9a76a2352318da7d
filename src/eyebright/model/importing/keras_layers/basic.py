"""Keras's layers that move, join or scale values."""

import math

import numpy as np
from numpy.typing import NDArray

from eyebright.model.importing.assembly import Assembly, Value, affine
from eyebright.model.importing.keras_layers.layer import StoredLayer, last_axis, of, only, per_channel_last
from eyebright.network import Add, Concat, Dropout, Flatten, Multiply, Normalize, Unflatten, Upsample, ZeroPad2d
from eyebright.system.errors import NetworkError

_MOST_FEATURES = 10_000_000  # of a vector, since an altered file may claim images of any size


@of("Rescaling")
def _rescaling(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    scale, offset = (per_channel_last(layer.get(key, default)) for key, default in (("scale", 1.0), ("offset", 0.0)))
    return affine(network, layer.name, only(inputs), scale, offset)


@of("ZeroPadding2D")
def _zero_padding(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last",))
    given = layer.get("padding", 1)
    vertical, horizontal = given if isinstance(given, list) else (given, given)
    top, bottom = vertical if isinstance(vertical, list) else (vertical, vertical)
    left, right = horizontal if isinstance(horizontal, list) else (horizontal, horizontal)
    return network.add(ZeroPad2d((left, right, top, bottom), name=layer.name), only(inputs))


@of("UpSampling2D")
def _up_sampling(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last",), interpolation=("nearest",))
    return network.add(Upsample(layer.pair("size", 2), name=layer.name), only(inputs))


@of("Flatten")
def _flatten(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last", None))
    read = only(inputs)
    if len(read.shape) == 1:
        return read
    if math.prod(read.shape) > _MOST_FEATURES:
        raise NetworkError(f"it gives more than {_MOST_FEATURES:,} features: maps of {read.shape}")
    channels, height, width = read.shape
    places = np.arange(math.prod(read.shape)).reshape(height, width, channels)
    moved = height * width > 1 and channels > 1 and not read.channels_first
    return network.add(Flatten(name=layer.name), read, order=places.transpose(2, 0, 1).ravel() if moved else None)


@of("Permute")
def _permute(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    """Channels first before a Flatten, as in models that were trained with PyTorch or here."""
    layer.require(dims=([3, 1, 2],))
    return only(inputs)._replace(channels_first=True)


@of("Reshape")
def _reshape(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    read = only(inputs)
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


@of("Dropout")
def _dropout(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    read = only(inputs)
    if layer.get("noise_shape") is not None:
        return read  # it drops whole branches in training
    return network.add(Dropout(layer.get("rate", 0.5), name=layer.name), read, order=read.order)


_TRAINING_ONLY = (
    "SpatialDropout2D", "AlphaDropout", "GaussianNoise", "GaussianDropout", "ActivityRegularization", "RandomFlip",
    "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness",
    "RandomShear", "RandomHue", "RandomSaturation", "RandomColorJitter", "RandomGaussianBlur", "RandomErasing",
)  # fmt: skip


@of(*_TRAINING_ONLY)
def _training_only(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    return only(inputs)


@of("Add")
def _add(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    return network.add(Add(name=layer.name), *inputs, order=_common_order(inputs))


@of("Average")
def _average(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    total = _add(network, layer, inputs)
    return network.add(Normalize(0.0, float(len(inputs)), name=layer.name), total, order=total.order)


@of("Multiply")
def _multiply(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    order, (product, *others) = _common_order(inputs), sorted(inputs, key=lambda value: -math.prod(value.shape))
    for other in others:
        product = network.add(Multiply(name=layer.name), product, other, order=order)
    return product


@of("Concatenate")
def _concatenate(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    layer.require(axis=last_axis(inputs[0]))
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
