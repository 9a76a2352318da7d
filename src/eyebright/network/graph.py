"""A network: layers, wired into a graph that has one input and one output, as data that goes to JSON and back.

    inputs = Input((32,))()                                Network.sequential(
    outputs = Linear(1)(inputs)             is the same as     Input((32,)),
    network = Network(inputs, outputs)                         Linear(1))

The JSON lists the layers in an order in which they can be computed, each with its type, name, settings and the names of
the layers it reads from:

    {"format": 1, "layers": [{"type": "Input", "name": "input_1", "shape": [32], "inputs": []}, ...], "output": "..."}
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from eyebright import codec
from eyebright.errors import NetworkError
from eyebright.network.layer import Layer, Node, Parameter, Shape, checked_shape, layer_from_dict, layer_to_dict
from eyebright.network.layers import Input

FORMAT = 1
_MOST_LAYERS = 100_000


class Place(NamedTuple):
    """One layer of a network with its surroundings."""

    layer: Layer
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    shape: Shape

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The layer's own tensors, by their name within the layer."""
        return self.layer.parameters(*self.input_shapes)

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
        nodes = list(_in_order(outputs))
        if inputs not in nodes:
            raise NetworkError(
                "the network's output does not depend on its input: pass the nodes that were wired together"
            )
        names = _names([node.layer for node in nodes])
        by_node = dict(zip(nodes, names, strict=True))
        wiring = {by_node[node]: tuple(by_node[source] for source in node.inputs) for node in nodes}
        layers = [_named(node.layer, by_node[node]) for node in nodes]
        self._place(layers, wiring, by_node[outputs])

    @classmethod
    def sequential(cls, *layers: Layer) -> "Network":
        """A network in which each layer reads from the one before it; the first is an `Input`."""
        if not layers or not isinstance(layers[0], Input):
            raise NetworkError(
                f"a sequential network starts with an Input, got {type(layers[0]).__name__ if layers else 'nothing'}"
            )
        for layer in layers:
            if not isinstance(layer, Layer):
                raise NetworkError(f"expected a layer as in ReLU(), got {layer!r}")
        names = _names(list(layers))
        wiring = {name: tuple(names[max(index - 1, 0) : index]) for index, name in enumerate(names)}
        return cls.from_parts(
            [_named(layer, name) for layer, name in zip(layers, names, strict=True)], wiring, names[-1]
        )

    @classmethod
    def from_parts(cls, layers: list[Layer], wiring: dict[str, tuple[str, ...]], output: str) -> "Network":
        network = cls.__new__(cls)
        network._place(layers, wiring, output)
        return network

    def _place(self, layers: list[Layer], wiring: Mapping[str, tuple[str, ...]], output: str) -> None:
        """Fill in shapes, layer by layer; the layers come in an order in which they can be computed."""
        places: dict[str, Place] = {}
        for layer in layers:
            name = str(layer.name)
            sources = wiring[name]
            shapes = tuple(places[source].shape for source in sources)
            places[name] = Place(layer, sources, shapes, checked_shape(layer, list(shapes)))
        inputs = [name for name, place in places.items() if isinstance(place.layer, Input)]
        if len(inputs) != 1:
            raise NetworkError(f"a network has one Input, got {len(inputs)}: {', '.join(inputs)}")
        self.places: Mapping[str, Place] = MappingProxyType(places)
        self.input = inputs[0]
        self.output = output

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
    def parameter_count(self) -> int:
        """How many numbers the network learns."""
        return sum(parameter.size for parameter in self.parameters.values())

    @property
    def multiply_adds(self) -> int:
        """Multiplications (each with its addition) for one sample."""
        return sum(place.multiply_adds for place in self.places.values())

    def layer(self, name: str) -> Layer:
        """The layer of that name; a `NetworkError` naming the nearest one where there is none."""
        if name not in self.places:
            raise NetworkError(f"there is no layer {name!r}: {codec.nearest(name, list(self.places))}")
        return self.places[name].layer

    def to_dict(self) -> dict[str, Any]:
        """The network as plain data."""
        layers = [layer_to_dict(place.layer) | {"inputs": list(place.inputs)} for place in self.places.values()]
        return {"format": FORMAT, "layers": layers, "output": self.output}

    def to_json(self) -> str:
        """The network as JSON text."""
        return codec.to_json(self.to_dict())

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Network":
        """The network that the data describes.

        Raises:
            NetworkError: When the data is of a newer format, or a layer is unknown, unconnected, in a cycle, named
                twice or does not fit its inputs; the message names the layer.
        """
        version = codec.from_builtins(data, _Version, what="the network", error=NetworkError).format
        if not 1 <= version <= FORMAT:
            raise NetworkError(
                f"the network is of format {version}, this eyebright reads up to {FORMAT}: update eyebright"
            )
        document = codec.from_builtins(data, _Document, what="the network", error=NetworkError)
        if len(document.layers) > _MOST_LAYERS:
            raise NetworkError(f"the network has {len(document.layers)} layers, more than {_MOST_LAYERS}")
        layers, wiring = [], {}
        for index, entry in enumerate(document.layers):
            what = f"layer {entry.get('name') or index + 1!r}" if isinstance(entry, dict) else f"layer {index + 1}"
            layer = layer_from_dict({key: value for key, value in entry.items() if key != "inputs"}, what=what)
            if not layer.name:
                raise NetworkError(f"{what} has no name: every layer in a network's JSON needs one")
            layers.append(layer)
            wiring[layer.name] = codec.from_builtins(
                entry.get("inputs", []), tuple[str, ...], what=f"inputs of {what}", error=NetworkError
            )
        _names(layers)
        if document.output not in wiring:
            raise NetworkError(
                f"the output {document.output!r} is no layer: {codec.nearest(document.output, list(wiring))}"
            )
        return cls.from_parts(_sorted(layers, wiring, document.output), wiring, document.output)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Network":
        """The network that the JSON text describes; errors as in `from_dict`."""
        return cls.from_dict(codec.from_json(text, dict[str, Any], what="the network", error=NetworkError))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __repr__(self) -> str:
        shapes = f"{self.input_shape} to {self.output_shape}"
        return f"<Network of {len(self.places)} layers: {shapes}, {self.parameter_count:,} parameters>"


class _Version(msgspec.Struct):
    format: int


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    layers: list[dict[str, Any]]
    output: str


def _in_order(output: Node) -> Iterator[Node]:
    """All nodes that the output depends on, each after those it reads from; without recursion, for deep networks."""
    done: set[Node] = set()
    stack = [(output, iter(output.inputs))]
    while stack:
        node, waiting = stack[-1]
        following = next((source for source in waiting if source not in done), None)
        if following is not None:
            stack.append((following, iter(following.inputs)))
            continue
        stack.pop()
        if node not in done:
            done.add(node)
            yield node


def _names(layers: list[Layer]) -> list[str]:
    """A name for every layer: its own, or its stem and the next free number."""
    taken = Counter(layer.name for layer in layers if layer.name)
    twice = [name for name, count in taken.items() if count > 1]
    if twice:
        raise NetworkError(f"two layers are named {twice[0]!r}: every layer of a network needs a name of its own")
    counts: Counter[str] = Counter()
    names = []
    for layer in layers:
        name = layer.name
        while not name or (not layer.name and name in taken):
            counts[layer.stem] += 1
            name = f"{layer.stem}_{counts[layer.stem]}"
        names.append(name)
    return names


def _named(layer: Layer, name: str) -> Layer:
    return layer if layer.name == name else msgspec.structs.replace(layer, name=name)


def _sorted(layers: list[Layer], wiring: Mapping[str, tuple[str, ...]], output: str) -> list[Layer]:
    """The layers in an order in which they can be computed, which keeps to the given order where that is one."""
    for name, sources in wiring.items():
        unknown = [source for source in sources if source not in wiring]
        if unknown:
            raise NetworkError(
                f"layer {name!r} reads from unknown {unknown[0]!r}: {codec.nearest(unknown[0], list(wiring))}"
            )
    readers: dict[str, list[int]] = {name: [] for name in wiring}
    missing = [len(wiring[str(layer.name)]) for layer in layers]
    for index, layer in enumerate(layers):
        for source in wiring[str(layer.name)]:
            readers[source].append(index)
    ready = [index for index, count in enumerate(missing) if not count]  # sorted, hence a heap
    order: list[Layer] = []
    while ready:
        order.append(layers[heapq.heappop(ready)])
        for reader in readers[str(order[-1].name)]:
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, reader)
    if len(order) < len(layers):
        waiting = ", ".join(str(layer.name) for layer, count in zip(layers, missing, strict=True) if count)
        raise NetworkError(f"layers wait for each other in a cycle: {waiting}")
    used = _ancestors(output, wiring)
    idle = [str(layer.name) for layer in order if layer.name not in used]
    if idle:
        raise NetworkError(f"layers do not lead to the output {output!r}: {', '.join(idle)}")
    return order


def _ancestors(output: str, wiring: Mapping[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    waiting = [output]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(wiring[name])
    return found
