"""find_learning_rate(): which learning rate suits these images and this network, before a training."""

from collections.abc import Callable, Iterable
from pathlib import Path

from eyebright.data.dataset import Dataset
from eyebright.data.prepare import prepare
from eyebright.network import Network
from eyebright.report.progress import shown
from eyebright.runs import checks
from eyebright.runs.folder import NETWORK
from eyebright.runs.request import Request, Resize
from eyebright.runs.start import choose_resize, start_named
from eyebright.training import trainer
from eyebright.training.events.event import Event
from eyebright.training.range_test import RangeTest
from eyebright.training.receivers import reporting
from eyebright.training.settings import Settings


def find_learning_rate(
    pictures: Dataset,
    *,
    network: str | Network = "flowers_cnn",
    weights: str | Path = "",
    size: int | None = None,
    resize: Resize = "auto",
    settings: Settings | None = None,
    verbose: bool = True,
    callbacks: Iterable[Callable[[Event], None]] = (),
) -> RangeTest:
    """Raise the learning rate over about 200 steps on the training set, and find where the loss falls fastest.

    Args:
        pictures: The images, with their split: the validation and test sets are not used.
        network: As in `train`.
        weights: As in `train`.
        size: As in `train`.
        resize: As in `train`.
        settings: How to train; learning rate, schedule and epochs do not matter.
        verbose: Whether to show the progress.
        callbacks: Receive every event as it happens.

    Returns:
        The learning rates, their losses, and a suggestion for `Settings(learning_rate=...)`.

    Raises:
        SettingsError: When the loss falls at no learning rate.
        DataError: When the images cannot be trained on.
        MissingExtraError: When torch is not installed.
    """
    training = trainer()
    pictures.require_trainable()
    given = network if isinstance(network, Network) else None
    request = Request(network=NETWORK if isinstance(network, Network) else network, weights=str(weights), size=size,
                      training=settings or Settings())  # fmt: skip
    with shown(callbacks, verbose=verbose) as emit:
        checks.require_corrections(pictures, emit)
        start = start_named(pictures, request, emit, given)
        preparation = start.preparation(choose_resize(pictures, resize, start.network).fit)
        prepared = prepare(pictures, preparation, report=reporting(emit))
        train = prepared.indices("train")
        material = training.Material(prepared.pack, prepared.labels, train, train[:0], pictures.source.names)
        found: RangeTest = training.range_test(start.network, start.weights, material, start.settings, emit=emit)
    return found
