"""A network: layers wired into a graph with one input and one output, as data that goes to JSON and back.

The functional form and the sequential form describe the same network:

    inputs = Input((32,))()                                Network.sequential(
    outputs = Linear(1)(inputs)                                Input((32,)),
    network = Network(inputs, outputs)                         Linear(1))

The JSON lists the layers in an order in which they can be computed, each with its type, name, settings and the names of
its input layers:

    {"format": 1, "layers": [{"type": "Input", "name": "input_1", "shape": [32], "inputs": []}, ...], "output": "..."}
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from eyebright.network.layer import (
    Layer,
    Node,
    Parameter,
    Shape,
    checked_shape,
    layer_from_dict,
    layer_to_dict,
    require_arity,
)
from eyebright.network.layers import Input
from eyebright.network.wiring import Wiring, ancestors, chained, depends, names_of, sorted_layers, traced
from eyebright.system import records
from eyebright.system.errors import NetworkError
from eyebright.system.text import nearest

FORMAT = 1
_MOST_LAYERS, _MOST_SHOWN = 100_000, 20


class Place(NamedTuple):
    """One layer of a network with its surroundings.

    Args:
        layer: The layer.
        inputs: Names of its input layers.
        input_shapes: Shapes of its inputs for one sample.
        shape: Shape of its output for one sample.
    """

    layer: Layer
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    shape: Shape

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The tensors that the layer learns, by name within the layer."""
        return self.layer.parameters(*self.input_shapes)

    @property
    def tensors(self) -> dict[str, Parameter]:
        """All tensors of the layer: parameters, then running statistics."""
        return self.parameters | self.layer.buffers(*self.input_shapes)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of the layer for one sample."""
        return self.layer.multiply_adds(*self.input_shapes)


class Network:
    """A checked, immutable graph of layers.

    Args:
        inputs: The node of the network's `Input`.
        outputs: The node whose value is the network's output.

    Raises:
        NetworkError: If the output does not depend on the input, or two layers have the same name.
    """

    def __init__(self, inputs: Node, outputs: Node) -> None:
        if not isinstance(inputs.layer, Input):
            raise NetworkError(f"inputs must be the node of an Input layer, got one of {type(inputs.layer).__name__}")
        if not depends(outputs, inputs):
            raise NetworkError("the output does not depend on the input: pass two nodes of the same graph")
        self._build(*traced(outputs))

    @classmethod
    def sequential(cls, *layers: Layer) -> "Network":
        """A network in which each layer reads from the one before it; the first is an `Input`."""
        if not layers or not isinstance(layers[0], Input):
            found = type(layers[0]).__name__ if layers else "nothing"
            raise NetworkError(f"a sequential network must start with an Input layer, got {found}")
        for layer in layers:
            if not isinstance(layer, Layer):
                raise NetworkError(f"expected a layer such as ReLU(), got {layer!r}")
        return cls.from_layers(*chained(layers))

    @classmethod
    def from_layers(cls, layers: Iterable[Layer], wiring: Wiring, output: str) -> "Network":
        """A network of named layers.

        Args:
            layers: The layers, in an order in which they can be computed.
            wiring: For each layer's name the names of its input layers.
            output: Name of the layer whose value is the network's output.

        Raises:
            NetworkError: If the shapes do not fit, or there is not exactly one `Input`.
        """
        network = cls.__new__(cls)
        network._build(layers, wiring, output)
        return network

    def _build(self, layers: Iterable[Layer], wiring: Wiring, output: str) -> None:
        """Compute the shapes, layer by layer."""
        places: dict[str, Place] = {}
        for layer in layers:
            sources = wiring[str(layer.name)]
            shapes = tuple(places[source].shape for source in sources)
            places[str(layer.name)] = Place(layer, sources, shapes, checked_shape(layer, list(shapes), list(sources)))
        inputs = [name for name, place in places.items() if isinstance(place.layer, Input)]
        if len(inputs) != 1:
            raise NetworkError(f"a network needs exactly one Input layer, got {len(inputs)}: {', '.join(inputs)}")
        self.places: Mapping[str, Place] = MappingProxyType(places)
        self.input = inputs[0]
        self.output = output

    @property
    def input_shape(self) -> Shape:
        """Shape of one sample: `(channels, height, width)` or `(features,)`."""
        return self.places[self.input].shape

    @property
    def output_shape(self) -> Shape:
        """Shape of the output for one sample."""
        return self.places[self.output].shape

    @property
    def wiring(self) -> dict[str, tuple[str, ...]]:
        """For each layer's name the names of its input layers, in the order of the layers."""
        return {name: place.inputs for name, place in self.places.items()}

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Every tensor that the network learns, by `layer.tensor`, in the order of the layers."""
        return {
            f"{name}.{key}": tensor for name, place in self.places.items() for key, tensor in place.parameters.items()
        }

    @property
    def tensors(self) -> dict[str, Parameter]:
        """Every tensor of the network's weights, by `layer.tensor`: parameters and running statistics."""
        return {f"{name}.{key}": tensor for name, place in self.places.items() for key, tensor in place.tensors.items()}

    @property
    def parameter_count(self) -> int:
        """Number of values that the network learns, without running statistics."""
        return sum(parameter.size for parameter in self.parameters.values())

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of the network for one sample."""
        return sum(place.multiply_adds for place in self.places.values())

    def layer(self, name: str) -> Layer:
        """The layer of this name; a `NetworkError` that suggests the nearest name if there is none."""
        if name not in self.places:
            raise NetworkError(f"the network has no layer {name!r}: {nearest(name, list(self.places))}")
        return self.places[name].layer

    def up_to(self, name: str) -> "Network":
        """The part of the network that computes this layer, whose value becomes the output."""
        self.layer(name)
        needed = ancestors(name, self.wiring)
        wiring = {other: sources for other, sources in self.wiring.items() if other in needed}
        return Network.from_layers((self.places[other].layer for other in wiring), wiring, name)

    def to_dict(self) -> dict[str, Any]:
        """The network as plain data."""
        layers = [layer_to_dict(place.layer) | {"inputs": list(place.inputs)} for place in self.places.values()]
        return {"format": FORMAT, "layers": layers, "output": self.output}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Network":
        """The network that plain data describes; the layers may be in any order.

        Raises:
            NetworkError: If the data has a newer format, or a layer is unknown, not connected, part of a cycle, has
                the name of another one or does not fit its inputs; the message names the layer.
        """
        document = _document(data)
        layers, wiring = [], {}
        for index, entry in enumerate(document.layers):
            layer, sources = _layer(entry, what=f"layer {entry.get('name') or index + 1!r}")
            layers.append(layer)
            wiring[str(layer.name)] = sources
        names_of(layers)
        if document.output not in wiring:
            raise NetworkError(
                f"the output {document.output!r} is not a layer: {nearest(document.output, list(wiring))}"
            )
        return cls.from_layers(sorted_layers(layers, wiring, document.output), wiring, document.output)

    def to_json(self) -> str:
        """The network as JSON text."""
        return records.to_json(self.to_dict())

    @classmethod
    def from_json(cls, text: str | bytes) -> "Network":
        """The network that JSON text describes; raises as `from_dict`."""
        return cls.from_dict(records.from_json(text, dict[str, Any], what="the network", error=NetworkError))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> "Network":
        """The network in a JSON file; raises as `from_dict`, also if the file cannot be read, and names the file."""
        try:
            return cls.from_json(Path(path).read_bytes())
        except OSError as problem:
            raise NetworkError(f"the network {path} cannot be read: {problem.strerror}") from problem
        except NetworkError as problem:
            raise NetworkError(f"{path}: {problem}") from problem

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __repr__(self) -> str:
        shapes = f"{self.input_shape} to {self.output_shape}"
        return f"<Network of {len(self.places)} layers: {shapes}, {self.parameter_count:,} parameters>"

    def _repr_html_(self) -> str:
        from eyebright.network.summary import as_table

        return as_table(self).html(_MOST_SHOWN)


class _Version(msgspec.Struct):
    format: int


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    layers: list[dict[str, Any]]
    output: str


def _document(data: dict[str, Any]) -> _Document:
    """The document with its format and size checked; the version comes first, since newer ones may have other keys."""
    version = records.from_builtins(data, _Version, what="the network", error=NetworkError).format
    if version > FORMAT:
        raise NetworkError(
            f"the network has format {version}, but this eyebright reads formats up to {FORMAT}: update eyebright"
        )
    if version < 1:
        raise NetworkError(f"the network has the invalid format {version}, expected {FORMAT}")
    document = records.from_builtins(data, _Document, what="the network", error=NetworkError)
    if len(document.layers) > _MOST_LAYERS:
        raise NetworkError(f"the network has {len(document.layers):,} layers, more than the limit of {_MOST_LAYERS:,}")
    return document


def _layer(entry: dict[str, Any], *, what: str) -> tuple[Layer, tuple[str, ...]]:
    """A layer of the document, and the names of its input layers."""
    layer = layer_from_dict({key: value for key, value in entry.items() if key != "inputs"}, what=what)
    if not layer.name:
        raise NetworkError(f"{what} has no name: every layer in a network's JSON needs one")
    sources = records.from_builtins(
        entry.get("inputs", []), tuple[str, ...], what=f"inputs of {what}", error=NetworkError
    )
    require_arity(layer, len(sources))
    return layer, sources
