"""A network and its weights as a `.keras` file of Keras 3, made from data alone: no Keras, always the same bytes.

The file is a zip archive without compression: `config.json` describes the layers, `model.weights.h5` (HDF5) has their
weights, `metadata.json` says which version of Keras it is meant for. Layers have our names, with "_" for dots and
slashes. Images enter as `(N, H, W, C)` with values 0 to 255, of any type, vectors as `(N, features)`.

Source: `saving_lib.py` of Keras 3.15.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyebright.network.answering import PROBABILITIES, Answering, features_place
from eyebright.network.graph import Network
from eyebright.network.keras.graph import Graph, KerasLayer, emit, saved_order, weight_groups
from eyebright.network.layer import Shape
from eyebright.network.weights import check_weights
from eyebright.system.errors import MissingExtraError

KERAS_VERSION = "3.15.1"  # whose files are written
FEATURES, LOGITS, TEMPERATURE = "features", "logits", "temperature"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip archive can have


def to_keras(
    network: Network, weights: Mapping[str, NDArray[np.float32]], *, answering: Answering | None = None
) -> bytes:
    """The bytes of a `.keras` file of a network.

    Args:
        network: The network.
        weights: Its tensors by `layer.tensor`.
        answering: Where it is given, the output is a layer "probabilities", which has the temperature; layers
            "features" and "logits", which change nothing, give the other values that answers are made of. Otherwise
            the output is that of the network.

    Raises:
        NetworkError: If the weights do not fit the network, or Keras has no layers that compute one of its layers.
        MissingExtraError: If h5py is not installed.
    """
    check_weights(network, weights)
    graph = Graph(FEATURES, LOGITS, TEMPERATURE, PROBABILITIES)
    marked = {} if answering is None else {features_place(network)[0]: FEATURES}
    results = _add_layers(graph, network, weights, marked)
    output = results[network.output]
    if answering is not None:
        output = _add_probabilities(graph, output, network.output_shape, answering.temperature)
    layers = {name: graph.layers[name] for name in saved_order(graph.layers, output)}
    members = {
        "metadata.json": _json({"keras_version": KERAS_VERSION, "date_saved": "1980-01-01@00:00:00"}),
        "config.json": _json(_config(layers, output)),
        "model.weights.h5": _hdf5(layers),
    }
    return _zipped(members)


def _add_layers(
    graph: Graph, network: Network, weights: Mapping[str, NDArray[np.float32]], marked: Mapping[str, str]
) -> dict[str, str]:
    """Add the layers of a network; returns the name of each one's value. Marked ones get a layer of that name."""
    results = {name: graph.fresh(name) for name in network.places}
    for name, place in network.places.items():
        tensors = [np.asarray(weights[f"{name}.{key}"], np.float32) for key in place.tensors]
        emit(place.layer, place, graph, [results[source] for source in place.inputs], tensors, results[name])
        if name in marked:
            results[name] = _add_same(graph, results[name], marked[name], place.shape)
    return results


def _add_probabilities(graph: Graph, output: str, shape: Shape, temperature: float) -> str:
    output = _add_same(graph, output, LOGITS, shape)
    if temperature != 1:
        output = graph.add("Rescaling", [output], TEMPERATURE, shape, scale=1 / temperature, offset=0.0)
    return graph.add("Softmax", [output], PROBABILITIES, shape, axis=-1)


def _add_same(graph: Graph, source: str, name: str, shape: Shape) -> str:
    """Add a layer that changes nothing, so that a value has a name."""
    return graph.add("Activation", [source], name, shape, activation="linear")


def _config(layers: Mapping[str, KerasLayer], output: str) -> dict[str, Any]:
    """What Keras calls the configuration of a functional model; the first layer is its input."""
    config = {
        "name": "eyebright",
        "trainable": True,
        "layers": [_layer(name, layer, layers) for name, layer in layers.items()],
        "input_layers": [next(iter(layers)), 0, 0],
        "output_layers": [output, 0, 0],
    }
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": config,
        "registered_name": "Functional",
    }


def _layer(name: str, layer: KerasLayer, layers: Mapping[str, KerasLayer]) -> dict[str, Any]:
    settings = {"name": name, "dtype": "float32", **layer.settings}
    if layer.kind == "InputLayer":
        settings["batch_shape"] = [None, *layer.shape]
    sources: list[Any] = [
        {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None, *layers[source].shape], "dtype": "float32", "keras_history": [source, 0, 0]},
        }
        for source in layer.inputs
    ]
    merges = layer.kind in {"Add", "Multiply", "Concatenate"}  # they take one list
    return {
        "module": "keras.layers",
        "class_name": layer.kind,
        "config": settings,
        "registered_name": None,
        "name": name,
        "inbound_nodes": [{"args": [sources] if merges else sources, "kwargs": {}}] if sources else [],
    }


def _hdf5(layers: Mapping[str, KerasLayer]) -> bytes:
    """The weights of layers as HDF5: `layers/conv2d_1/vars/0` is the first tensor of the second Conv2D."""
    try:
        import h5py
    except ImportError as problem:
        raise MissingExtraError("Keras files need h5py: pip install 'eyebright[keras]'") from problem
    content, groups = io.BytesIO(), weight_groups((name, layer.kind) for name, layer in layers.items())
    with h5py.File(content, "w") as file:
        for name, layer in layers.items():
            values = file.create_group(f"{groups[name]}/vars")
            values.attrs["name"] = name
            for index, tensor in enumerate(layer.tensors):
                values.create_dataset(str(index), data=np.ascontiguousarray(tensor))
    return content.getvalue()


def _json(data: Any) -> bytes:
    return json.dumps(data).encode()


def _zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip archive that is always the same for the same content."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = 3  # Unix, wherever it is written
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return content.getvalue()
