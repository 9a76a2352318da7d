"""Whether the pictures that a run returns to are still those it began with, as its split.csv lists them.

Pictures that vanished, or can no longer be opened, are left out from then on, also where they come back. The order of
the others is drawn from their contents, as ever. Anything new is refused: it would be on no side, or on a wrong one.

resume(): go on with a run that was stopped, or give one more epochs.
"""

import csv
import io
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from eyebright.data import prepare
from eyebright.data.dataset import Dataset
from eyebright.data.pack import Pack
from eyebright.data.split import SIDES
from eyebright.model.classifier import Classifier
from eyebright.network import Network
from eyebright.runs import audit
from eyebright.runs.folder import Run, RunConfig
from eyebright.runs.start import read_start, taken_over, weights_for
from eyebright.runs.train import Result, go, is_complete, scan
from eyebright.system.errors import DataError, SettingsError
from eyebright.system.text import printable
from eyebright.training import schedule
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

VANISHED = "vanished since the run began"
_SHOWN = 5


class Listed(NamedTuple):
    """A picture as a run began with it; the digest is empty where it could not be opened even then."""

    label: str
    side: str
    digest: bytes


def listed(path: Path) -> dict[str, Listed]:
    """The pictures in a run's split.csv, by their names.

    Raises:
        DataError: When it cannot be read, or is not what a run writes.
    """
    try:
        text = path.read_text("utf-8", errors="surrogateescape")
    except OSError as problem:
        raise DataError(
            f"{path} cannot be read ({problem.strerror}): without it nobody knows which picture was on which side; "
            "put it back, or start a new run"
        ) from problem
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        return {row["name"]: Listed(row["class"], row["split"], bytes.fromhex(row["digest"])) for row in rows}
    except (KeyError, TypeError, ValueError) as problem:
        raise DataError(f"{path}, line {rows.line_num}, is damaged: put it back, or start a new run") from problem


def told_gone(events: Iterable[AnyEvent]) -> set[str]:
    """Pictures that an earlier resumption found gone, as `files.printable` shows their names."""
    return {name for event in events if isinstance(event, PicturesGone) for name in event.names}


def require_known(before: dict[str, Listed], dataset: Dataset, run: Path) -> None:
    """Refuse new pictures and other classes, before anything is decoded.

    Raises:
        DataError: With what differs, and what can be done.
    """
    labels = dict(zip(dataset.source.names, [dataset.classes[label] for label in dataset.labels], strict=True))
    was, now = {row.label for row in before.values()}, set(dataset.classes)
    if was != now:
        found = [
            f"{what} {', '.join(sorted(names))}" for what, names in (("new:", now - was), ("gone:", was - now)) if names
        ]
        raise DataError(
            f"the classes in {dataset.origin} are no longer those of {run} ({'; '.join(found)}). {_ways(run)}"
        )
    added = [name for name in labels if name not in before]
    if added:
        raise DataError(f"{_some(added)} in {dataset.origin} came since {run} began. {_ways(run)}")
    moved = [name for name, label in labels.items() if before[name].label != label]
    if moved:
        raise DataError(f"{_some(moved)} in {dataset.origin} changed class since {run} began. {_ways(run)}")


def newly_gone(
    before: dict[str, Listed], known: Collection[str], dataset: Dataset, pack: Pack, run: Path
) -> list[tuple[str, str]]:
    """Pictures that the run began with and must now do without: name and reason.

    Args:
        before: The pictures at the beginning.
        known: What was told to be gone before.
        dataset: The pictures that are there.
        pack: The same, prepared.
        run: The run's folder.

    Raises:
        DataError: When a picture has become another one, or too few are left.
    """
    digests = dict(zip(dataset.source.names, pack.digests, strict=True))
    changed = [name for name, digest in digests.items() if digest and before[name].digest not in (b"", digest)]
    if changed:
        raise DataError(f"{_some(changed)} in {dataset.origin} show something else than when {run} began. {_ways(run)}")
    reasons = dict(pack.left_out)
    gone = [
        (name, reasons.get(name, VANISHED))
        for name, row in before.items()
        if row.side and not digests.get(name) and printable(name) not in known
    ]
    sides = dataset.split(pack)
    for number, side in enumerate(SIDES):
        if not np.any(sides == number):
            raise DataError(f"no picture for {side} is left in {dataset.origin}: put them back, or start a new run")
    return gone


def _some(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > _SHOWN else ""
    return f"{len(names):,} picture(s) ({', '.join(printable(name) for name in names[:_SHOWN])}{more})"


def _ways(run: Path) -> str:
    return (
        "Put back what was there to go on with this run; or start a new one from its model, which may have new "
        f"pictures and other classes: eyebright train PICTURES --from {run} -o NEW; or one that begins at random"
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
    rate = training.learning_rate * schedule.LEG_SHARE
    to_all([emit, EventLog(run.events)])(Extended(planned=planned, epochs=training.epochs, learning_rate=rate))
    run.write_config(config)


def _epochs(events: list[AnyEvent]) -> int:
    return [event.epoch for event in events if isinstance(event, Stopped)][-1]


def _where_it_was(
    run: Run, config: RunConfig, network: Network, events: list[AnyEvent], emit: Emit
) -> tuple[Dataset, Classifier, Pack]:
    """The run's pictures as they are now, those that are gone told and listed; weights come from the checkpoint."""
    before, gone = listed(run.split), told_gone(events)
    dataset = _still_there(run, config, gone, emit)
    require_known(before, dataset, run.path)
    classifier = Classifier(network, dataset.classes, fit=config.fit, seed=config.training.seed)
    pack = _packed(dataset, classifier, emit)
    newly = newly_gone(before, gone, dataset, pack, run.path)
    if newly:
        names = tuple(printable(name) for name, _ in newly)
        to_all([emit, EventLog(run.events)])(PicturesGone(names=names))
        gone |= set(names)
    learned = [row for name, row in before.items() if printable(name) in gone and row.side in SIDES[:2]]
    classifier.seen = run.read_seen().and_of(row.digest for row in learned)
    here = set(dataset.source.names)
    run.write_left_out([*pack.left_out, *((name, VANISHED) for name in before if name not in here)])
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
    pack = prepare.packed(dataset, classifier.preparation, emit)
    audit.keep_together(dataset, pack, emit)
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
