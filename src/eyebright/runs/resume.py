"""resume(): continue a run that was stopped, or train one for more epochs.

The images must still be those that the run started with, as its split.csv lists them. Images that were removed, or can
no longer be opened, are left out from then on, also if they come back. New images are refused: they are in no split.
"""

import csv
import io
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from eyebright.data.dataset import Dataset
from eyebright.data.pack import Pack
from eyebright.data.prepare import Prepared, prepare
from eyebright.data.split import SIDES
from eyebright.model.classifier import Classifier
from eyebright.network import Network, Weights
from eyebright.runs.folder import Run, split_csv
from eyebright.runs.opening import for_promise, open_pictures
from eyebright.runs.request import Request
from eyebright.runs.start import as_fit, read_source, start_from, start_named
from eyebright.runs.train import Result, finish
from eyebright.system import files
from eyebright.system.errors import DataError, SettingsError
from eyebright.system.text import counted, csv_text, listed, printable
from eyebright.training.events.event import Emit, Event
from eyebright.training.events.fitting import PrecisionChosen, Stopped
from eyebright.training.events.starting import Extended, PicturesGone
from eyebright.training.receivers import EventLog, reporting, to_all
from eyebright.training.schedule import LEG_SHARE

REMOVED = "removed since the run started"
_LEARNED = {"train", "validation", "held_back"}


def resume(path: str | Path, *, epochs: int | None = None, callbacks: Iterable[Callable[[Event], None]] = ()) -> Result:
    """Continue a run that was stopped, to the same weights as if it had not been stopped.

    Images that were removed are left out from now on; the test set stays the same.

    Args:
        path: The run's folder.
        epochs: How many epochs there will be in all: more than were planned. After the planned ones, the learning rate
            starts again from a tenth of its peak.
        callbacks: Receive every event as it happens.

    Raises:
        SettingsError: When there is no such run, or it is complete and no more epochs are asked for.
        DataError: When the images are no longer those that the run started with.
    """
    started_at, run, emit = time.monotonic(), Run(path), to_all(callbacks)
    request, network = run.read()
    events = run.read_events()
    _require_on_disk(run, request)
    continues, planned = can_continue(run, events), _planned(run, request, events)
    if epochs == planned and not run.is_complete:  # the command that extended it, once more
        epochs = None
    if epochs is not None:
        request = _extended(run, request, epochs, planned)
    elif run.is_complete:
        raise SettingsError(
            f"{path} is complete: it was trained for {counted(_epochs(events), 'epoch')}; to train it for more: "
            f"eyebright train --resume {path} --epochs {2 * max(planned, _epochs(events)) or 15}"
        )
    opened = _open_again if continues else _open_from_start
    classifier, prepared = opened(run, request, network, emit)
    if epochs is not None:  # only now nothing can be refused any more
        _write_extension(run, planned, request, emit)
    earlier = events if continues else None
    return finish(run, request, classifier, prepared, emit, started_at=started_at, earlier=earlier)


def reopen(run: Run, request: Request, emit: Emit) -> Dataset:
    """The images of a run, opened with the same options; a split that was given is also in the run.

    Raises:
        SettingsError: When they were in memory.
    """
    _require_on_disk(run, request)
    given = str(run.split) if request.split and run.split.exists() else request.split
    return open_pictures(run.reopening(request).changed(split=given), emit)


def reopen_prepared(
    run: Run, request: Request, classifier: Classifier, emit: Emit, pictures: Dataset | None = None
) -> Prepared:
    """The images of a run in its split, prepared for its model.

    Args:
        run: The run.
        request: Its resolved request.
        classifier: Its model.
        emit: Receives the progress.
        pictures: The images, where the run was trained on images in memory.

    Raises:
        DataError: When the split is no longer that of the run.
    """
    dataset = reopen(run, request, emit) if pictures is None else for_promise(pictures, request)
    seen = run.read_seen().contains if request.start_from else None
    prepared = prepare(
        dataset, classifier.preparation, classes=classifier.classes, seen=seen, report=reporting(emit)
    )  # fmt: skip
    with files.read_errors(run.split):
        listed = run.split.read_bytes()
    if listed != split_csv(prepared):
        raise DataError(f"the images are no longer those of {run.path} (its split.csv lists them): put them back")
    return prepared


def _require_on_disk(run: Run, request: Request) -> None:
    if request.in_memory:
        raise SettingsError(f"{run.path} was trained on images in memory: they cannot be read from the disk again")


def can_continue(run: Run, events: list[Event]) -> bool:
    """Whether there is a state to continue from."""
    if run.has_checkpoint:
        return any(isinstance(event, PrecisionChosen) for event in events)
    if any(isinstance(event, Stopped) and event.epoch and event.reason != "interrupted" for event in events):
        raise SettingsError(
            f"{run.checkpoint} has no checkpoint, so {run.path} cannot continue; start a new run from its model: "
            f"eyebright train PICTURES --from {run.path} -o NEW"
        )
    return False


def _planned(run: Run, request: Request, events: list[Event]) -> int:
    """How many epochs were planned; with a budget of time, how many there were when it ended."""
    if request.training.minutes:
        return _epochs(events) if run.is_complete else 0
    return request.training.epochs


def _epochs(events: list[Event]) -> int:
    return [event.epoch for event in events if isinstance(event, Stopped)][-1]


def _extended(run: Run, request: Request, epochs: int, planned: int) -> Request:
    """The request with more epochs; a budget of time no longer counts."""
    if epochs <= planned:
        raise SettingsError(
            f"--epochs is the number of epochs in all: {run.path} already has {planned}, so give more than that "
            f"(got {epochs})"
        )
    ends = (*request.training.extended_at, planned) if planned else ()
    return request.changed(epochs=epochs, minutes=0.0, extended_at=ends)


def _write_extension(run: Run, planned: int, request: Request, emit: Emit) -> None:
    """Write down that there will be more epochs.

    The event comes first: a run that is killed between the two continues as it was planned.
    """
    rate = request.training.learning_rate * LEG_SHARE
    event = Extended(planned=planned, epochs=request.training.epochs, learning_rate=rate)
    to_all([emit, EventLog(run.events)])(event)
    run.write_config(request)


def _open_again(run: Run, request: Request, network: Network, emit: Emit) -> tuple[Classifier, Prepared]:
    """The run's images as they are now; those that are gone are listed. Weights come from the checkpoint."""
    before = read_listed(run.split)
    known = {name for event in run.read_events() if isinstance(event, PicturesGone) for name in event.names}
    dataset = _still_there(run, request, known, emit)
    require_known(before, dataset, run.path)
    classifier = Classifier(network, dataset.classes, resize=as_fit(request.resize), seed=request.training.seed)
    require_unchanged(before, dataset, dataset.pack(classifier.preparation, reporting(emit)), run.path)
    prepared = prepare(dataset, classifier.preparation, report=reporting(emit))
    new = newly_gone(before, known, prepared)
    if new:
        gone = PicturesGone(names=tuple(printable(name) for name, _ in new))
        to_all([emit, EventLog(run.events)])(gone)
        known |= set(gone.names)
    learned = [row for name, row in before.items() if printable(name) in known and row.side in _LEARNED]
    classifier.seen = run.read_seen().union(row.digest for row in learned)
    here = set(dataset.source.names)
    removed = ((name, REMOVED) for name in before if name not in here)
    run.write_left_out([*prepared.pack.left_out, *removed])
    return classifier, prepared


def _open_from_start(run: Run, request: Request, network: Network, emit: Emit) -> tuple[Classifier, Prepared]:
    """A run that was stopped before its first checkpoint starts again, as config.toml says."""
    seen, settings = run.read_seen(), request.training
    dataset = reopen(run, request, emit)
    weights: Weights
    if request.start_from:
        source = read_source(request.start_from, request.start_sha256)
        weights = start_from(source, dataset.classes, settings).weights
    else:
        kept = str(run.start) if run.start.exists() else request.weights
        weights = start_named(dataset, request.changed(weights=kept), emit, network).weights
    classifier = Classifier(
        network, dataset.classes, weights=weights, resize=as_fit(request.resize), seed=settings.seed
    )
    classifier.seen = seen
    known = seen.contains if request.start_from else None
    return classifier, prepare(dataset, classifier.preparation, seen=known, report=reporting(emit))


def _still_there(run: Run, request: Request, gone: set[str], emit: Emit) -> Dataset:
    """The run's images that are there, without those that were left out or have been gone before."""
    as_started = run.reopening(request).changed(split=str(run.split), excluded=())
    dataset = open_pictures(as_started, emit)
    names = dataset.source.names
    here = {*request.excluded, *gone}.intersection([*names, *map(printable, names)])
    return open_pictures(as_started.changed(excluded=tuple(here)), emit) if here else dataset


class Listed(NamedTuple):
    """An image when the run started; the digest is empty where it could not be opened even then."""

    label: str
    side: str
    digest: bytes


def read_listed(path: Path) -> dict[str, Listed]:
    """The images in a run's split.csv, by their names.

    Raises:
        DataError: When it cannot be read, or is damaged.
    """
    try:
        text = path.read_text("utf-8", errors="surrogateescape")
    except OSError as problem:
        raise DataError(
            f"{path} cannot be read ({problem.strerror}), so the split of the images is unknown: put it back, or start "
            "a new run"
        ) from problem
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        return {
            csv_text(row["name"]): Listed(csv_text(row["class"]), row["split"], bytes.fromhex(row["digest"]))
            for row in rows
        }
    except (KeyError, TypeError, AttributeError, ValueError) as problem:
        raise DataError(f"{path}, line {rows.line_num}, is damaged: put it back, or start a new run") from problem


def require_known(before: dict[str, Listed], dataset: Dataset, run: Path) -> None:
    """Refuse new images and other classes, before anything is decoded.

    Raises:
        DataError: With what differs, and what can be done.
    """
    labels = dict(zip(dataset.source.names, [dataset.classes[label] for label in dataset.labels], strict=True))
    was, now = {row.label for row in before.values()}, set(dataset.classes)
    if was != now:
        parts = [f"{what}: {', '.join(sorted(names))}" for what, names in (("new", now - was), ("missing", was - now))
                 if names]  # fmt: skip
        raise DataError(f"the classes in {dataset.origin} are not those of {run} ({'; '.join(parts)}). {_ways(run)}")
    added = [name for name in labels if name not in before]
    if added:
        raise DataError(f"{_some(added)} in {dataset.origin} are new since {run} started. {_ways(run)}")
    moved = [name for name, label in labels.items() if before[name].label != label]
    if moved:
        raise DataError(f"{_some(moved)} in {dataset.origin} changed their class since {run} started. {_ways(run)}")


def require_unchanged(before: dict[str, Listed], dataset: Dataset, pack: Pack, run: Path) -> None:
    """Raise a `DataError` if images have other pixels than when the run started."""
    found = zip(dataset.source.names, pack.digests, strict=True)
    changed = [name for name, digest in found if digest and before[name].digest not in (b"", digest)]
    if changed:
        raise DataError(f"{_some(changed)} in {dataset.origin} changed after {run} started. {_ways(run)}")


def newly_gone(before: dict[str, Listed], known: Collection[str], prepared: Prepared) -> list[tuple[str, str]]:
    """Images that the run started with and must now continue without: name and reason.

    Args:
        before: The images when the run started.
        known: Names of images that were gone before, as `printable` shows them.
        prepared: The images that are there.

    Raises:
        DataError: When too few are left.
    """
    dataset, pack = prepared.dataset, prepared.pack
    digests = dict(zip(dataset.source.names, pack.digests, strict=True))
    reasons = dict(pack.left_out)
    gone = [
        (name, reasons.get(name, REMOVED))
        for name, row in before.items()
        if row.side and not digests.get(name) and printable(name) not in known
    ]
    for side in SIDES:
        if not len(prepared.indices(side)):
            raise DataError(
                f"no image of the {side} set is left in {dataset.origin}: put the images back, or start a new run"
            )
    return gone


def _some(names: Sequence[str]) -> str:
    return f"{counted(len(names), 'image')} ({listed(list(map(printable, names)))})"


def _ways(run: Path) -> str:
    return (
        "To continue this run, put the images back. Or start a new run from its model, which may have new images and "
        f"other classes: eyebright train PICTURES --from {run} -o NEW"
    )
