"""What a training starts from: the network, its initial weights, how images are resized; also a trained model."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import content_order, spread
from eyebright.data.dataset import Dataset
from eyebright.data.pictures import Fit, Preparation
from eyebright.data.prepare import Prepared
from eyebright.model.card import ModelCard
from eyebright.model.folder import read_model
from eyebright.model.inputs import require_classifier
from eyebright.network import Conv2d, Linear, Network, Weights, initial_weights, zoo
from eyebright.runs.request import Request, Resize
from eyebright.system.errors import ModelError, NetworkError, SettingsError
from eyebright.training import processes
from eyebright.training.events.event import Emit
from eyebright.training.events.starting import FitChosen
from eyebright.training.mirroring import MAX_TRAIN, MAX_VALIDATION, check_mirroring
from eyebright.training.receivers import reporting
from eyebright.training.settings import Settings
from eyebright.training.stages import frozen_layers, require_batch

LARGEST_PX, SMALLEST_PX = 180, 24
"""Sides of the images for a named network, unless a size is given."""


class Start(NamedTuple):
    """What a training starts from.

    Args:
        name: The network's name, for people.
        network: The network.
        weights: Its initial weights.
        settings: How it is trained.
        keep: Whether the run must keep the weights, since they could not be found again.
    """

    name: str
    network: Network
    weights: Weights
    settings: Settings
    keep: bool = False

    def preparation(self, fit: Fit) -> Preparation:
        """How images are prepared for the network."""
        return Preparation.of_input(self.network.input_shape, fit)


class SourceModel(NamedTuple):
    """A trained model to start from.

    Args:
        path: The model folder or run that was given.
        card: Its classes, preparation, and the images that it was trained on.
        network: Its network.
        weights: Its weights.
    """

    path: Path
    card: ModelCard
    network: Network
    weights: Weights

    @property
    def sha256(self) -> str:
        """The digest of its weights."""
        return self.card.sha256["weights.safetensors"]


def start_named(dataset: Dataset, request: Request, emit: Emit, network: Network | None = None) -> Start:
    """Start with a network that is given by its name, its file or itself.

    Raises:
        NetworkError: When the network does not exist, its file is not valid, or the weights do not fit it.
        SettingsError: When a size is given that is not the one of the network in a file.
        DownloadError: When published weights are not available.
    """
    name, size = request.network, request.size
    if network is None and is_file(name):
        network = Network.from_file(name)
        if size is not None and network.input_shape[1:] != (size, size):
            raise SettingsError(
                f"size = {size} and network = {name} contradict each other: the network in the file takes "
                f"{'x'.join(map(str, network.input_shape[1:]))}; leave out the size"
            )
    elif network is None:
        if size is None and request.weights == zoo.PUBLISHED:
            size = zoo.named_network(name).input_size
        if size is None:
            size = min(max(dataset.typical_side(), SMALLEST_PX), LARGEST_PX)
        network = zoo.build(name, num_classes=len(dataset.classes), input_size=size)
    weights = zoo.start_weights(network, request.weights, name=name, seed=request.training.seed, report=reporting(emit))
    start = Start(name, network, weights, request.training, keep=request.weights not in ("", zoo.PUBLISHED))
    return _checked(start, dataset.classes)


def _checked(start: Start, classes: Sequence[str]) -> Start:
    """What can be wrong about a network, its frozen layers or its batches is found before the work."""
    require_classifier(start.network, classes)
    frozen_layers(start.network, start.settings.frozen)
    require_batch(start.network, start.settings, processes.place().size)
    return start


def is_file(network: str) -> bool:
    """Whether a network is given by a file, not by a name of the zoo."""
    return network.endswith(".json") or (network not in zoo.NETWORKS and Path(network).is_file())


def choose_resize(dataset: Dataset, resize: Resize, network: Network | None = None) -> FitChosen:
    """How images are resized to what the network takes (square unless it is given), and what cropping would remove."""
    _, height, width = network.input_shape if network and len(network.input_shape) == 3 else (0, 1, 1)
    best, lost = dataset.best_resize(width / height)
    return FitChosen(fit=best if resize == "auto" else resize, lost=lost)


def mirrored_by_evidence(prepared: Prepared, settings: Settings, emit: Emit) -> Settings:
    """The settings, without mirroring where a mirrored image is found not to show the same."""
    if not settings.flip:
        return settings
    train, validation = _some(prepared, 0, MAX_TRAIN), _some(prepared, 1, MAX_VALIDATION)
    pack, labels = prepared.pack, prepared.labels
    found = check_mirroring(
        pack.thumbnails(train)[:], labels[train], pack.thumbnails(validation)[:], labels[validation],
        prepared.groups_at(validation),
    )  # fmt: skip
    emit(found)
    return settings if found.same else settings.changed({"flip": False})


def _some(prepared: Prepared, side: int, most: int) -> NDArray[np.int64]:
    """So many images of a set at most, evenly chosen in the order of their content."""
    order = content_order(prepared.pack, prepared.labels, np.flatnonzero(prepared.sides == side))
    return spread(order, most)


def read_source(path: str | Path, sha256: str = "") -> SourceModel:
    """Read a model to start from.

    Args:
        path: A model folder, or a run that holds one.
        sha256: The digest that its weights must have, where that is known.

    Raises:
        ModelError: When there is no valid model, or its weights have changed.
    """
    place = Path(os.path.abspath(path))  # noqa: PTH100 - links are kept, as in `read_folder`
    stored = read_model(place)
    source = SourceModel(place, stored.card, stored.network, stored.weights())
    if sha256 and sha256 != source.sha256:
        raise ModelError(
            f"the model in {path} has changed since the run that started from it: the SHA-256 of its weights is "
            f"{source.sha256[:16]}..., expected {sha256[:16]}...; start a new run with --from {path}"
        )
    return source


def start_from(source: SourceModel, classes: Sequence[str], settings: Settings) -> Start:
    """Start with a model's network and weights, for these classes.

    For other classes the head is initialised again, but classes that both know keep their rows of it.

    Raises:
        NetworkError: When the network does not end with a layer that has a row for each class.
    """
    name = f"the network of {source.path}"
    if tuple(classes) == source.card.classes:
        return _checked(Start(name, source.network, source.weights, settings), classes)
    network, head = _with_outputs(source, len(classes))
    fresh = initial_weights(network, settings.seed)
    known = [number for number, label in enumerate(classes) if label in source.card.classes]
    before = [source.card.classes.index(classes[number]) for number in known]
    weights = dict(source.weights)
    for key in (key for key in network.tensors if key.rpartition(".")[0] == head):
        weights[key] = np.array(fresh[key])
        weights[key][known] = source.weights[key][before]
    return _checked(Start(name, network, weights, settings), classes)


def require_agreement(source: SourceModel, request: Request, network: Network | None = None) -> None:
    """Refuse options that differ from the model to start from.

    Raises:
        SettingsError: With both of them named.
    """
    place, preparation = f"from = {source.path}", source.card.preparation
    if request.weights:
        raise SettingsError(f"{place} and weights = {request.weights}: use only one of them, both give the weights")
    if request.size is not None and {request.size} != {preparation.width, preparation.height}:
        raise SettingsError(
            f"{place} and size = {request.size} contradict each other: that model takes images of "
            f"{preparation.width}x{preparation.height}; leave out the size"
        )
    if request.resize not in ("auto", preparation.fit):
        raise SettingsError(
            f"{place} and resize = {request.resize} contradict each other: that model was trained with "
            f"{preparation.fit}; leave out resize"
        )
    named = network is not None or request.network not in ("", "auto")
    if named and not _alike(source, request.network if network is None else network):
        name = request.network if network is None else "the network that is given"
        raise SettingsError(f"{place} and network = {name} contradict each other: that model has another network")


def _alike(source: SourceModel, network: str | Network) -> bool:
    """Whether a network is the model's, except for the number of its classes."""
    if isinstance(network, Network):
        asked = network
    elif network not in zoo.NETWORKS:
        asked = Network.from_file(network)
    else:
        asked = zoo.build(network, num_classes=len(source.card.classes), input_size=source.card.preparation.width)
    return len(asked.output_shape) == 1 and _with_outputs(source, asked.output_shape[0])[0] == asked


def _with_outputs(source: SourceModel, count: int) -> tuple[Network, str]:
    """The model's network with so many outputs, and the name of the layer that computes them."""
    name = [other for other, place in source.network.places.items() if place.parameters][-1]
    head = source.network.layer(name)
    if isinstance(head, Linear):
        head = msgspec.structs.replace(head, out_features=count)
    elif isinstance(head, Conv2d) and head.groups == 1:
        head = msgspec.structs.replace(head, out_channels=count)
    else:
        raise NetworkError(
            f"the model in {source.path} ends with {name!r}, a {type(head).__name__}: to start with other classes it "
            "must end with a Linear or a Conv2d"
        )
    layers = [head if other == name else place.layer for other, place in source.network.places.items()]
    return Network.from_layers(layers, source.network.wiring, source.network.output), name


def as_fit(resize: Resize) -> Fit:
    """How the images of a run are resized: in a run's request, that is decided."""
    return "crop" if resize == "auto" else resize
