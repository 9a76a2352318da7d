"""What contradicts itself, or could not end well, is refused before the work starts."""

import math
from pathlib import Path

import msgspec
import numpy as np

from eyebright.data.batches import share
from eyebright.data.dataset import Dataset
from eyebright.data.prepare import Prepared
from eyebright.data.split import SIDES
from eyebright.model.card import Seen
from eyebright.network import Network
from eyebright.runs.request import AUTO, Request
from eyebright.runs.start import SourceModel
from eyebright.system import files
from eyebright.system.errors import DataError, OutputError, SettingsError
from eyebright.system.text import all_of, is_utf8, printable
from eyebright.training import processes
from eyebright.training.events.event import Emit
from eyebright.training.events.starting import Corrected
from eyebright.training.settings import Settings
from eyebright.trust.promise import Promise
from eyebright.trust.selective import least_images

LEAST_MINUTES = 0.3
"""The shortest budget in which something can be trained, evaluated and saved."""
_DEFAULT = Request()
_MOST_VALIDATION = 0.4  # a share of the images that may be advised
_BYTES_PER_PARAMETER = 76  # three checkpoints while one is written, the model and the one before it


def require_sound(request: Request) -> None:
    """Refuse options that contradict each other, or that the run could not write down.

    Raises:
        SettingsError: With what is wrong, and what to change.
    """
    settings = request.training
    for name, value in msgspec.structs.asdict(request).items():
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and not is_utf8(text):
                raise SettingsError(
                    f"{name} = {printable(text)} is not valid UTF-8, and cannot be written into config.toml: rename "
                    "it, or use another"
                )
    if 0 < settings.minutes < LEAST_MINUTES:
        raise SettingsError(
            f"minutes = {settings.minutes:g} is too short to start, train, evaluate and save: give "
            f"{LEAST_MINUTES:g} or more"
        )
    if request.automatic and request.weights:
        raise SettingsError(
            f"weights = {request.weights} and network = {AUTO} contradict each other: {AUTO} finds its own weights; "
            "name the network that these weights belong to"
        )
    if request.automatic and request.dropout and not (settings.epochs or settings.minutes):
        raise SettingsError(
            f"dropout = {request.dropout:g} has no effect when only the head of a published network is trained: give "
            "minutes or epochs to train more of the network, or name a network"
        )
    if not (request.automatic or request.start_from or request.weights or settings.epochs or settings.minutes):
        raise SettingsError("epochs = 0 would not train anything: give epochs or minutes")
    if request.promise:
        Promise.of(request.promise)
    for name in ("validation", "test") if request.split else ():
        if getattr(request, name) != getattr(_DEFAULT, name):
            raise SettingsError(
                f"split = {request.split} and {name} = {getattr(request, name):g} contradict each other: the file "
                "already decides the split; use only one of them"
            )
    share(np.empty(0, np.int64), settings.batch_size, 0, processes.place().size)  # each process has as many images


def require_effect(settings: Settings) -> None:
    """Refuse settings that have no effect when only a head is trained, which has one best solution.

    Raises:
        SettingsError: With the setting, and how to train more.
    """
    default = Settings()
    anyway = {"epochs", "seed", "threads", "device", "deterministic", "precision", "checkpoint_s", "batch_size", "flip"}
    for name in default.__struct_fields__:
        value = getattr(settings, name)
        if name not in anyway and value != getattr(default, name):
            raise SettingsError(
                f"{name} = {value} has no effect when only the head of a published network is trained: give minutes or "
                "epochs to train more of the network, or name a network"
            )


def require_place(output: Path, dataset: Dataset) -> None:
    """Nothing is written among the images, and no folder that holds them is replaced.

    Raises:
        OutputError: When the output is inside the folder of images, or the other way round.
        DataError: When the name of the images is not valid UTF-8.
    """
    origin = dataset.origin
    if origin is None:
        return
    if not is_utf8(str(origin)):
        raise DataError(f"the name {printable(str(origin))} is not valid UTF-8: rename it")
    if isinstance(origin, Path):
        pictures, place = origin.resolve(), output.resolve()
        if place.is_relative_to(pictures) or pictures.is_relative_to(place):
            raise OutputError(f"the output {output} and the images {origin} are inside each other: use another output")


def require_test(dataset: Dataset) -> None:
    """A run measures its result on a test set; a `SettingsError` where there will be none."""
    given = dataset.fixed is not None or (dataset.sides is not None and SIDES.index("test") in dataset.sides)
    if not dataset.shares[1] and not given:
        raise SettingsError("test = 0 leaves no test set, on which a run measures its result: use test = 0.15")


def require_source_kept(source: SourceModel, output: Path) -> None:
    """The model to start from is not replaced: a run that is killed early needs it to start again."""
    if source.path.resolve().is_relative_to(output.resolve()):
        raise OutputError(f"the model to start from, {source.path}, is inside {output}: use another output")


def require_new_test(source: SourceModel, prepared: Prepared) -> None:
    """Where the split is given, the model may have been trained on the whole test set: that is refused."""
    test = prepared.pack.digests.at(prepared.indices("test"))
    if source.card.seen.contains(test).all():
        raise DataError(
            f"the model {source.path} was trained on {all_of(len(test), 'image')} of the test set, so the result would "
            "mean nothing: use a test set that it was not trained on, or let eyebright make the split"
        )


def require_corrections(dataset: Dataset, emit: Emit) -> None:
    """Report how corrections were applied to the images; a `DataError` where they belong to others."""
    if dataset.corrected is not None:
        dataset.corrected.require_found(dataset.origin, len(dataset))
        emit(Corrected.of(dataset.corrected))


def require_promise(promise: str, prepared: Prepared, seen: Seen) -> None:
    """Refuse a promise that the held-back images could not prove, even if all of them were predicted correctly.

    Args:
        promise: What is asked for.
        prepared: The images.
        seen: Those that the model to start from was trained on.

    Raises:
        DataError: With the number of images that it takes, and the share of the validation set that would do.
    """
    held = prepared.indices("held_back")
    held = held[~seen.contains(prepared.pack.digests.at(held))]
    groups = prepared.groups_at(held)
    images, asked = len(held) if groups is None else len(np.unique(groups)), Promise.of(promise)
    share = prepared.dataset.shares[0] * least_images(asked.risk) / max(images, 1)
    larger = f", or give --validation {math.ceil(20 * share) / 20:.2f}, half of which is held back"
    which = "" if groups is None else " of different groups"
    asked.require_enough(images, which=which, advice=larger if images and share <= _MOST_VALIDATION else "")


def require_space(output: Path, network: Network) -> None:
    """There must be space for the run with its checkpoints and model; an `OutputError` otherwise."""
    needed = _BYTES_PER_PARAMETER * network.parameter_count
    files.require_space(output, needed, what="the run with its checkpoint and model")
