"""ONNX's operators that move, join or scale values."""

import numpy as np

from eyebright.model.importing.assembly import Assembly, Value, affine
from eyebright.model.importing.onnx_nodes.activations import GATED
from eyebright.model.importing.onnx_nodes.node import OnnxNode, of
from eyebright.network import Add, Concat, Dropout, Flatten, Multiply, Unflatten, Upsample, ZeroPad2d
from eyebright.system.errors import NetworkError

_FLOATS = (1, 10, 11, 16)  # float32, float16, float64 and bfloat16


@of("Flatten")
def _flatten(network: Assembly, node: OnnxNode) -> Value:
    node.require(axis=(1, -len(node.value().shape)))
    return _flat(network, node)


@of("Reshape")
def _reshape(network: Assembly, node: OnnxNode) -> Value:
    read, target = node.value(), node.whole(1, "shape")
    size = int(np.prod(read.shape))
    rest = [read.shape[index] if length == 0 and index < len(read.shape) else length
            for index, length in enumerate(target[1:])]  # fmt: skip
    known = int(np.prod([length for length in rest if length != -1]))
    rest = [size // max(known, 1) if length == -1 else length for length in rest]
    if tuple(rest) == read.shape:
        return read
    if rest == [size]:
        return _flat(network, node)
    if rest == [size, 1, 1] and len(read.shape) == 1:
        return network.add(Unflatten(name=node.name), read)
    raise NetworkError(f"it turns {read.shape} into {tuple(rest)}: only vectors and maps of one pixel are supported")


@of("Squeeze")
def _squeeze(network: Assembly, node: OnnxNode) -> Value:
    read, axes = node.value(), node.whole(1, "axes")
    if read.shape[1:] != (1, 1) or {axis % 4 for axis in axes} not in ({2, 3}, set()):
        raise NetworkError(f"it removes the axes {axes} of {read.shape}, not those of maps of one pixel")
    return _flat(network, node)


@of("Unsqueeze")
def _unsqueeze(network: Assembly, node: OnnxNode) -> Value:
    axes = node.whole(1, "axes")
    if len(node.value().shape) != 1 or {axis % 4 for axis in axes} != {2, 3}:
        raise NetworkError(f"it adds the axes {axes}: only height and width of a vector are supported")
    return network.add(Unflatten(name=node.name), node.value())


def _flat(network: Assembly, node: OnnxNode) -> Value:
    read = node.value()
    return read if len(read.shape) == 1 else network.add(Flatten(name=node.name), read)


@of("Pad")
def _pad(network: Assembly, node: OnnxNode) -> Value:
    node.require(mode=("constant",))
    read, pads = node.value(), node.whole(1, "pads")
    filler = node.constant(2, node.settings.get("value", 0.0))
    if len(pads) != 8 or any(pads[index] for index in (0, 1, 4, 5)) or filler.any():
        raise NetworkError(f"pads={pads} with {filler} is not supported: only zeros around images")
    if not any(pads):
        return read
    return network.add(ZeroPad2d((pads[3], pads[7], pads[2], pads[6]), name=node.name), read)


_NEAREST = {"coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_floor"}
_ROUND = ("round_prefer_floor", "round_prefer_ceil")


@of("Resize", "Upsample")
def _resize(network: Assembly, node: OnnxNode) -> Value:
    """Pixels are repeated by a whole factor, which both common rules for the nearest pixel do."""
    node.require(mode=("nearest",), antialias=(0,))
    position, rounding = (node.settings.get(key, default) for key, default in _NEAREST.items())
    rules = {"asymmetric": ("floor",), "half_pixel": _ROUND, "pytorch_half_pixel": _ROUND}
    if node.kind == "Resize" and rounding not in rules.get(position, ()):
        raise NetworkError(f"pixels found by {position} and {rounding} are not supported")
    read = node.value()
    if len(node.given) > 3:
        factors = [int(new) / old for new, old in zip(node.constant(3)[1:], read.shape, strict=False)]
    else:
        factors = node.constant(2 if node.kind == "Resize" else 1).tolist()[1:]
    if len(factors) != 3 or factors[0] != 1 or not all(float(factor).is_integer() for factor in factors):
        raise NetworkError(f"factors of {factors} are not supported: only whole ones of height and width")
    return network.add(Upsample((int(factors[1]), int(factors[2])), name=node.name), read)


@of("Add", "Sum", "Mul", "Sub", "Div")
def _arithmetic(network: Assembly, node: OnnxNode) -> Value:
    values = [given for given in node.given if isinstance(given, Value)]
    if len(values) == len(node.given) and node.kind in ("Add", "Sum"):
        return values[0] if len(values) == 1 else network.add(Add(name=node.name), *values)
    if len(values) == 2 and node.kind == "Mul":
        return _product_of_values(network, node, values)
    if len(node.given) != 2 or len(values) != 1 or (node.kind in ("Sub", "Div") and node.given[0] is not values[0]):
        raise NetworkError("only + and * of values, and + - * / of a value and a constant are supported")
    (read,) = values
    number = node.constant(1 if node.given[0] is read else 0).astype(np.float64)
    for_maps = len(read.shape) == 1 or number.shape[-2:] == (1, 1)
    if number.size != 1 and (number.size != read.shape[0] or not for_maps):
        raise NetworkError(f"a constant of the shape {number.shape} is not one number for each channel")
    match node.kind:
        case "Mul":
            return affine(network, node.name, read, number, 0.0)
        case "Div":
            return affine(network, node.name, read, 1 / number, 0.0)
        case "Sub":
            return affine(network, node.name, read, 1.0, -number)
    return affine(network, node.name, read, 1.0, number)


def _product_of_values(network: Assembly, node: OnnxNode, values: list[Value]) -> Value:
    """A product; `x * sigmoid(x)` is one activation."""
    for gate, read in (values, reversed(values)):
        layer, sources = network.made(gate)
        if sources == (read.name,) and type(layer) in GATED:
            return network.add(GATED[type(layer)](name=node.name), read)
    return network.add(Multiply(name=node.name), *sorted(values, key=lambda value: -int(np.prod(value.shape))))


@of("Concat")
def _concat(network: Assembly, node: OnnxNode) -> Value:
    values = [node.value(index) for index in range(len(node.given))]
    node.require(axis=(1, -len(values[0].shape)))
    return network.add(Concat(name=node.name), *values)


@of("Dropout")
def _dropout(network: Assembly, node: OnnxNode) -> Value:
    share = float(node.constant(1, node.settings.get("ratio", 0.5)))
    return network.add(Dropout(share, name=node.name), node.value())


@of("Identity", "Cast")
def _identity(network: Assembly, node: OnnxNode) -> Value:
    node.require(to=_FLOATS)
    return node.value()
