"""resume(): go on with a run that was stopped, or give one more epochs."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from eyebright import auditing, preparing, returning
from eyebright.classifier import Classifier
from eyebright.course import Result, go, is_complete, scan
from eyebright.datasets import SIDES, Dataset, Pack
from eyebright.errors import SettingsError
from eyebright.files import printable
from eyebright.network import Network
from eyebright.run_folder import Run, RunConfig
from eyebright.starting import weights_for
from eyebright.successor import read_start, taken_over
from eyebright.training import legs
from eyebright.training.events import (
    AnyEvent,
    Emit,
    EventLog,
    Extended,
    PicturesGone,
    PrecisionChosen,
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
    begun_at, run, emit = time.monotonic(), Run(Path(path)), to_all(callbacks)
    config, network = run.read()
    events = read_events(run.events)
    if config.pictures.startswith("arrays "):
        raise SettingsError(f"{path} was trained on pictures in memory: it cannot be resumed from the disk")
    begun, planned = _begun(run, events), _planned(run, config, events)
    if epochs is not None:
        config = _extended(run, config, epochs, planned)
    elif is_complete(path):
        raise SettingsError(
            f"{path} is complete: it was trained for {_epochs(events)} epochs; for more of them: "
            f"eyebright train --resume {path} --epochs {2 * max(planned, _epochs(events)) or 15}"
        )
    if begun:
        dataset, classifier, pack = _where_it_was(run, config, network, events, emit)
    else:
        dataset, classifier, pack = _from_the_start(run, config, network, emit)
    if epochs is not None:  # only now does nothing stand in the way
        _write_down(run, planned, config, emit)
    earlier = events if begun else None
    return go(run, config, classifier, dataset, pack, emit, begun_at=begun_at, earlier=earlier)


def _begun(run: Run, events: list[AnyEvent]) -> bool:
    """Whether there is a state to go on from."""
    if run.has_checkpoint:
        return any(isinstance(event, PrecisionChosen) for event in events)
    if any(isinstance(event, Stopped) and event.epoch and event.reason != "interrupted" for event in events):
        raise SettingsError(
            f"the state of {run.path} is gone: {run.checkpoint} holds none, so it cannot go on; start a new run from "
            f"its model: eyebright train PICTURES --from {run.path} -o NEW"
        )
    return False


def _planned(run: Run, config: RunConfig, events: list[AnyEvent]) -> int:
    """How many epochs there were to be; where a budget decided that, how many there were when it was used up."""
    if config.training.minutes:
        return _epochs(events) if is_complete(run.path) else 0
    return config.training.epochs


def _extended(run: Run, config: RunConfig, epochs: int, planned: int) -> RunConfig:
    """The settings with more epochs; a budget of time no longer counts."""
    if epochs <= planned:
        raise SettingsError(
            f"--epochs is how many there shall be in all: {run.path} has {planned} already, so ask for more "
            f"(got {epochs})"
        )
    training = config.training
    ends = [*training.extended_at, planned] if planned else []
    more = {"epochs": epochs, "minutes": 0.0, "extended_at": ends}
    return msgspec.structs.replace(config, training=training.changed(more))


def _write_down(run: Run, planned: int, config: RunConfig, emit: Emit) -> None:
    """Say that there shall be more epochs, and write it down.

    The event comes first: whoever is killed between the two goes on with a run that is not complete, as it was planned.
    """
    training = config.training
    rate = training.learning_rate * legs.SHARE
    to_all([emit, EventLog(run.events)])(Extended(planned=planned, epochs=training.epochs, learning_rate=rate))
    run.write_config(config)


def _epochs(events: list[AnyEvent]) -> int:
    return [event.epoch for event in events if isinstance(event, Stopped)][-1]


def _where_it_was(
    run: Run, config: RunConfig, network: Network, events: list[AnyEvent], emit: Emit
) -> tuple[Dataset, Classifier, Pack]:
    """The run's pictures as they are now, those that are gone told and listed; weights come from the checkpoint."""
    before, gone = returning.listed(run.split), returning.told_gone(events)
    dataset = _still_there(run, config, gone, emit)
    returning.require_known(before, dataset, run.path)
    classifier = Classifier(network, dataset.classes, fit=config.fit, seed=config.training.seed)
    pack = _packed(dataset, classifier, emit)
    newly = returning.newly_gone(before, gone, dataset, pack, run.path)
    if newly:
        names = tuple(printable(name) for name, _ in newly)
        to_all([emit, EventLog(run.events)])(PicturesGone(names=names))
        gone |= set(names)
    learned = [row for name, row in before.items() if printable(name) in gone and row.side in SIDES[:2]]
    classifier.seen = run.read_seen().and_of(row.digest for row in learned)
    here = set(dataset.source.names)
    run.write_left_out([*pack.left_out, *((name, returning.VANISHED) for name in before if name not in here)])
    return dataset, classifier, pack


def _from_the_start(run: Run, config: RunConfig, network: Network, emit: Emit) -> tuple[Dataset, Classifier, Pack]:
    """A run that was stopped before its first checkpoint begins again, as it was written down."""
    seed, seen = config.training.seed, run.read_seen()
    dataset = reopen(run, config, emit)
    if config.start_from:
        network, start = taken_over(read_start(config.start_from, config.start_sha256), dataset.classes, seed)
        dataset.learned = seen.among
    else:
        source = str(run.start) if run.start.exists() else config.weights
        start = weights_for(network, source, config.network, seed, emit)
    classifier = Classifier(network, dataset.classes, weights=start, fit=config.fit, seed=seed)
    classifier.seen = seen
    return dataset, classifier, _packed(dataset, classifier, emit)


def _packed(dataset: Dataset, classifier: Classifier, emit: Emit) -> Pack:
    pack = preparing.packed(dataset, classifier.preparation, emit)
    auditing.keep_together(dataset, pack, emit)
    return pack


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
