"""resume(): go on with a run that was stopped, or give one more epochs."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from eyebright import auditing, returning
from eyebright.classifier import Classifier
from eyebright.course import Result, go, is_complete, scan
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
    EpochEnded,
    EventLog,
    Extended,
    PicturesGone,
    PrecisionChosen,
    Preparing,
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
    begun_at = _begun_at(events)
    begun = any(isinstance(event, PrecisionChosen) for event in events) and run.has_checkpoint
    if config.pictures.startswith("arrays "):
        raise SettingsError(f"{path} was trained on pictures in memory: it cannot be resumed from the disk")
    if epochs is not None:
        config = _extended(run, config, epochs, events, emit)
    elif is_complete(path):
        raise SettingsError(
            f"{path} is complete: it was trained for {_epochs(events)} epochs; for more of them: "
            f"eyebright train --resume {path} --epochs {2 * _epochs(events) or 15}"
        )
    seen = run.read_seen()
    if not begun:
        return _from_the_start(run, config, seen, emit, begun_at=begun_at)
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
    return go(run, config, classifier, dataset, pack, emit, begun_at=begun_at, earlier=events)


def _extended(run: Run, config: RunConfig, epochs: int, events: list[AnyEvent], emit: Emit) -> RunConfig:
    """The settings with more epochs; said, and written down. A budget of time, which is used up, no longer counts."""
    training = config.training
    planned = (_epochs(events) if is_complete(run.path) else 0) if training.minutes else training.epochs
    if epochs <= planned:
        raise SettingsError(
            f"--epochs is how many there shall be in all: {run.path} has {planned} already, so ask for more than "
            f"{planned} (got {epochs})"
        )
    ends = [*training.extended_at, planned] if planned else []
    training = training.changed({"epochs": epochs, "minutes": 0.0, "extended_at": ends})
    config = msgspec.structs.replace(config, training=training)
    rate = training.learning_rate * legs.SHARE
    # the event first: whoever is killed between the two goes on with a run that is not complete, as it was planned
    to_all([emit, EventLog(run.events)])(Extended(planned=planned, epochs=epochs, learning_rate=rate))
    run.write_config(config)
    return config


def _epochs(events: list[AnyEvent]) -> int:
    return [event.epoch for event in events if isinstance(event, Stopped)][-1]


def _begun_at(events: list[AnyEvent]) -> float:
    """When the budget would have begun, had the run not been stopped."""
    return time.monotonic() - sum(event.seconds for event in events if isinstance(event, EpochEnded))


def _from_the_start(run: Run, config: RunConfig, seen: Seen, emit: Emit, *, begun_at: float) -> Result:
    """A run that was stopped before its first checkpoint begins again, as it was written down."""
    _, network = run.read()
    dataset = scan(config.pictures, emit, **_opening(run, config))
    if config.start_from:
        network, start = taken_over(
            read_start(config.start_from, config.start_sha256), dataset.classes, config.training.seed
        )
        dataset.learned = seen.among
    else:
        source = str(run.start) if run.start.exists() else config.weights
        start = weights_for(network, source, config.network, config.training.seed, emit)
    classifier = Classifier(network, dataset.classes, weights=start, fit=config.fit, seed=config.training.seed)
    classifier.seen = seen
    pack = dataset.pack(classifier.preparation, lambda done, of: emit(Preparing(done=done, of=of)))
    auditing.keep_together(dataset, pack)
    return go(run, config, classifier, dataset, pack, emit, begun_at=begun_at)


def _still_there(run: Run, config: RunConfig, gone: set[str], emit: Emit) -> Dataset:
    """The run's pictures that are there, without those that were left out or have been gone before."""
    how = _opening(run, config) | {"split": run.split, "exclude": ()}
    dataset = scan(config.pictures, emit, **how)
    names = dataset.source.names
    here = {*config.excluded, *gone}.intersection([*names, *map(printable, names)])
    return scan(config.pictures, emit, **how | {"exclude": here}) if here else dataset


def reopen(run: Run, config: RunConfig, emit: Emit) -> Dataset:
    """The pictures of a run, opened as they were.

    Raises:
        SettingsError: When they were in memory.
    """
    if config.pictures.startswith("arrays "):
        raise SettingsError(f"{run.path} was trained on pictures in memory: they cannot be found again on the disk")
    return scan(config.pictures, emit, **_opening(run, config))


def _opening(run: Run, config: RunConfig) -> dict[str, Any]:
    """How the run's pictures are opened; a split that was given stands in the run, too."""
    given = run.split if config.split and run.split.exists() else config.split
    return {
        "seed": config.split_seed, "validation": config.validation, "test": config.test, "group_by": config.group_by,
        "split": given, "exclude": config.excluded,
    }  # fmt: skip
