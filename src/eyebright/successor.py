"""What a training takes over from a finished model: network, size, weights, and which pictures it has seen.

For other classes the head begins anew, but the classes that both know keep their rows of it, whatever their order.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from eyebright import zoo
from eyebright.errors import ModelError, NetworkError, SettingsError
from eyebright.model import ModelCard, read_model
from eyebright.network import Conv2d, Linear, Network, Weights, initial_weights
from eyebright.network.wiring import Parts
from eyebright.pictures import Fit


class Start(NamedTuple):
    """A finished model, as something to start from.

    Args:
        path: Where it was asked for: a model folder, or a run.
        card: Its classes, preparation, and the pictures that it has seen.
        network: Its network.
        weights: Its weights.
    """

    path: Path
    card: ModelCard
    network: Network
    weights: Weights

    @property
    def sha256(self) -> str:
        """What tells its weights from any others."""
        return self.card.sha256["weights.safetensors"]


def read_start(path: str | Path, sha256: str = "") -> Start:
    """Read a model to start from.

    Args:
        path: A model folder, or a run that holds one.
        sha256: The digest that its weights must have, where that is known.

    Raises:
        ModelError: When there is no sound model, or its weights are others.
    """
    place = Path(os.path.abspath(path))  # noqa: PTH100 - as `scan_folder` has it
    stored = read_model(place)
    start = Start(place, stored.card, stored.network, stored.weights())
    if sha256 and sha256 != start.sha256:
        raise ModelError(
            f"the model in {path} has changed since the run that started from it: its weights have the SHA-256 "
            f"{start.sha256[:16]}..., expected {sha256[:16]}...; start a new run with --from {path}"
        )
    return start


def taken_over(start: Start, classes: Sequence[str], seed: int) -> tuple[Network, Weights]:
    """The model's network and weights, for these classes.

    Raises:
        NetworkError: When the network does not end with a layer that has a row for each class.
    """
    if tuple(classes) == start.card.classes:
        return start.network, start.weights
    network, head = _with_outputs(start, len(classes))
    anew = initial_weights(network, seed)
    known = [number for number, label in enumerate(classes) if label in start.card.classes]
    before = [start.card.classes.index(classes[number]) for number in known]
    weights = dict(start.weights)
    for key in (key for key in network.tensors if key.rpartition(".")[0] == head):
        weights[key] = np.array(anew[key])
        weights[key][known] = start.weights[key][before]
    return network, weights


def require_agreement(
    start: Start, network: str | Network, weights: str | Path, size: int | None, fit: Fit | Literal["auto"]
) -> None:
    """Refuse what was asked for beside the model where the model says something else.

    Raises:
        SettingsError: With both of them named.
    """
    place, preparation = f"from = {start.path}", start.card.preparation
    if str(weights):
        raise SettingsError(f"{place} and weights = {weights} exclude each other: either gives the weights; leave one")
    if size is not None and {size} != {preparation.width, preparation.height}:
        raise SettingsError(
            f"{place} and size = {size} contradict each other: that model takes pictures of "
            f"{preparation.width}x{preparation.height}; leave out the size"
        )
    if fit not in ("auto", preparation.fit):
        raise SettingsError(
            f"{place} and fit = {fit} contradict each other: that model was made with {preparation.fit}; leave out fit"
        )
    if network and not _alike(start, network):
        name = network if isinstance(network, str) else "the network that is given"
        raise SettingsError(f"{place} and network = {name} contradict each other: that model has a network; leave one")


def _alike(start: Start, network: str | Network) -> bool:
    """Whether a network is the model's, but for the number of its classes."""
    if isinstance(network, Network):
        asked = network
    elif network not in zoo.NETWORKS:
        asked = Network.from_file(network)
    else:
        asked = zoo.build(network, num_classes=len(start.card.classes), input_size=start.card.preparation.width)
    return len(asked.output_shape) == 1 and _with_outputs(start, asked.output_shape[0])[0] == asked


def _with_outputs(start: Start, count: int) -> tuple[Network, str]:
    """The model's network with so many outputs, and the name of the layer that makes them."""
    name = [other for other, place in start.network.places.items() if place.parameters][-1]
    head = start.network.layer(name)
    if isinstance(head, Linear):
        head = msgspec.structs.replace(head, out_features=count)
    elif isinstance(head, Conv2d) and head.groups == 1:
        head = msgspec.structs.replace(head, out_channels=count)
    else:
        raise NetworkError(
            f"the model in {start.path} ends with {name!r}, a {type(head).__name__}: to begin anew with other classes "
            "it must end with a Linear or a Conv2d"
        )
    layers, wiring, output = start.network.parts
    return Network.from_parts(Parts([head if layer.name == name else layer for layer in layers], wiring, output)), name
