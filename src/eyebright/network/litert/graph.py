"""A LiteRT graph that is being built, and `emit`, which adds the operators of a layer to it.

Images are `(N, H, W, C)`. The first dimension of every tensor that is no constant is the batch, of any size.
"""

from collections.abc import Iterable, Mapping
from functools import singledispatch
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.network.graph import Place
from eyebright.network.layer import Layer, Shape, channels_last
from eyebright.network.litert.schema import ACTIVATIONS, OPERATORS
from eyebright.network.wiring import Names
from eyebright.system.errors import NetworkError

_FUSED = "fused_activation_function"

Precision: TypeAlias = Literal["float32", "float16"]


class Tensor(NamedTuple):
    """A tensor of the graph.

    Args:
        shape: Its shape; that of one sample, with a first dimension of 1, if it is no constant.
        dtype: The name of its type.
        values: The values of a constant.
        batched: Whether its first dimension is the batch.
    """

    shape: Shape
    dtype: str = "float32"
    values: NDArray[np.generic] | None = None
    batched: bool = True


class Operator(NamedTuple):
    """An operator: its name in the schema, names of its inputs and output, and its options."""

    kind: str
    inputs: list[str]
    output: str
    options: dict[str, Any]


class Site(NamedTuple):
    """Where a layer is added to a graph.

    Args:
        place: The layer in its network.
        inputs: Names of the tensors that it reads.
        output: The name for its result.
        weights: Its weights, by name within the layer.
        alone: Whether no other layer reads its first input.
        positive: Whether its first input has no values below 0.
    """

    place: Place
    inputs: list[str]
    output: str
    weights: Mapping[str, NDArray[np.float32]]
    alone: bool
    positive: bool

    @property
    def shape(self) -> Shape:
        """The shape of its result, `(1, H, W, C)` or `(1, features)`."""
        return (1, *channels_last(self.place.shape))


class Graph:
    """A LiteRT graph that is being built.

    Args:
        taken: Names that are already in use.
        precision: The type in which weights are stored.
    """

    def __init__(self, taken: Iterable[str] = (), *, precision: Precision = "float32") -> None:
        self.fresh = Names(taken).fresh
        """An unused name."""
        self._precision = precision
        self.tensors: dict[str, Tensor] = {}
        self.operators: list[Operator] = []

    def add(
        self,
        kind: str,
        inputs: list[str],
        output: str,
        *,
        shape: Shape | None = None,
        dtype: str = "float32",
        **options: Any,
    ) -> str:
        """Add one operator, and return the name of its output.

        Args:
            kind: Its name in the schema.
            inputs: Names of its inputs.
            output: The name of its output.
            shape: The shape of its output for one sample; None for that of its inputs, broadcast.
            dtype: The type of its output.
            **options: Its options in the schema.
        """
        if shape is None:
            shape = np.broadcast_shapes(*(self.tensors[name].shape for name in inputs))
        self.tensors[output] = Tensor(shape, dtype)
        self.operators.append(Operator(kind, inputs, output, options))
        return output

    def step(self, kind: str, inputs: list[str], name: str, **options: Any) -> str:
        """Add one operator inside a layer, under an unused name similar to the given one; arguments as in `add`."""
        return self.add(kind, inputs, self.fresh(name), **options)

    def add_activation(self, site: Site, kind: str) -> str:
        """Add an activation; if only this layer reads its input, the operator before it applies the activation."""
        (source,) = site.inputs
        before = next((operator for operator in self.operators[-1:] if operator.output == source and site.alone), None)
        if before is None or _FUSED in before.options or _FUSED not in OPERATORS[before.kind][1].fields:
            return self.add(kind, [source], site.output)
        del self.operators[-1]
        options = before.options | {_FUSED: ACTIVATIONS[kind]}
        shape = self.tensors.pop(source).shape
        return self.add(before.kind, before.inputs, site.output, shape=shape, **options)

    def constant(self, name: str, values: Any, dtype: str = "float32") -> str:
        """Add a constant under an unused name similar to the given one, and return that name."""
        name = self.fresh(name)
        array = np.ascontiguousarray(values, dtype)
        self.tensors[name] = Tensor(np.shape(values), dtype, array, batched=False)
        return name

    def weight(self, name: str, values: NDArray[np.floating[Any]]) -> str:
        """Add a constant that is stored in the precision of the graph, and return the name of its float32 values."""
        if self._precision == "float32":
            return self.constant(name, values)
        with np.errstate(over="ignore"):
            halves = values.astype(np.float16)
        if not np.isfinite(halves).all():
            raise NetworkError(
                f"{name} has a value of {np.abs(values).max():.3g}, above the largest of float16 (65,504): "
                "export float32"
            )
        stored = self.constant(f"{name}.float16", halves, "float16")
        name = self.fresh(name)
        self.operators.append(Operator("DEQUANTIZE", [stored], name, {}))
        self.tensors[name] = Tensor(values.shape, batched=False)
        return name


@singledispatch
def emit(layer: Layer, site: Site, graph: Graph) -> str:
    """Add the operators that compute a layer. Register a function for your own layer with `emit.register`.

    Args:
        layer: The layer.
        site: What it reads, its weights, and the name for its result.
        graph: The graph to add operators to.

    Returns:
        The name of the tensor that has its result.
    """
    raise NetworkError(
        f"a layer of type {type(layer).__name__} cannot be exported to LiteRT: register a function with emit.register"
    )
