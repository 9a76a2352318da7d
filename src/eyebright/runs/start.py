"""What a training starts from: the network, how pictures are brought to its size, its first weights.

What a training takes over from a finished model: network, size, weights, and which pictures it has seen.

For other classes the head begins anew, but the classes that both know keep their rows of it, whatever their order.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import content_order
from eyebright.data.dataset import Dataset
from eyebright.data.pack import Pack
from eyebright.data.pictures import Fit
from eyebright.model.card import ModelCard
from eyebright.model.folder import read_model
from eyebright.network import Conv2d, Linear, Network, Softmax, Weights, initial_weights, zoo
from eyebright.network.wiring import Parts
from eyebright.system.errors import ModelError, NetworkError, SettingsError
from eyebright.training.events import Emit, FitChosen, Progress
from eyebright.training.mirroring import MAX_TRAIN, MAX_VALIDATION, judge_mirroring
from eyebright.training.settings import Settings

LARGEST_SIZE, SMALLEST_SIZE = 180, 24


def network_for(dataset: Dataset, network: str | Network, size: int | None) -> Network:
    """The network that was asked for, by name, by file, or as it is.

    Raises:
        NetworkError: When there is no such network, or its file is not sound.
        SettingsError: When another size is given than that of the network in a file.
    """
    if isinstance(network, Network):
        return network
    if is_file(network):
        built = Network.from_file(network)
        if size is not None and built.input_shape[1:] != (size, size):
            raise SettingsError(
                f"size = {size} and network = {network} contradict each other: the file says the size, "
                f"{'x'.join(map(str, built.input_shape[1:]))}; leave out the size"
            )
        return built
    typical = min(max(dataset.typical_side(), SMALLEST_SIZE), LARGEST_SIZE)
    return zoo.build(network, num_classes=len(dataset.classes), input_size=typical if size is None else size)


def is_file(network: str) -> bool:
    """Whether a network is asked for by a file, and not by a name of the zoo."""
    return network.endswith(".json") or (network not in zoo.NETWORKS and Path(network).is_file())


def require_classifier(network: Network, classes: Sequence[str]) -> None:
    """Refuse a network that does not take pictures in colour, or does not give one logit for each class."""
    if len(network.input_shape) != 3 or network.input_shape[0] != 3:
        raise NetworkError(f"a classifier's network takes pictures (3, height, width), this one {network.input_shape}")
    if network.output_shape != (len(classes),):
        raise NetworkError(
            f"the network gives {network.output_shape}, but there are {len(classes)} classes: "
            f"end it with Linear({len(classes)}), or build it with num_classes={len(classes)}"
        )
    if isinstance(network.places[network.output].layer, Softmax):
        raise NetworkError(
            f"the network ends with the Softmax {network.output!r}: leave it away, a classifier makes "
            "probabilities of the logits before it"
        )
    if len(set(classes)) != len(classes):
        raise NetworkError(f"two classes have one name among {', '.join(classes)}: give each a name of its own")


def choose_fit(dataset: Dataset, network: Network | None, fit: Fit | Literal["auto"]) -> FitChosen:
    """How pictures are brought to the size that the network takes (square unless it is given), and what cropping would
    leave out.
    """
    _, height, width = network.input_shape if network and len(network.input_shape) == 3 else (0, 1, 1)
    best, lost = dataset.fit_by_evidence(width / height)
    return FitChosen(fit=best if fit == "auto" else fit, lost=lost)


def mirrored_by_evidence(
    dataset: Dataset, pack: Pack, sides: NDArray[np.int64], settings: Settings, emit: Emit
) -> Settings:
    """The settings, with mirroring taken back where a mirrored picture is found not to show the same."""
    if not settings.flip:
        return settings
    train, validation = (
        _some(pack, dataset.labels, sides == side, most) for side, most in ((0, MAX_TRAIN), (1, MAX_VALIDATION))
    )
    groups = dataset.group_numbers
    judged = judge_mirroring(
        pack.thumbnails(train)[:], dataset.labels[train], pack.thumbnails(validation)[:], dataset.labels[validation],
        None if groups is None else groups[validation],
    )  # fmt: skip
    emit(judged)
    return settings if judged.same else settings.changed({"flip": False})


def _some(pack: Pack, labels: NDArray[np.int64], of: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    """So many at most of some pictures, evenly chosen in the order of their content."""
    order = content_order(pack, labels, np.flatnonzero(of))
    return order[:: max(-(-len(order) // most), 1)]


def weights_for(network: Network, source: str, name: str, seed: int, emit: Emit) -> Weights:
    """The weights to start from, as `zoo.start_weights`; tells the progress of a download."""

    def report(done: int, of: int | None) -> None:
        emit(Progress(stage="downloading", done=done, of=of))

    return zoo.start_weights(network, source, name=name, seed=seed, report=report)


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
