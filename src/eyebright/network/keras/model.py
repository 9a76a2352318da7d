"""A network and its weights as a `.keras` file of Keras 3, made from data alone: no Keras, always the same bytes.

The file is a zip archive without compression: `config.json` describes the layers, `model.weights.h5` (HDF5) has their
weights, `metadata.json` says which version of Keras it is meant for. Layers have our names, with "_" for dots and
slashes. Images enter as `(N, H, W, C)` with values 0 to 255, of any type, vectors as `(N, features)`.

Source: `saving_lib.py` of Keras 3.15.
"""

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyebright.network.answering import PROBABILITIES, Answering
from eyebright.network.graph import Network
from eyebright.network.keras.graph import Graph, KerasLayer, emit, saved_order
from eyebright.network.weights import check_weights
from eyebright.system.errors import MissingExtraError

KERAS_VERSION = "3.15.1"  # whose files are written
TEMPERATURE = "temperature"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip archive can have


def to_keras(
    network: Network, weights: Mapping[str, NDArray[np.float32]], *, answering: Answering | None = None
) -> bytes:
    """The bytes of a `.keras` file of a network.

    Args:
        network: The network.
        weights: Its tensors by `layer.tensor`.
        answering: Where it is given, the output is probabilities with its temperature: a layer "probabilities", after
            a layer "temperature" if that is not 1. Otherwise it is the output of the network. What else it has is not
            in the file.

    Raises:
        NetworkError: If the weights do not fit the network, or Keras has no layers that compute one of its layers.
        MissingExtraError: If h5py is not installed.
    """
    check_weights(network, weights)
    names = layer_names(network)
    graph = built(network, weights, names)
    output = names[network.output]
    if answering is not None:
        if answering.temperature != 1:
            scale = 1 / answering.temperature
            output = graph.add("Rescaling", [output], TEMPERATURE, network.output_shape, scale=scale, offset=0.0)
        output = graph.add("Softmax", [output], PROBABILITIES, network.output_shape, axis=-1)
    order = saved_order(graph.layers, output)
    members = {
        "metadata.json": _json({"keras_version": KERAS_VERSION, "date_saved": "1980-01-01@00:00:00"}),
        "config.json": _json(_config(graph.layers, names[network.input], output)),
        "model.weights.h5": _hdf5({name: graph.layers[name] for name in order}),
    }
    return _zipped(members)


def layer_names(network: Network) -> dict[str, str]:
    """The name in the Keras model of each layer of a network, by its own."""
    graph = Graph(TEMPERATURE, PROBABILITIES)
    return {name: graph.fresh(name) for name in network.places}


def built(network: Network, weights: Mapping[str, NDArray[np.float32]], names: Mapping[str, str]) -> Graph:
    """The Keras layers of a network without what comes after its output."""
    graph = Graph(TEMPERATURE, PROBABILITIES, *names.values())
    for name, place in network.places.items():
        tensors = [np.asarray(weights[f"{name}.{key}"], np.float32) for key in place.tensors]
        emit(place.layer, place, graph, [names[source] for source in place.inputs], tensors, names[name])
    return graph


def _config(layers: Mapping[str, KerasLayer], first: str, last: str) -> dict[str, Any]:
    """What Keras calls the configuration of a functional model."""
    config = {
        "name": "eyebright",
        "trainable": True,
        "layers": [_layer(name, layer, layers) for name, layer in layers.items()],
        "input_layers": [first, 0, 0],
        "output_layers": [last, 0, 0],
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
    content, counts = io.BytesIO(), Counter[str]()
    with h5py.File(content, "w") as file:
        for name, layer in layers.items():
            stem = _snake_case(layer.kind)
            group = f"layers/{stem}_{counts[stem]}" if counts[stem] else f"layers/{stem}"
            counts[stem] += 1
            values = file.create_group(f"{group}/vars")
            values.attrs["name"] = name
            for index, tensor in enumerate(layer.tensors):
                values.create_dataset(str(index), data=np.ascontiguousarray(tensor))
    return content.getvalue()


def _snake_case(kind: str) -> str:
    """The name that Keras makes of a class: "conv2d" of "Conv2D"."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)).lower()


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
