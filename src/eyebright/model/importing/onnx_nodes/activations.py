"""ONNX's activations."""

import math

import numpy as np

from eyebright.model.importing.assembly import SELU_ALPHA, SELU_SCALE, Assembly, Value, mish, selu
from eyebright.model.importing.onnx_nodes.node import OnnxNode, of
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

GATED: dict[type[Layer], type[Layer]] = {Sigmoid: SiLU, Hardsigmoid: Hardswish}
_ACTIVATIONS: dict[str, type[Layer]] = {
    "Relu": ReLU, "Sigmoid": Sigmoid, "Tanh": Tanh, "Softplus": Softplus, "HardSwish": Hardswish,
}  # fmt: skip


@of(*_ACTIVATIONS)
def _activation(network: Assembly, node: OnnxNode) -> Value:
    return network.add(_ACTIVATIONS[node.kind](name=node.name), node.value())


@of("Swish")
def _swish(network: Assembly, node: OnnxNode) -> Value:
    node.require(alpha=(1.0,))
    return network.add(SiLU(name=node.name), node.value())


@of("Gelu")
def _gelu(network: Assembly, node: OnnxNode) -> Value:
    node.require(approximate=("none",))
    return network.add(GELU(name=node.name), node.value())


@of("Clip")
def _clip(network: Assembly, node: OnnxNode) -> Value:
    low, high = (
        float(node.constant(index, node.settings.get(key, limit)))
        for index, key, limit in ((1, "min", -np.inf), (2, "max", np.inf))
    )
    if (low, high) not in ((0, 6), (0, np.inf)):
        raise NetworkError(f"limits of {low:g} and {high:g} are not supported: only 0 and 6")
    kind = ReLU6 if high == 6 else ReLU
    return network.add(kind(name=node.name), node.value())


@of("LeakyRelu")
def _leaky_relu(network: Assembly, node: OnnxNode) -> Value:
    return network.add(LeakyReLU(node.settings.get("alpha", 0.01), name=node.name), node.value())


@of("Elu")
def _elu(network: Assembly, node: OnnxNode) -> Value:
    return network.add(ELU(node.settings.get("alpha", 1.0), name=node.name), node.value())


@of("Selu")
def _selu(network: Assembly, node: OnnxNode) -> Value:
    settings = (node.settings.get(key, default) for key, default in (("alpha", SELU_ALPHA), ("gamma", SELU_SCALE)))
    return selu(network, node.name, node.value(), *settings)


@of("Mish")
def _mish(network: Assembly, node: OnnxNode) -> Value:
    return mish(network, node.name, node.value())


@of("PRelu")
def _prelu(network: Assembly, node: OnnxNode) -> Value:
    slopes = np.unique(node.constant(1))
    if len(slopes) != 1:
        raise NetworkError(f"it has {slopes.size} different slopes: only one for all channels is supported")
    return network.add(LeakyReLU(float(slopes[0]), name=node.name), node.value())


_HARD_SIGMOID_SLOPE = 1 / 6
_SOFTMAX_OF_AN_AXIS = 13  # before this version it is over all axes from the given one on


@of("HardSigmoid")
def _hard_sigmoid(network: Assembly, node: OnnxNode) -> Value:
    slope, read = node.settings.get("alpha", 0.2), node.value()
    if node.settings.get("beta", 0.5) != 0.5 or not slope > 0:
        raise NetworkError(f"alpha={slope}, beta={node.settings.get('beta')} is not supported, only beta=0.5")
    if not np.isclose(slope, _HARD_SIGMOID_SLOPE, rtol=1e-6):
        read = network.add(Normalize(0.0, _HARD_SIGMOID_SLOPE / slope, name=f"{node.name}_slope"), read)
    return network.add(Hardsigmoid(name=node.name), read)


@of("Softmax")
def _softmax(network: Assembly, node: OnnxNode) -> Value:
    read, version = node.value(), node.opset
    axis = node.settings.get("axis", -1 if version >= _SOFTMAX_OF_AN_AXIS else 1)
    if axis not in (1, -len(read.shape)) or (version < _SOFTMAX_OF_AN_AXIS and math.prod(read.shape[1:]) > 1):
        raise NetworkError(f"axis={axis} of version {version} is not supported: only the classes or channels")
    return network.add(Softmax(name=node.name), read)
