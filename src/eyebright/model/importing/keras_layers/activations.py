"""Keras's activations, as layers and as settings of other layers."""

from collections.abc import Callable

from eyebright.model.importing.assembly import Assembly, Value, mish, selu
from eyebright.model.importing.keras_layers.layer import StoredLayer, last_axis, of, only, translate
from eyebright.network import (
    ELU,
    GELU,
    Hardsigmoid,
    Hardswish,
    Layer,
    LeakyReLU,
    Normalize,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from eyebright.system.errors import NetworkError

_OLD_HARD_SIGMOID = 1.2  # Keras 2 has a slope of 0.2, Keras 3 and PyTorch of 1 / 6
_ACTIVATIONS: dict[str, type[Layer]] = {
    "relu": ReLU, "relu6": ReLU6, "elu": ELU, "gelu": GELU, "silu": SiLU, "swish": SiLU, "hard_silu": Hardswish,
    "hard_swish": Hardswish, "hard_sigmoid": Hardsigmoid, "sigmoid": Sigmoid, "tanh": Tanh, "softplus": Softplus,
    "softmax": Softmax,
}  # fmt: skip
_COMPOSED: dict[str, Callable[[Assembly, str, Value], Value]] = {"selu": selu, "mish": mish}


@of("Activation")
def _activation(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    return _add_activation(network, layer, layer.name, only(inputs))


def activated(network: Assembly, layer: StoredLayer, read: Value) -> Value:
    """The activation that a layer with weights may have."""
    return _add_activation(network, layer, f"{layer.name}_activation", read)


def _add_activation(network: Assembly, layer: StoredLayer, name: str, read: Value) -> Value:
    asked = layer.get("activation")
    settings = asked.get("config") if isinstance(asked, dict) else None
    if isinstance(settings, dict):  # a layer as an activation
        kind = str(asked.get("class_name"))
        return translate(network, layer._replace(kind=kind, name=name, settings=settings, tensors=()), [read])
    function = settings if isinstance(asked, dict) else asked
    if function in (None, "linear"):
        return read
    known = {**_ACTIVATIONS, **_COMPOSED}
    if not isinstance(function, str) or function not in known:
        raise NetworkError(f"the activation {str(function)!r:.60} is not supported, only {', '.join(sorted(known))}")
    if function in _COMPOSED:
        return _COMPOSED[function](network, name, read)
    if function == "hard_sigmoid" and layer.major < 3:
        read = network.add(Normalize(0.0, 1 / _OLD_HARD_SIGMOID, name=f"{name}_slope"), read, order=read.order)
    return network.add(_ACTIVATIONS[function](name=name), read, order=read.order)


@of("ReLU")
def _relu(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    layer.require(max_value=(None, 6, 6.0), threshold=(0, 0.0, None))
    read, slope = only(inputs), layer.get("negative_slope", 0.0)
    if slope and layer.get("max_value") is None:
        return network.add(LeakyReLU(slope, name=layer.name), read, order=read.order)
    layer.require(negative_slope=(0, 0.0, None))
    kind = ReLU if layer.get("max_value") is None else ReLU6
    return network.add(kind(name=layer.name), read, order=read.order)


@of("LeakyReLU")
def _leaky_relu(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    read, slope = only(inputs), layer.get("negative_slope", layer.get("alpha", 0.3))
    return network.add(LeakyReLU(float(slope), name=layer.name), read, order=read.order)


@of("ELU")
def _elu(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    read = only(inputs)
    return network.add(ELU(float(layer.get("alpha", 1.0)), name=layer.name), read, order=read.order)


@of("Softmax")
def _softmax(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    read = only(inputs)
    layer.require(axis=last_axis(read))
    return network.add(Softmax(name=layer.name), read, order=read.order)
