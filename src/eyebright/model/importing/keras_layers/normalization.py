"""Keras's normalisations."""

import numpy as np

from eyebright.model.importing.assembly import Assembly, Value, per_channel
from eyebright.model.importing.keras_layers.layer import StoredLayer, in_order, last_axis, of, only
from eyebright.network import BatchNorm, LayerNorm, Normalize

_NORMALIZATION_EPS = 1e-7  # of Keras's Normalization, on the standard deviation


@of("BatchNormalization", "SyncBatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2")
def _batch_norm(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    read = only(inputs)
    layer.require(renorm=(False, None), axis=last_axis(read))
    learned = [name for name, key in (("weight", "scale"), ("bias", "center")) if layer.get(key, True)]
    tensors = {name: in_order(values, read) for name, values in layer.take(*learned, "mean", "var").items()}
    running = {"running_mean": tensors.pop("mean"), "running_var": tensors.pop("var")}
    neutral = {"weight": np.ones(read.shape[0], np.float32), "bias": np.zeros(read.shape[0], np.float32)}
    made = BatchNorm(layer.get("epsilon", 1e-3), 1 - layer.get("momentum", 0.99), name=layer.name)
    return network.add(made, read, order=read.order, tensors=neutral | tensors | running)


@of("LayerNormalization")
def _layer_norm(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    read = only(inputs)
    layer.require(axis=([1, 2, 3],) if len(read.shape) == 3 else last_axis(read), rms_scaling=(False,))
    learned = [name for name, key in (("weight", "scale"), ("bias", "center")) if layer.get(key, True)]
    given = {name: in_order(values, read) for name, values in layer.take(*learned).items()}
    if len(read.shape) == 3:
        given = {name: values.transpose(2, 0, 1) for name, values in given.items() if values.ndim == 3}
    neutral = {"weight": np.ones(read.shape, np.float32), "bias": np.zeros(read.shape, np.float32)}
    made = LayerNorm(layer.get("epsilon", 1e-3), name=layer.name)
    return network.add(made, read, order=read.order, tensors=neutral | given)


@of("Normalization")
def _normalization(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    read = only(inputs)
    layer.require(invert=(False,), axis=last_axis(read))
    if layer.get("mean") is None:
        given = layer.take("mean", "variance", "count")
        mean, variance = (given[key].astype(np.float64) for key in ("mean", "variance"))
    else:
        mean, variance = (np.asarray(layer.get(key), np.float64) for key in ("mean", "variance"))
    std = np.maximum(np.sqrt(variance), _NORMALIZATION_EPS)
    if read.order is not None and mean.size > 1:  # one for each value of flattened maps
        mean, std = (in_order(values.ravel(), read) for values in (mean, std))
    return network.add(Normalize(per_channel(mean), per_channel(std), name=layer.name), read, order=read.order)
