"""A network as plain data, and back.

The data lists the layers in an order in which they can be computed, each with its type, name, settings and the names of
the layers it reads from:

    {"format": 1, "layers": [{"type": "Input", "name": "input_1", "shape": [32], "inputs": []}, ...], "output": "..."}
"""

from typing import Any

import msgspec

from eyebright.network.layer import layer_from_dict, layer_to_dict, require_arity
from eyebright.network.wiring import Parts, names_of, sorted_layers
from eyebright.system import records, text
from eyebright.system.errors import NetworkError

FORMAT = 1
_MOST_LAYERS = 100_000


class _Version(msgspec.Struct):
    format: int


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    layers: list[dict[str, Any]]
    output: str


def to_document(parts: Parts) -> dict[str, Any]:
    """The parts of a network as plain data."""
    layers = [layer_to_dict(layer) | {"inputs": list(parts.wiring[str(layer.name)])} for layer in parts.layers]
    return {"format": FORMAT, "layers": layers, "output": parts.output}


def from_document(data: dict[str, Any]) -> Parts:
    """The parts of the network that the data describes; errors as in `Network.from_dict`."""
    version = records.from_builtins(data, _Version, what="the network", error=NetworkError).format
    if not 1 <= version <= FORMAT:
        raise NetworkError(f"the network is of format {version}, this eyebright reads up to {FORMAT}: update eyebright")
    document = records.from_builtins(data, _Document, what="the network", error=NetworkError)
    if len(document.layers) > _MOST_LAYERS:
        raise NetworkError(f"the network has {len(document.layers)} layers, more than {_MOST_LAYERS}")
    layers, wiring = [], {}
    for index, entry in enumerate(document.layers):
        what = f"layer {entry.get('name') or index + 1!r}" if isinstance(entry, dict) else f"layer {index + 1}"
        layer = layer_from_dict({key: value for key, value in entry.items() if key != "inputs"}, what=what)
        if not layer.name:
            raise NetworkError(f"{what} has no name: every layer in a network's JSON needs one")
        layers.append(layer)
        wiring[layer.name] = records.from_builtins(
            entry.get("inputs", []), tuple[str, ...], what=f"inputs of {what}", error=NetworkError
        )
        require_arity(layer, len(wiring[layer.name]))
    names_of(layers)
    if document.output not in wiring:
        raise NetworkError(f"the output {document.output!r} is no layer: {text.nearest(document.output, list(wiring))}")
    return Parts(sorted_layers(layers, wiring, document.output), wiring, document.output)
