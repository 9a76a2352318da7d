"""What each operator of ONNX becomes here, as torchvision's and timm's classifiers use them.

Some nodes only compute shapes or other constants; `compute` does that. `translate` adds a layer for any other.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.model.importing.assembly import Assembly, Value, affine
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
    Hardsigmoid,
    Hardswish,
    Layer,
    LeakyReLU,
    Linear,
    LocalResponseNorm,
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
from eyebright.network.layers.windows import Padding, Pair, extent, slide
from eyebright.system.errors import ModelError, NetworkError

Array: TypeAlias = NDArray[Any]
_HARD_SIGMOID_SLOPE = 1 / 6
_MOST_VALUES = 10_000  # of a constant that is computed: a few nodes could make one that is larger than the memory
_FLOATS = (1, 10, 11, 16)  # float32, float16, float64 and bfloat16


class Node(NamedTuple):
    """One node.

    Args:
        kind: Its operator.
        name: The name of its layer.
        given: What it reads: values of the network, constants, or None for an input that is left out.
        settings: Its attributes.
    """

    kind: str
    name: str
    given: tuple[Value | Array | None, ...]
    settings: dict[str, Any]

    def value(self, index: int = 0) -> Value:
        """An input that must come from the network."""
        found = self.given[index] if index < len(self.given) else None
        if not isinstance(found, Value):
            raise NetworkError(f"its input {index + 1} is {'missing' if found is None else 'a constant'}")
        return found

    def constant(self, index: int, default: Any = None) -> Array:
        """An input that must be constant; the default if it is left out and there is one."""
        found = self.given[index] if index < len(self.given) else None
        if found is None and default is not None:
            return np.asarray(default)
        if not isinstance(found, np.ndarray):
            raise NetworkError(f"its input {index + 1} is not a constant")
        return found

    def require(self, **expected: Any) -> None:
        """Refuse the node if an attribute is given and has another value than these, each a tuple of accepted ones."""
        for key, accepted in expected.items():
            if key in self.settings and self.settings[key] not in accepted:
                raise NetworkError(f"{key}={self.settings[key]!r} is not supported")

    def whole(self, index: int, key: str) -> list[int]:
        """Whole numbers that are an input or, in older files, an attribute."""
        if index < len(self.given) and self.given[index] is not None:
            return [int(number) for number in self.constant(index).ravel()]
        return list(self.settings.get(key, []))


Translation: TypeAlias = Callable[[Assembly, Node], Value]
_TABLE: dict[str, Translation] = {}


def translate(network: Assembly, node: Node) -> Value:
    """Add what a node computes.

    Raises:
        ModelError: When its operator is not supported.
        NetworkError: When its attributes, inputs or weights are not.
    """
    if node.kind not in _TABLE:
        raise ModelError(
            f"the operator {node.kind} of {node.name!r} cannot be imported: eyebright has no such layer. Supported: "
            f"{', '.join(sorted(_TABLE))}"
        )
    return _TABLE[node.kind](network, node)


def compute(node: Node) -> Array | None:
    """The result of a node that reads only constants or shapes; None if it computes something else.

    The number of images is -1.
    """
    if node.kind == "Constant":
        return np.asarray(next(iter(node.settings.values())))
    if node.kind == "Shape":
        return np.array([-1, *node.value().shape])
    if not node.given or any(isinstance(given, Value) for given in node.given):
        return None
    constants = [np.asarray(given) for given in node.given if given is not None]
    match node.kind:
        case "Gather":
            values, places = constants[0], constants[1].astype(np.int64)
            axis = node.settings.get("axis", 0)
            _require_few(values.size * places.size // max(values.shape[axis], 1))
            return np.take(values, places, axis=axis)
        case "Unsqueeze":
            return np.expand_dims(constants[0], tuple(node.whole(1, "axes")))
        case "Concat":
            _require_few(sum(values.size for values in constants))
            return np.concatenate(constants, axis=node.settings["axis"])
        case "Cast" | "Identity":
            return constants[0]
    return None


def _require_few(count: int) -> None:
    if count > _MOST_VALUES:
        raise NetworkError(f"it computes a constant of {count:,} values (allowed: {_MOST_VALUES:,})")


def _of(*kinds: str) -> Callable[[Translation], Translation]:
    def register(function: Translation) -> Translation:
        _TABLE.update(dict.fromkeys(kinds, function))
        return function

    return register


@_of("Conv")
def _conv(network: Assembly, node: Node) -> Value:
    read, weight = node.value(), node.constant(1)
    if weight.ndim != 4:
        raise NetworkError(f"expected weights (out, in, height, width), got {weight.shape}")
    tensors = {"weight": weight} | ({"bias": node.constant(2)} if len(node.given) > 2 else {})
    kernel = (int(weight.shape[2]), int(weight.shape[3]))
    stride, dilation = _pair(node, "strides"), _pair(node, "dilations")
    before, after = _pads(node)
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


def _pair(node: Node, key: str) -> Pair:
    values = node.settings.get(key, [1, 1])
    if len(values) != 2:
        raise NetworkError(f"{key}={values} is not supported: only images")
    return int(values[0]), int(values[1])


def _pads(node: Node) -> tuple[Pair, Pair]:
    """Padding before (top, left) and after (bottom, right)."""
    node.require(auto_pad=("NOTSET", "VALID", "SAME_UPPER"))
    pads = node.settings.get("pads", [0] * 4)
    if len(pads) != 4:
        raise NetworkError(f"pads={pads} is not supported: only images")
    top, left, bottom, right = map(int, pads)
    return (top, left), (bottom, right)


@_of("MaxPool", "AveragePool")
def _pool(network: Assembly, node: Node) -> Value:
    read = node.value()
    node.require(dilations=([1, 1],), storage_order=(0,))
    kernel, stride, ceil = _pair(node, "kernel_shape"), _pair(node, "strides"), bool(node.settings.get("ceil_mode", 0))
    before, after = _pads(node)
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


@_of("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(network: Assembly, node: Node) -> Value:
    kind = AdaptiveMaxPool2d if "Max" in node.kind else AdaptiveAvgPool2d
    return network.add(kind(1, name=node.name), node.value())


@_of("ReduceMean")
def _mean(network: Assembly, node: Node) -> Value:
    read, axes = node.value(), node.whole(1, "axes")
    if len(read.shape) != 3 or {axis % 4 for axis in axes} != {2, 3}:
        raise NetworkError(f"a mean over the axes {axes} is not supported: only over height and width")
    made: Layer = AdaptiveAvgPool2d(1, name=node.name)
    return network.add(made if node.settings.get("keepdims", 1) else GlobalAvgPool2d(name=node.name), read)


@_of("BatchNormalization")
def _batch_norm(network: Assembly, node: Node) -> Value:
    node.require(training_mode=(0,))
    names = ("weight", "bias", "running_mean", "running_var")
    tensors = {name: node.constant(index + 1) for index, name in enumerate(names)}
    made = BatchNorm(node.settings.get("epsilon", 1e-5), 1 - node.settings.get("momentum", 0.9), name=node.name)
    return network.add(made, node.value(), tensors=tensors)


@_of("LRN")
def _lrn(network: Assembly, node: Node) -> Value:
    named = {"size": "size", "alpha": "alpha", "beta": "beta", "bias": "k"}
    settings: dict[str, Any] = {ours: node.settings[key] for key, ours in named.items() if key in node.settings}
    return network.add(LocalResponseNorm(**settings, name=node.name), node.value())


@_of("Gemm")
def _gemm(network: Assembly, node: Node) -> Value:
    node.require(alpha=(1.0,), beta=(1.0,), transA=(0,))
    weight = node.constant(1)
    return _linear(network, node, weight if node.settings.get("transB", 0) else weight.T, 2)


@_of("MatMul")
def _product(network: Assembly, node: Node) -> Value:
    """A dense layer; where a constant is added to its result, that is the third input here."""
    return _linear(network, node, node.constant(1).T, 2)


def _linear(network: Assembly, node: Node, weight: Array, bias: int) -> Value:
    if weight.ndim != 2:
        raise NetworkError(f"expected a matrix of weights, got {weight.shape}")
    tensors = {"weight": weight} | ({"bias": node.constant(bias).reshape(-1)} if len(node.given) > bias else {})
    made = Linear(len(weight), "bias" in tensors, name=node.name)
    return network.add(made, node.value(), tensors=tensors)


@_of("Flatten")
def _flatten(network: Assembly, node: Node) -> Value:
    node.require(axis=(1, -len(node.value().shape)))
    return _flat(network, node)


@_of("Reshape")
def _reshape(network: Assembly, node: Node) -> Value:
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


@_of("Squeeze")
def _squeeze(network: Assembly, node: Node) -> Value:
    read, axes = node.value(), node.whole(1, "axes")
    if read.shape[1:] != (1, 1) or {axis % 4 for axis in axes} not in ({2, 3}, set()):
        raise NetworkError(f"it removes the axes {axes} of {read.shape}, not those of maps of one pixel")
    return _flat(network, node)


@_of("Unsqueeze")
def _unsqueeze(network: Assembly, node: Node) -> Value:
    axes = node.whole(1, "axes")
    if len(node.value().shape) != 1 or {axis % 4 for axis in axes} != {2, 3}:
        raise NetworkError(f"it adds the axes {axes}: only height and width of a vector are supported")
    return network.add(Unflatten(name=node.name), node.value())


def _flat(network: Assembly, node: Node) -> Value:
    read = node.value()
    return read if len(read.shape) == 1 else network.add(Flatten(name=node.name), read)


@_of("Pad")
def _pad(network: Assembly, node: Node) -> Value:
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


@_of("Resize", "Upsample")
def _resize(network: Assembly, node: Node) -> Value:
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


@_of("Add", "Sum", "Mul", "Sub", "Div")
def _arithmetic(network: Assembly, node: Node) -> Value:
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


def _product_of_values(network: Assembly, node: Node, values: list[Value]) -> Value:
    """A product; `x * sigmoid(x)` is one activation."""
    for gate, read in (values, reversed(values)):
        layer, sources = network.made(gate)
        if sources == (read.name,) and type(layer) in _GATED:
            return network.add(_GATED[type(layer)](name=node.name), read)
    return network.add(Multiply(name=node.name), *sorted(values, key=lambda value: -int(np.prod(value.shape))))


_GATED: dict[type[Layer], type[Layer]] = {Sigmoid: SiLU, Hardsigmoid: Hardswish}


@_of("Concat")
def _concat(network: Assembly, node: Node) -> Value:
    values = [node.value(index) for index in range(len(node.given))]
    node.require(axis=(1, -len(values[0].shape)))
    return network.add(Concat(name=node.name), *values)


@_of("Dropout")
def _dropout(network: Assembly, node: Node) -> Value:
    share = float(node.constant(1, node.settings.get("ratio", 0.5)))
    return network.add(Dropout(share, name=node.name), node.value())


@_of("Identity", "Cast")
def _identity(network: Assembly, node: Node) -> Value:
    node.require(to=_FLOATS)
    return node.value()


_ACTIVATIONS: dict[str, type[Layer]] = {
    "Relu": ReLU, "Sigmoid": Sigmoid, "Tanh": Tanh, "Softplus": Softplus, "HardSwish": Hardswish,
}  # fmt: skip


@_of(*_ACTIVATIONS)
def _activation(network: Assembly, node: Node) -> Value:
    return network.add(_ACTIVATIONS[node.kind](name=node.name), node.value())


@_of("Swish")
def _swish(network: Assembly, node: Node) -> Value:
    node.require(alpha=(1.0,))
    return network.add(SiLU(name=node.name), node.value())


@_of("Gelu")
def _gelu(network: Assembly, node: Node) -> Value:
    node.require(approximate=("none",))
    return network.add(GELU(name=node.name), node.value())


@_of("Clip")
def _clip(network: Assembly, node: Node) -> Value:
    low, high = (
        float(node.constant(index, node.settings.get(key, limit)))
        for index, key, limit in ((1, "min", -np.inf), (2, "max", np.inf))
    )
    if (low, high) not in ((0, 6), (0, np.inf)):
        raise NetworkError(f"limits of {low:g} and {high:g} are not supported: only 0 and 6")
    kind = ReLU6 if high == 6 else ReLU
    return network.add(kind(name=node.name), node.value())


@_of("LeakyRelu")
def _leaky_relu(network: Assembly, node: Node) -> Value:
    return network.add(LeakyReLU(node.settings.get("alpha", 0.01), name=node.name), node.value())


@_of("Elu")
def _elu(network: Assembly, node: Node) -> Value:
    return network.add(ELU(node.settings.get("alpha", 1.0), name=node.name), node.value())


@_of("HardSigmoid")
def _hard_sigmoid(network: Assembly, node: Node) -> Value:
    slope, read = node.settings.get("alpha", 0.2), node.value()
    if node.settings.get("beta", 0.5) != 0.5 or not slope > 0:
        raise NetworkError(f"alpha={slope}, beta={node.settings.get('beta')} is not supported, only beta=0.5")
    if not np.isclose(slope, _HARD_SIGMOID_SLOPE, rtol=1e-6):
        read = network.add(Normalize(0.0, _HARD_SIGMOID_SLOPE / slope, name=f"{node.name}_slope"), read)
    return network.add(Hardsigmoid(name=node.name), read)


@_of("Softmax")
def _softmax(network: Assembly, node: Node) -> Value:
    node.require(axis=(1, -len(node.value().shape)))
    return network.add(Softmax(name=node.name), node.value())
