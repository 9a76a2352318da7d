"""find_learning_rate(): which learning rate suits these pictures and this network, before they are trained."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import numpy as np

from eyebright.data import prepare
from eyebright.data.dataset import Dataset
from eyebright.data.pictures import Fit
from eyebright.model.classifier import Classifier
from eyebright.network import Network, zoo
from eyebright.runs import audit
from eyebright.runs.start import choose_fit, is_file, network_for, weights_for
from eyebright.training import trainer
from eyebright.training.events import AnyEvent, to_all
from eyebright.training.range_test import RangeTest
from eyebright.training.settings import Settings


def find_learning_rate(
    pictures: Dataset,
    *,
    network: str | Network = "flowers_cnn",
    weights: str | Path = "",
    size: int | None = None,
    fit: Fit | Literal["auto"] = "auto",
    settings: Settings | None = None,
    callbacks: Iterable[Callable[[AnyEvent], None]] = (),
) -> RangeTest:
    """Raise the learning rate over some 200 steps on the training pictures, and see where the loss is lowest.

    Args:
        pictures: The pictures, with their split: validation and test side are not looked at.
        network: As in `train`.
        weights: As in `train`.
        size: As in `train`.
        fit: As in `train`.
        settings: How to train; rate, schedule and epochs do not count.
        callbacks: Receive every event as it happens.

    Returns:
        The rates, their losses, and a suggestion for `Settings(learning_rate=...)`.

    Raises:
        SettingsError: When the loss falls at no rate.
        DataError: When the pictures cannot be learned from.
        MissingExtraError: When torch is not installed.
    """
    settings, emit = settings or Settings(), to_all(callbacks)
    pictures.require_trainable()
    if weights == zoo.PUBLISHED and isinstance(network, str) and not is_file(network):
        size = zoo.named_network(network).input_size if size is None else size
    built = network_for(pictures, network, size)
    name = network if isinstance(network, str) else "network.json"
    start = weights_for(built, str(weights), name, settings.seed, emit)
    fitted = choose_fit(pictures, built, fit).fit
    classifier = Classifier(built, pictures.classes, weights=start, fit=fitted, seed=settings.seed)
    training = trainer()
    pack = prepare.packed(pictures, classifier.preparation, emit)
    audit.keep_together(pictures, pack)
    train = np.flatnonzero(pictures.split(pack) == 0)
    material = training.Material(pack, pictures.labels, train, train[:0], pictures.source.names)
    found: RangeTest = training.range_test(built, start, material, settings, emit=emit)
    return found
