"""A layer: a frozen description of its settings, shapes and parameters, independent of any framework.

To add a layer, subclass `Layer`: its settings are fields. Override `output_shape` if the shape changes, `parameters` if
it learns, and `reach` if an output value depends on more than one pixel. How it runs is registered with `to_torch` in
`eyebright.network.torch` and with `emit` in `eyebright.network.onnx`.

Shapes have no batch dimension: `(C, H, W)` for images, `(features,)` for vectors.
"""

import functools
import math
from fractions import Fraction
from typing import Any, ClassVar, Literal, TypeAlias, dataclass_transform

import msgspec

from eyebright.system import records, text
from eyebright.system.errors import NetworkError

Shape: TypeAlias = tuple[int, ...]
Rule: TypeAlias = Literal["he_normal", "he_uniform", "glorot_uniform"]
Initializer: TypeAlias = Rule | Literal["zeros", "ones"]
Step: TypeAlias = tuple[int | Fraction, int | Fraction]
"""Distance of neighbouring values along (vertical, horizontal); below 1 pixel where maps are enlarged."""
Reach: TypeAlias = tuple[tuple[int, int], Step]
"""(kernel, stride) of the inputs that one output value depends on, each (vertical, horizontal)."""

_MOST_VALUES = 2**31


def channels_last(shape: Shape) -> Shape:
    """The shape of a sample in a program that has the channels last."""
    return (*shape[1:], *shape[:1])


class Parameter(msgspec.Struct, frozen=True):
    """One tensor of a layer: its shape, and how it is initialised.

    Args:
        shape: Its shape.
        initializer: The rule for its initial values.
        fan_in: Number of inputs that one output depends on.
        fan_out: Number of outputs that depend on one input.
    """

    shape: Shape
    initializer: Initializer
    fan_in: int = 1
    fan_out: int = 1

    @property
    def size(self) -> int:
        """Number of values in the tensor."""
        return math.prod(self.shape)


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Layer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True, tag_field="type"):
    """Base class of all layers. Call a layer on nodes to add it to a graph; each call makes a new node.

    Args:
        name: Its name in the network; None: the network names it after its type and numbers it.

    Example:
        >>> from eyebright.network import Conv2d, Input
        >>> images = Input((3, 32, 32))()
        >>> Conv2d(16, 3, padding="same")(images).shape
        (16, 32, 32)
    """

    types: ClassVar[dict[str, type["Layer"]]] = {}  # every layer class by its name, as in the JSON key "type"
    stem: ClassVar[str] = "layer"  # unnamed layers are named stem_1, stem_2, ...
    monotone: ClassVar[bool] = False  # whether it is an element-wise function that never decreases
    name: str | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        known = Layer.types.get(cls.__name__)
        if known is not None and known.__module__.startswith("eyebright.") and cls.__module__ != known.__module__:
            raise NetworkError(f"eyebright already has a layer {cls.__name__}: choose another class name")
        Layer.types[cls.__name__] = cls

    def __post_init__(self) -> None:
        for field in _fields(type(self)):
            value = getattr(self, field.name)
            try:
                msgspec.structs.force_setattr(self, field.name, msgspec.convert(value, field.type))
            except msgspec.ValidationError as problem:
                raise NetworkError(f"invalid {field.name} {value!r}: {problem}") from problem
        if self.name is not None and not self.name.isprintable():
            raise NetworkError(f"a layer's name must be one line of printable characters, got {self.name!r}")
        self.check()

    def check(self) -> None:
        """Raise a `NetworkError` if a setting is out of range; the types are already checked."""

    def output_shape(self, *inputs: Shape) -> Shape:
        """Output shape for inputs of these shapes; a `NetworkError` if they do not fit."""
        return inputs[0]

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """The tensors that the layer learns, by name within the layer."""
        return {}

    def buffers(self, *inputs: Shape) -> dict[str, Parameter]:
        """Tensors of the layer's weights that are not learned by gradients: running statistics."""
        return {}

    def multiply_adds(self, *inputs: Shape) -> int:
        """Multiply-adds of convolutions and matrix products for one sample."""
        return 0

    def reach(self, *inputs: Shape) -> Reach | None:
        """The part of the input that one output value depends on; None: all of it."""
        return (1, 1), (1, 1)

    def arity(self) -> tuple[int, int]:
        """Smallest and largest number of inputs."""
        return 1, 1

    def __call__(self, *inputs: "Node") -> "Node":
        """Add this layer to a graph, after the given nodes.

        Raises:
            NetworkError: If the number of inputs or their shapes do not fit.
        """
        return Node(self, inputs)


class Node:
    """A layer in a graph that is being built: its layer, its input nodes and its output shape.

    Nodes are made by calling a layer. A finished `Network` has a `Place` for each layer instead.
    """

    __slots__ = ("inputs", "layer", "shape")

    def __init__(self, layer: Layer, inputs: tuple["Node", ...]) -> None:
        self.layer = layer
        self.inputs = inputs
        sources = [node.layer.name or type(node.layer).__name__ for node in inputs]
        self.shape: Shape = checked_shape(layer, [node.shape for node in inputs], sources)


_fields = functools.cache(msgspec.structs.fields)


def checked_shape(layer: Layer, inputs: list[Shape], sources: list[str]) -> Shape:
    """Output shape of a layer for inputs of these shapes, which come from layers of these names.

    Raises:
        NetworkError: If the shapes do not fit; the message names the layer and its sources.
    """
    require_arity(layer, len(inputs))
    try:
        shape = layer.output_shape(*inputs)
    except NetworkError as problem:
        raise NetworkError(f"{_title(layer)}, after {' and '.join(sources)}: {problem}") from problem
    if math.prod(shape) > _MOST_VALUES:
        raise NetworkError(
            f"{_title(layer)} has output shape {shape}, more than the limit of {_MOST_VALUES:,} values for one sample"
        )
    return shape


def require_arity(layer: Layer, count: int) -> None:
    """Raise a `NetworkError` if the layer cannot take this number of inputs."""
    least, most = layer.arity()
    if not least <= count <= most:
        expected = text.counted(least, "input") if least == most else f"at least {text.counted(least, 'input')}"
        raise NetworkError(f"{_title(layer)} needs {expected}, got {count}")


def _title(layer: Layer) -> str:
    return f"{type(layer).__name__} {layer.name!r}" if layer.name else type(layer).__name__


def weight_and_bias(weight: Parameter, *, bias: bool) -> dict[str, Parameter]:
    """The parameters of a layer with a weight and, if wanted, one bias for each output."""
    return {"weight": weight} | ({"bias": Parameter(weight.shape[:1], "zeros")} if bias else {})


def layer_to_dict(layer: Layer) -> dict[str, Any]:
    """A layer as plain data: its `type`, its settings, and its `name` if it has one."""
    data: dict[str, Any] = msgspec.to_builtins(layer)
    return {key: value for key, value in data.items() if key != "name" or value is not None}


def layer_from_dict(data: dict[str, Any], *, what: str = "the layer") -> Layer:
    """The layer that plain data describes.

    Args:
        data: As `layer_to_dict` returns it.
        what: What is being read, for error messages.

    Raises:
        NetworkError: If the type is unknown (the message suggests the nearest one) or a setting is invalid.
    """
    kind = data.get("type") if isinstance(data, dict) else None
    if not isinstance(kind, str):
        raise NetworkError(f'{what} has no "type": expected an object such as {{"type": "ReLU"}}, got {data!r:.80}')
    if kind not in Layer.types:
        raise NetworkError(f"{what} has the unknown type {kind!r}: {text.nearest(kind, list(Layer.types))}")
    return records.from_builtins(data, Layer.types[kind], what=f"{what} ({kind})", error=NetworkError)
