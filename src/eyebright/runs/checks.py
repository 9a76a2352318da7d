"""What contradicts itself, or could not end well, is refused before the work begins."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import share
from eyebright.data.dataset import Dataset
from eyebright.data.pack import Pack
from eyebright.data.split import SIDES
from eyebright.network import Network
from eyebright.runs.auto import AUTO
from eyebright.runs.start import Start
from eyebright.system.errors import DataError, OutputError, SettingsError
from eyebright.system.text import printable
from eyebright.training import processes
from eyebright.training.settings import Settings

DEFAULT_SHARE = 0.15
LEAST_MINUTES = 0.3


def settled(settings: Settings, minutes: float | None, epochs: int | None) -> Settings:
    """The settings with what is asked for beside them."""
    if minutes is not None and epochs is not None:
        raise SettingsError(f"minutes = {minutes:g} and epochs = {epochs} contradict each other: give one of them")
    if minutes is not None and minutes <= 0:
        raise SettingsError(f"minutes must be above 0, got {minutes:g}")
    changes = {"minutes": minutes, "epochs": epochs}
    settings = settings.changed({name: value for name, value in changes.items() if value is not None})
    if 0 < settings.minutes < LEAST_MINUTES:
        raise SettingsError(
            f"{settings.minutes:g} minutes are too few: starting, judging and saving take about a quarter; "
            f"give {LEAST_MINUTES:g} or more"
        )
    return settings


def require_something_to_learn(
    settings: Settings, network: str | Network, weights: str | Path, *, auto: bool, begun: bool
) -> None:
    """Refuse what would leave the weights as they are, and weights that `auto` would not start from."""
    if auto and weights:
        raise SettingsError(
            f"weights = {weights} and network = {network or AUTO} contradict each other: auto finds its own weights; "
            "name the network that these belong to"
        )
    if not (auto or begun or settings.epochs or settings.minutes):
        raise SettingsError("epochs = 0 would leave the weights as they were drawn: give epochs or minutes")


def require_shares(settings: Settings) -> None:
    """Each of several processes must have as many pictures of a batch."""
    share(np.empty(0, np.int64), settings.batch_size, 0, processes.place().size)


def require_start_apart(old: Start, output: Path) -> None:
    """What is started from is not replaced: a run that is killed early has its start there and nowhere else."""
    if old.path.resolve().is_relative_to(output.resolve()):
        raise OutputError(f"the model to start from, {old.path}, lies in {output}: choose another output")


def require_one_split(split: str | Path, validation: float, test: float) -> None:
    """A split that is read from a file leaves nothing to shares."""
    shares = (("validation", validation), ("test", test))
    for name, wanted in shares if str(split) else ():
        if wanted != DEFAULT_SHARE:
            raise SettingsError(
                f"split = {split} and {name} = {wanted:g} contradict each other: the file says which picture is on "
                "which side; leave one of them"
            )


def require_new_test(old: Start, dataset: Dataset, pack: Pack, sides: NDArray[np.int64]) -> None:
    """Where the sides were given, the model may have seen all of the test: that is found before the training."""
    test = pack.digests.at(np.flatnonzero(sides == SIDES.index("test")))
    if old.card.seen.among(test).all():
        raise DataError(
            f"the model in {old.path} has seen all {len(test)} pictures of the test side: it would only recite; "
            "give it pictures that it has not seen, or leave the split to eyebright"
        )


def require_apart(output: Path, dataset: Dataset) -> None:
    """Nothing is written among the pictures, and nothing that holds them is replaced."""
    if dataset.origin is not None:
        if str(dataset.origin).encode("utf-8", "replace").decode() != str(dataset.origin):
            raise DataError(f"{printable(str(dataset.origin))} is not named in UTF-8: rename it")
        if not isinstance(dataset.origin, Path):
            return
        pictures, place = dataset.origin.resolve(), output.resolve()
        if place.is_relative_to(pictures) or pictures.is_relative_to(place):
            raise OutputError(f"{output} and the pictures in {dataset.origin} lie in each other: choose another output")
