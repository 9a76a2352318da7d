"""What a layer is: a frozen description that knows its shapes and its parameters, and nothing about any framework.

A new layer is a subclass of `Layer` with its settings as fields and `output_shape` (unless the shape stays); if it
learns, also `parameters`; if it looks beyond one pixel, also `reach`.
How it runs is registered by the rooms that run it: `eyebright.network.torch` and `eyebright.network.onnx`.

Shapes are given without the batch dimension: `(C, H, W)` for pictures, `(features,)` for vectors.
"""

import functools
import math
from typing import Any, ClassVar, Literal, TypeAlias, dataclass_transform

import msgspec

from eyebright.system import records, text
from eyebright.system.errors import NetworkError

Shape: TypeAlias = tuple[int, ...]
Rule: TypeAlias = Literal["he_normal", "he_uniform", "glorot_uniform"]
Initializer: TypeAlias = Rule | Literal["zeros", "ones"]
Reach: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""(kernel, stride) of what one value of the result sees, each (vertical, horizontal)."""

_MOST_VALUES = 2**31


class Parameter(msgspec.Struct, frozen=True):
    """One tensor of a layer: its shape, and the rule that fills it before training.

    `fan_in` and `fan_out` count the inputs that reach one output and the outputs that one input reaches.
    """

    shape: Shape
    initializer: Initializer
    fan_in: int = 1
    fan_out: int = 1

    @property
    def size(self) -> int:
        """How many numbers the tensor holds."""
        size = 1
        for length in self.shape:
            size *= length
        return size


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Layer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True, tag_field="type"):
    """Base of all layer descriptions. Call it on nodes to place it in a graph: each call makes a new node.

    Example:
        >>> from eyebright.network import Conv2d, Input
        >>> pictures = Input((3, 32, 32))()
        >>> Conv2d(16, 3, padding="same")(pictures).shape
        (16, 32, 32)
    """

    kinds: ClassVar[dict[str, type["Layer"]]] = {}
    stem: ClassVar[str] = "layer"  # unnamed layers are called stem_1, stem_2, ...
    monotone: ClassVar[bool] = False  # whether it works on each value by itself and never decreases
    name: str | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        known = Layer.kinds.get(cls.__name__)
        if known is not None and known.__module__.startswith("eyebright.") and cls.__module__ != known.__module__:
            raise NetworkError(f"eyebright has a layer {cls.__name__} already: give yours another name")
        Layer.kinds[cls.__name__] = cls

    def __post_init__(self) -> None:
        for field in _fields(type(self)):
            value = getattr(self, field.name)
            try:
                msgspec.structs.force_setattr(self, field.name, msgspec.convert(value, field.type))
            except msgspec.ValidationError as problem:
                raise NetworkError(f"{field.name}: {problem}, received {value!r}") from problem
        if self.name is not None and not self.name.isprintable():
            raise NetworkError(f"a layer's name is one line of letters that can be printed, got {self.name!r}")
        self.check()

    def check(self) -> None:
        """Refuse settings out of range with a `NetworkError`; their types are right already."""

    def output_shape(self, *inputs: Shape) -> Shape:
        """Shape of the result for inputs of the given shapes; a `NetworkError` where they do not fit."""
        return inputs[0]

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """The tensors that the layer learns, by their name within the layer."""
        return {}

    def buffers(self, *inputs: Shape) -> dict[str, Parameter]:
        """Tensors that belong to the layer's weights but are not learned by gradients: running statistics."""
        return {}

    def multiply_adds(self, *inputs: Shape) -> int:
        """Multiplications (each with its addition) for one sample, of convolutions and matrix products."""
        return 0

    def reach(self, *inputs: Shape) -> Reach | None:
        """What one value of the result sees of the input; None where it sees all of it."""
        return (1, 1), (1, 1)

    def arity(self) -> tuple[int, int]:
        """Least and greatest number of inputs."""
        return 1, 1

    def __call__(self, *inputs: "Node") -> "Node":
        """Place this layer after the given nodes.

        Raises:
            NetworkError: When the number of inputs or their shapes do not fit.
        """
        return Node(self, inputs)


class Node:
    """A layer in its place: what it reads from, and the shape it gives. Made by calling a layer."""

    __slots__ = ("inputs", "layer", "shape")

    def __init__(self, layer: Layer, inputs: tuple["Node", ...]) -> None:
        self.layer = layer
        self.inputs = inputs
        sources = [node.layer.name or type(node.layer).__name__ for node in inputs]
        self.shape: Shape = checked_shape(layer, [node.shape for node in inputs], sources)


_fields = functools.cache(msgspec.structs.fields)


def checked_shape(layer: Layer, inputs: list[Shape], sources: list[str]) -> Shape:
    """Shape that a layer gives for inputs of these shapes, from layers of these names.

    Raises:
        NetworkError: When they do not fit; names the layer and its sources.
    """
    require_arity(layer, len(inputs))
    try:
        shape = layer.output_shape(*inputs)
    except NetworkError as problem:
        raise NetworkError(f"{_title(layer)}, after {' and '.join(sources)}: {problem}") from problem
    if math.prod(shape) > _MOST_VALUES:
        raise NetworkError(f"{_title(layer)} gives {shape} for one sample, more than {_MOST_VALUES:,} values")
    return shape


def require_arity(layer: Layer, count: int) -> None:
    """Refuse a number of inputs that the layer does not take."""
    least, most = layer.arity()
    if not least <= count <= most:
        wanted = str(least) if least == most else f"{least} or more"
        raise NetworkError(f"{_title(layer)} takes {wanted} input(s), but was given {count}")


def _title(layer: Layer) -> str:
    return f"{type(layer).__name__} {layer.name!r}" if layer.name else type(layer).__name__


def weight_and_bias(weight: Parameter, *, bias: bool) -> dict[str, Parameter]:
    """The tensors of a layer that multiplies by weights and, where asked for, adds a bias for each output."""
    return {"weight": weight} | ({"bias": Parameter(weight.shape[:1], "zeros")} if bias else {})


def layer_to_dict(layer: Layer) -> dict[str, Any]:
    """A layer as plain data: its `type`, its `name` if it has one, and its settings."""
    data: dict[str, Any] = msgspec.to_builtins(layer)
    return {key: value for key, value in data.items() if key != "name" or value is not None}


def layer_from_dict(data: dict[str, Any], *, what: str = "the layer") -> Layer:
    """The layer that the data describes.

    Raises:
        NetworkError: When the type is unknown (the nearest one is named) or a setting does not fit.
    """
    kind = data.get("type") if isinstance(data, dict) else None
    if not isinstance(kind, str):
        raise NetworkError(f'{what} has no \'type\': received {data!r:.80}, expected an object like {{"type": "ReLU"}}')
    if kind not in Layer.kinds:
        raise NetworkError(f"{what} is of unknown type {kind!r}: {text.nearest(kind, list(Layer.kinds))}")
    return records.from_builtins(data, Layer.kinds[kind], what=f"{what} ({kind})", error=NetworkError)
