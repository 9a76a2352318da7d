"""Models of Keras as networks: sequential and functional ones of Keras 2 and 3, nested in each other.

The configuration lists layers with their settings and, in functional models, the calls that connect them. Keras 3
stores the weights of a layer below its class and a counter, in the order of the layers (`layers/conv2d_1/vars/0`);
Keras 2 below its name.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from typing import Any, NamedTuple, TypeAlias

from eyebright.model.importing.assembly import Assembly, Value
from eyebright.model.importing.keras_file import KerasFile
from eyebright.model.importing.keras_layers import StoredLayer, translate, unsupported
from eyebright.model.importing.keras_operators import is_operator, operate
from eyebright.network import Input, Network, Weights
from eyebright.network.keras.graph import weight_groups
from eyebright.system.errors import ModelError, NetworkError

_MODELS = ("Sequential", "Functional", "Model")
_MOST_DEPTH = 30
_MOST_CALLS = 20_000
_Key: TypeAlias = tuple[str, int]
"""A layer, and the number of the call of it that gives a value."""


class _Call(NamedTuple):
    """One call of a layer: what it reads, and numbers in between."""

    layer: dict[str, Any]
    arguments: tuple[Any, ...]

    @property
    def sources(self) -> list[_Key]:
        return [argument for argument in self.arguments if isinstance(argument, tuple)]


class _Part(NamedTuple):
    """A model within a file: its names from the outermost inwards, and where its weights are in Keras 3."""

    within: tuple[str, ...]
    path: str


def keras_network(stored: KerasFile, size: tuple[int, int] | None = None) -> tuple[Network, Weights]:
    """The network of a file, on images in channels first, and its weights.

    Args:
        stored: The content of the file.
        size: Height and width of the images, for a model that takes any.

    Raises:
        ModelError: When a layer is not supported, or the description does not make sense.
    """
    reading = _Reading(stored)
    try:
        kind, settings = _model_of(stored.config)
        pictures = reading.assembly.add(Input(_input_shape(settings, size), name="pictures"))
        output = reading.model(kind, settings, pictures, _Part((), ""))
        return reading.assembly.finish(output)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError) as problem:
        if isinstance(problem, ModelError):
            raise
        reason = problem if isinstance(problem, NetworkError) else f"{type(problem).__name__}: {problem}"
        raise ModelError(f"its description of the network cannot be understood: {reason}") from problem


class _Reading:
    """One pass over the models of a file."""

    def __init__(self, stored: KerasFile) -> None:
        self.stored = stored
        self.assembly = Assembly()

    def model(self, kind: str, settings: dict[str, Any], read: Value, part: _Part) -> Value:
        """Add the layers of a model that reads a value."""
        if len(part.within) > _MOST_DEPTH:
            raise ModelError(f"there are more than {_MOST_DEPTH} models within each other")
        layers = [layer for layer in _layers(settings) if kind != "Sequential" or layer["class_name"] != "InputLayer"]
        paths = self._paths(layers, part)
        if kind == "Sequential":
            for layer in layers:
                read = self.layer(layer, [read], part, paths)
            return read
        return self._functional(settings, layers, read, part, paths)

    def _functional(
        self, settings: dict[str, Any], layers: list[dict[str, Any]], read: Value, part: _Part, paths: Mapping[str, str]
    ) -> Value:
        (entry,), (end,) = (_ends(settings, key) for key in ("input_layers", "output_layers"))
        values: dict[_Key, Value] = {entry: read}
        calls = {key: call for layer in layers for key, call in _calls(layer) if key != entry}
        needed = _needed(calls, end, entry)
        used = Counter(name for name, _ in needed)
        for key in needed:
            call = calls[key]
            if used[key[0]] > 1 and self._has_weights(call.layer, part, paths):
                raise ModelError(f"the layer {key[0]!r} is used more than once, with the same weights: not supported")
            arguments = [values[each] if isinstance(each, tuple) else each for each in call.arguments]
            values[key] = self.layer(call.layer, arguments, part, paths)
        return values[end]

    def layer(self, layer: dict[str, Any], arguments: Sequence[Any], part: _Part, paths: Mapping[str, str]) -> Value:
        """Add one layer, or the layers of a model within the model."""
        kind, name, settings = layer["class_name"], _name(layer), layer["config"]
        title = ".".join([*part.within, name])
        inputs = [value for value in arguments if isinstance(value, Value)]
        if kind in _MODELS:
            (read,) = inputs
            return self.model(kind, settings, read, _Part((*part.within, name), paths[name]))
        try:
            if is_operator(layer):
                return operate(self.assembly, layer, title, arguments)
            if layer.get("registered_name") not in (None, kind) and ">" in str(layer["registered_name"]):
                raise ModelError(unsupported(str(layer["registered_name"]), title))
            tensors = self._tensors(name, part, paths)
            return translate(self.assembly, StoredLayer(kind, title, settings, tensors, self.stored.major), inputs)
        except NetworkError as problem:
            raise ModelError(f"the layer {title!r} of the class {kind} cannot be imported: {problem}") from problem

    def _tensors(self, name: str, part: _Part, paths: Mapping[str, str]) -> list[Any]:
        return self.stored.named(part.within, name) if self.stored.legacy else self.stored.numbered(paths[name])

    def _has_weights(self, layer: dict[str, Any], part: _Part, paths: Mapping[str, str]) -> bool:
        return layer["class_name"] in _MODELS or bool(self._tensors(_name(layer), part, paths))

    def _paths(self, layers: list[dict[str, Any]], part: _Part) -> dict[str, str]:
        """Where Keras 3 stores the weights of each layer: its class in snake case, and a counter."""
        container = self.stored.container(part.path)
        own = (layer for layer in layers if not is_operator(layer))
        kinds = (
            (_name(layer), "Functional" if layer["class_name"] == "Model" else layer["class_name"]) for layer in own
        )
        return weight_groups(kinds, container)


def _model_of(config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The class and settings of the file's model."""
    kind, settings = config.get("class_name"), config.get("config")
    if isinstance(settings, list):  # before Keras 2.2.3
        settings = {"layers": settings}
    if kind not in _MODELS or not isinstance(settings, dict) or "layers" not in settings:
        raise ModelError(
            f"it contains a model of the class {str(kind)!r:.60}, whose code is not in the file: only Sequential and "
            "functional models can be imported"
        )
    return str(kind), settings


def _layers(settings: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers of a model, checked as far as every layer has it."""
    layers = settings["layers"]
    for layer in layers if isinstance(layers, list) else [layers]:
        if not (
            isinstance(layer, dict)
            and isinstance(layer.get("class_name"), str)
            and isinstance(layer.get("config"), dict | list)
        ):
            raise ModelError(f"its description of the network has no class and settings in {layer!r:.100}")
        if isinstance(layer["config"], list):
            layer["config"] = {"layers": layer["config"]}
    if not layers or len(layers) > _MOST_CALLS:
        raise ModelError(f"expected a model of 1 to {_MOST_CALLS:,} layers, got {len(layers):,}")
    return layers  # type: ignore[no-any-return]


def _name(layer: dict[str, Any]) -> str:
    return str(layer["config"].get("name") or layer.get("name") or layer["class_name"])


def _input_shape(settings: dict[str, Any], size: tuple[int, int] | None) -> tuple[int, ...]:
    """(C, H, W) of the images that a model takes."""
    layers = _layers(settings)
    while layers[0]["class_name"] in _MODELS:
        layers = _layers(layers[0]["config"])
    asked = [layer["config"].get(key) for layer in layers for key in ("batch_shape", "batch_input_shape")]
    asked += [settings.get("build_input_shape")]
    shape = next((value for value in asked if isinstance(value, list)), None)
    if shape is None:
        raise ModelError("it does not say which shape its images have: build the model with an Input layer")
    sides = list(shape[1:]) + ([1] if len(shape) == 3 else [])  # rows and columns of a grey image
    if len(sides) != 3:
        raise ModelError(f"it takes values of the shape {tuple(shape[1:])}: expected images (height, width, channels)")
    if None in sides[:2]:
        if size is None:
            raise ModelError("it takes images of any size: choose one, as in --size 224")
        sides[:2] = size
    height, width, channels = sides
    return channels, height, width


def _ends(settings: dict[str, Any], key: str) -> list[_Key]:
    """The value that a functional model reads or gives; it must be one."""
    found = settings[key]
    if found and isinstance(found[0], str):
        found = [found]
    if len(found) != 1:
        raise ModelError(f"it has {len(found)} {key.replace('_layers', 's')}: only models with one can be imported")
    return [(str(found[0][0]), int(found[0][1]))]


def _calls(layer: dict[str, Any]) -> Iterator[tuple[_Key, _Call]]:
    """Every call of a layer, in the forms of Keras 2 and 3."""
    for number, node in enumerate(layer.get("inbound_nodes", [])):
        arguments = _of_keras_3(node) if isinstance(node, dict) else _of_keras_2(node)
        yield (_name(layer), number), _Call(layer, tuple(arguments))


def _of_keras_3(node: dict[str, Any]) -> Iterator[Any]:
    waiting = [*reversed(_values_of(node.get("kwargs", {}))), *reversed(node["args"])]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting += reversed(found)
        elif isinstance(found, dict) and found.get("class_name") == "__keras_tensor__":
            name, number, _ = found["config"]["keras_history"]
            yield str(name), int(number)
        else:
            yield found


def _of_keras_2(node: list[Any]) -> Iterator[Any]:
    for name, number, value, *others in [node] if node and isinstance(node[0], str) else node:
        yield value if name == "_CONSTANT_VALUE" else (str(name), int(number))
        for other in _values_of(*others):
            is_value = isinstance(other, list) and len(other) == 3 and isinstance(other[0], str)
            yield (str(other[0]), int(other[1])) if is_value else other


def _values_of(named: dict[str, Any] | None = None) -> list[Any]:
    """What a call is given by name, without what only matters in training."""
    return [value for key, value in (named or {}).items() if key not in ("training", "mask", "name")]


def _needed(calls: Mapping[_Key, _Call], end: _Key, entry: _Key) -> list[_Key]:
    """The calls that a value depends on, each after those that it reads."""
    position = {key: number for number, key in enumerate(calls)}
    graph: dict[_Key, list[_Key]] = {}
    waiting = [end]
    while waiting:
        key = waiting.pop()
        if key in graph or key == entry:
            continue
        if key not in calls:
            raise ModelError(f"its description of the network has no layer {key[0]!r}, or no call {key[1]} of it")
        graph[key] = [source for source in calls[key].sources if source != entry]
        waiting += graph[key]
    sorter, ready, order = TopologicalSorter(graph), list[tuple[int, _Key]](), list[_Key]()
    try:
        sorter.prepare()
    except CycleError as problem:
        raise ModelError("the layers form a cycle") from problem
    while sorter.is_active():
        for key in sorter.get_ready():
            heappush(ready, (position[key], key))
        order.append(heappop(ready)[1])
        sorter.done(order[-1])
    return order
