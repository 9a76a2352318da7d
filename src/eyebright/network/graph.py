"""A network: layers, wired into a graph that has one input and one output, as data that goes to JSON and back.

inputs = Input((32,))()                                Network.sequential(
outputs = Linear(1)(inputs)             is the same as     Input((32,)),
network = Network(inputs, outputs)                         Linear(1))
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from eyebright.network.document import from_document, to_document
from eyebright.network.layer import Layer, Node, Parameter, Shape, checked_shape
from eyebright.network.layers import Input
from eyebright.network.wiring import Parts, ancestors, depends, parts_in_a_row, parts_of
from eyebright.system import records
from eyebright.system.errors import NetworkError
from eyebright.system.text import nearest


class Place(NamedTuple):
    """One layer of a network with its surroundings."""

    layer: Layer
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    shape: Shape

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The tensors that the layer learns, by their name within the layer."""
        return self.layer.parameters(*self.input_shapes)

    @property
    def tensors(self) -> dict[str, Parameter]:
        """All tensors of the layer, learned ones first."""
        return self.parameters | self.layer.buffers(*self.input_shapes)

    @property
    def multiply_adds(self) -> int:
        """The layer's multiplications for one sample."""
        return self.layer.multiply_adds(*self.input_shapes)


class Network:
    """A checked, immutable graph of layers.

    Args:
        inputs: The node of the one `Input`.
        outputs: The node whose value is the result.

    Raises:
        NetworkError: When the output does not depend on the input, or two layers have one name.
    """

    def __init__(self, inputs: Node, outputs: Node) -> None:
        if not isinstance(inputs.layer, Input):
            raise NetworkError(f"inputs must be the node of an Input, got that of a {type(inputs.layer).__name__}")
        if not depends(outputs, inputs):
            raise NetworkError("the network's output does not depend on its input: pass nodes that were wired together")
        self._place(parts_of(outputs))

    @classmethod
    def sequential(cls, *layers: Layer) -> "Network":
        """A network in which each layer reads from the one before it; the first is an `Input`."""
        if not layers or not isinstance(layers[0], Input):
            found = type(layers[0]).__name__ if layers else "nothing"
            raise NetworkError(f"a sequential network starts with an Input, got {found}")
        for layer in layers:
            if not isinstance(layer, Layer):
                raise NetworkError(f"expected a layer as in ReLU(), got {layer!r}")
        return cls.from_parts(parts_in_a_row(list(layers)))

    @classmethod
    def from_parts(cls, parts: Parts) -> "Network":
        """The network that is made of these parts; errors as in the constructor."""
        network = cls.__new__(cls)
        network._place(parts)
        return network

    def _place(self, parts: Parts) -> None:
        """Fill in shapes, layer by layer."""
        places: dict[str, Place] = {}
        for layer in parts.layers:
            name = str(layer.name)
            sources = parts.wiring[name]
            shapes = tuple(places[source].shape for source in sources)
            places[name] = Place(layer, sources, shapes, checked_shape(layer, list(shapes), list(sources)))
        inputs = [name for name, place in places.items() if isinstance(place.layer, Input)]
        if len(inputs) != 1:
            raise NetworkError(f"a network has one Input, got {len(inputs)}: {', '.join(inputs)}")
        self.places: Mapping[str, Place] = MappingProxyType(places)
        self.input = inputs[0]
        self.output = parts.output

    @property
    def input_shape(self) -> Shape:
        """Shape of one sample: `(channels, height, width)` or `(features,)`."""
        return self.places[self.input].shape

    @property
    def output_shape(self) -> Shape:
        """Shape of the result for one sample."""
        return self.places[self.output].shape

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Every tensor that the network learns, by `layer.tensor`, in the order of the layers."""
        return {
            f"{name}.{key}": parameter
            for name, place in self.places.items()
            for key, parameter in place.parameters.items()
        }

    @property
    def tensors(self) -> dict[str, Parameter]:
        """Every tensor of the network's weights: what it learns, and running statistics."""
        return {f"{name}.{key}": tensor for name, place in self.places.items() for key, tensor in place.tensors.items()}

    @property
    def parameter_count(self) -> int:
        """How many numbers the network learns; running statistics do not count."""
        return sum(parameter.size for parameter in self.parameters.values())

    @property
    def multiply_adds(self) -> int:
        """Multiplications (each with its addition) for one sample."""
        return sum(place.multiply_adds for place in self.places.values())

    def layer(self, name: str) -> Layer:
        """The layer of that name; a `NetworkError` naming the nearest one where there is none."""
        if name not in self.places:
            raise NetworkError(f"there is no layer {name!r}: {nearest(name, list(self.places))}")
        return self.places[name].layer

    @property
    def parts(self) -> Parts:
        """The layers in an order in which they can be computed, and their wiring."""
        layers = [place.layer for place in self.places.values()]
        return Parts(layers, {name: place.inputs for name, place in self.places.items()}, self.output)

    def up_to(self, name: str) -> "Network":
        """The part of the network that leads to a layer, whose value becomes the result."""
        self.layer(name)
        needed = ancestors(name, self.parts.wiring)
        wiring = {other: sources for other, sources in self.parts.wiring.items() if other in needed}
        return Network.from_parts(Parts([self.places[other].layer for other in wiring], wiring, name))

    def to_dict(self) -> dict[str, Any]:
        """The network as plain data."""
        return to_document(self.parts)

    def to_json(self) -> str:
        """The network as JSON text."""
        return records.to_json(self.to_dict())

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Network":
        """The network that the data describes.

        Raises:
            NetworkError: When the data is of a newer format, or a layer is unknown, unconnected, in a cycle, named
                twice or does not fit its inputs; the message names the layer.
        """
        return cls.from_parts(from_document(data))

    @classmethod
    def from_json(cls, text: str | bytes) -> "Network":
        """The network that the JSON text describes; errors as in `from_dict`."""
        return cls.from_dict(records.from_json(text, dict[str, Any], what="the network", error=NetworkError))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> "Network":
        """The network in a file of JSON; errors as in `from_dict`, also where it cannot be read, and they name it."""
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
