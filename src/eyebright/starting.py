"""What a training starts from: the network, how pictures are brought to its size, its first weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from eyebright import zoo
from eyebright.datasets import Dataset, Pack, content_order
from eyebright.errors import NetworkError, SettingsError
from eyebright.network import Network, Softmax, Weights
from eyebright.pictures import Fit
from eyebright.training.events import Downloading, Emit, FitChosen
from eyebright.training.mirroring import ASKED, LEARNED, judge_mirroring
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
    train, validation = (_some(pack, dataset.labels, sides == side, most) for side, most in ((0, LEARNED), (1, ASKED)))
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
        emit(Downloading(done=done, of=of))

    return zoo.start_weights(network, source, name=name, seed=seed, report=report)
