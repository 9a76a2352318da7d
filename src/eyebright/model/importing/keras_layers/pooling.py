"""Keras's pools."""

from eyebright.model.importing.assembly import Assembly, Value
from eyebright.model.importing.keras_layers.layer import StoredLayer, of, only
from eyebright.network import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    Layer,
    MaxPool2d,
)


@of("MaxPooling2D", "MaxPool2D")
def _max_pool(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last",))
    size, stride, padding = layer.pair("pool_size", 2), layer.pair("strides", None), layer.padding()
    return network.add(MaxPool2d(size, stride, padding, name=layer.name), only(inputs))


@of("AveragePooling2D", "AvgPool2D")
def _avg_pool(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last",))
    size, stride, padding = layer.pair("pool_size", 2), layer.pair("strides", None), layer.padding()
    return network.add(AvgPool2d(size, stride, padding, count_include_pad=False, name=layer.name), only(inputs))


@of("GlobalAveragePooling2D", "GlobalAvgPool2D", "GlobalMaxPooling2D", "GlobalMaxPool2D")
def _global_pool(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last",))
    flat, kept = (GlobalMaxPool2d, AdaptiveMaxPool2d) if "Max" in layer.kind else (GlobalAvgPool2d, AdaptiveAvgPool2d)
    made: Layer = kept(1, name=layer.name) if layer.get("keepdims", False) else flat(name=layer.name)
    return network.add(made, only(inputs))


@of("AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D")
def _adaptive_pool(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    layer.require(data_format=("channels_last",))
    kind = AdaptiveMaxPool2d if "Max" in layer.kind else AdaptiveAvgPool2d
    return network.add(kind(layer.pair("output_size"), name=layer.name), only(inputs))
