"""resume(): go on with a run that was stopped, or give one more epochs."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from eyebright import auditing, returning
from eyebright.classifier import Classifier
from eyebright.course import Result, go, scan
from eyebright.datasets import SIDES, Dataset
from eyebright.errors import SettingsError
from eyebright.files import printable
from eyebright.model import Seen
from eyebright.run_folder import Run, RunConfig
from eyebright.starting import weights_for
from eyebright.successor import read_start, taken_over
from eyebright.training import legs
from eyebright.training.events import (
    AnyEvent,
    Emit,
    EventLog,
    Extended,
    ModelSaved,
    PicturesGone,
    PrecisionChosen,
    Preparing,
    Resumed,
    RunStarted,
    Stopped,
    read_events,
    to_all,
)


def resume(
    path: str | Path, *, epochs: int | None = None, callbacks: Iterable[Callable[[AnyEvent], None]] = ()
) -> Result:
    """Go on with a run that was stopped, to the same weights as if it had not been.

    Pictures that have vanished are left out from now on; the test side stays the same.

    Args:
        path: The run's folder.
        epochs: How many epochs there shall be in all: more than were planned. When the planned ones are over, the
            learning rate falls anew, from a tenth of its peak.
        callbacks: Receive every event as it happens.

    Raises:
        SettingsError: When there is no such run, or it is complete and no more epochs are asked for.
        DataError: When the pictures are no longer those that the run began with.
    """
    run, emit = Run(Path(path)), to_all(callbacks)
    config, network = run.read()
    events = read_events(run.events)
    begun = any(isinstance(event, PrecisionChosen) for event in events) and run.has_checkpoint
    if config.pictures.startswith("arrays "):
        raise SettingsError(f"{path} was trained on pictures in memory: it cannot be resumed from the disk")
    if epochs is not None:
        config = _extended(run, config, epochs, emit)
    elif _complete(run, events):
        raise SettingsError(
            f"{path} is complete: it was trained for {_epochs(events)} epochs; for more of them: "
            f"eyebright train --resume {path} --epochs {2 * config.training.epochs}"
        )
    seen = run.read_seen()
    if not begun:
        return _from_the_start(run, config, seen, emit)
    before, gone = returning.listed(run.split), returning.told_gone(events)
    dataset = _still_there(run, config, gone, emit)
    returning.require_known(before, dataset, run.path)
    classifier = Classifier(network, dataset.classes, fit=config.fit, seed=config.training.seed)
    pack = dataset.pack(classifier.preparation, lambda done, of: emit(Preparing(done=done, of=of)))
    auditing.keep_together(dataset, pack)
    newly = returning.newly_gone(before, gone, dataset, pack, run.path)
    if newly:
        names = tuple(printable(name) for name, _ in newly)
        to_all([emit, EventLog(run.events)])(PicturesGone(names=names))
        gone |= set(names)
    learned = [row for name, row in before.items() if printable(name) in gone and row.side in SIDES[:2]]
    classifier.seen = seen.and_of(row.digest for row in learned)
    vanished = [(name, returning.VANISHED) for name in before if name not in set(dataset.source.names)]
    run.write_left_out([*pack.left_out, *vanished])
    return go(run, config, classifier, dataset, pack, emit, earlier=events)


def _extended(run: Run, config: RunConfig, epochs: int, emit: Emit) -> RunConfig:
    """The settings with more epochs; said, and written down."""
    planned, training = config.training.epochs, config.training
    if epochs <= planned:
        raise SettingsError(
            f"--epochs is how many there shall be in all: {run.path} has {planned} already, so ask for more than "
            f"{planned} (got {epochs})"
        )
    training = training.changed({"epochs": epochs, "extended_at": [*training.extended_at, planned]})
    config = msgspec.structs.replace(config, training=training)
    rate = training.learning_rate * legs.SHARE
    # the event first: whoever is killed between the two goes on with a run that is not complete, as it was planned
    to_all([emit, EventLog(run.events)])(Extended(planned=planned, epochs=epochs, learning_rate=rate))
    run.write_config(config)
    return config


def _complete(run: Run, events: list[AnyEvent]) -> bool:
    """Whether the last thing that happened was a training to its end, and its model stands."""
    course = [e for e in events if isinstance(e, RunStarted | Resumed | Extended | Stopped | ModelSaved)][-2:]
    match course:
        case [Stopped(reason="finished" | "patience"), ModelSaved()]:
            return run.model.exists()
    return False


def _epochs(events: list[AnyEvent]) -> int:
    return [event.epoch for event in events if isinstance(event, Stopped)][-1]


def _from_the_start(run: Run, config: RunConfig, seen: Seen, emit: Emit) -> Result:
    """A run that was stopped before its first checkpoint begins again, as it was written down."""
    _, network = run.read()
    dataset = scan(Path(config.pictures), emit, **_opening(run, config))
    if config.start_from:
        network, start = taken_over(
            read_start(config.start_from, config.start_sha256), dataset.classes, config.training.seed
        )
        dataset.learned = seen.among
    else:
        start = weights_for(network, config.weights, config.network, config.training.seed, emit)
    classifier = Classifier(network, dataset.classes, weights=start, fit=config.fit, seed=config.training.seed)
    classifier.seen = seen
    pack = dataset.pack(classifier.preparation, lambda done, of: emit(Preparing(done=done, of=of)))
    auditing.keep_together(dataset, pack)
    return go(run, config, classifier, dataset, pack, emit)


def _still_there(run: Run, config: RunConfig, gone: set[str], emit: Emit) -> Dataset:
    """The run's pictures that are there, without those that were left out or have been gone before."""
    how = _opening(run, config) | {"split": run.split, "exclude": ()}
    dataset = scan(Path(config.pictures), emit, **how)
    names = dataset.source.names
    here = {*config.excluded, *gone}.intersection([*names, *map(printable, names)])
    return scan(Path(config.pictures), emit, **how | {"exclude": here}) if here else dataset


def _opening(run: Run, config: RunConfig) -> dict[str, Any]:
    """How the run's pictures are opened; a split that was given stands in the run, too."""
    given = run.split if config.split and run.split.exists() else config.split
    return {
        "seed": config.split_seed, "validation": config.validation, "test": config.test, "group_by": config.group_by,
        "split": given, "exclude": config.excluded,
    }  # fmt: skip
