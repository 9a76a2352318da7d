"""heal(): try what the verdict on a run advises, and find out on its validation set whether that is better."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.dataset import Dataset
from eyebright.data.prepare import Prepared
from eyebright.model.classifier import Classifier
from eyebright.model.evaluate import correct
from eyebright.network import Network, zoo
from eyebright.network.rewrites import with_dropout
from eyebright.report.progress import shown
from eyebright.runs.checks import LEAST_MINUTES
from eyebright.runs.folder import NETWORK, Run
from eyebright.runs.request import Request
from eyebright.runs.resume import reopen_prepared, resume
from eyebright.runs.train import run_request
from eyebright.system.errors import SettingsError
from eyebright.system.table import Table
from eyebright.system.text import counted, percent
from eyebright.training.events.event import Emit, Event
from eyebright.training.events.fitting import EpochEnded
from eyebright.training.events.results import Healed, HealingBegun, VerdictReached
from eyebright.training.receivers import EventLog, to_all
from eyebright.training.settings import Settings
from eyebright.trust.intervals import Difference, Share, paired_difference, share_of
from eyebright.trust.verdict import Verdict

FOLDER = "healed"
"""The folder of the second run in the first, unless another is given."""
_HOPELESS = "leak suspected"  # its validation set cannot show what is better
_TIME = {"epochs", "minutes"}
_ASKED = {"network", "dropout"}  # options of a remedy that are no settings


class OutOfTimeError(SettingsError):
    """A budget leaves too little time for what is advised."""


class Healing(NamedTuple):
    """What healing gave.

    Args:
        path: The folder of the second run.
        kind: The verdict that it should improve.
        before: Share of the validation images that the first run's model predicts correctly.
        after: The same for the second run's model.
        difference: How much more the second predicts correctly; its interval decides.
        kept: The folder of the better run: the second only where the difference is significant.
        interrupted: Whether the second was stopped, so that nothing was compared and the first is kept.
    """

    path: Path
    kind: str
    before: Share
    after: Share
    difference: Difference
    kept: Path
    interrupted: bool = False

    def as_table(self) -> Table:
        """What was tried, and whether it was better."""
        rows = [
            ("verdict", self.kind),
            ("before", f"{percent(self.before.value)} of {counted(self.before.of, 'validation image')} are correct"),
            ("after", percent(self.after.value)),
            ("difference", str(self.difference)),
            ("kept", str(self.kept)),
        ]
        return Table(f"Healing in {self.path}{' (interrupted)' if self.interrupted else ''}", rows=rows, names=2)

    def __repr__(self) -> str:
        return self.as_table().text()

    def _repr_html_(self) -> str:
        return self.as_table().html()


class Trial(NamedTuple):
    """A training that tries what a verdict advises.

    Args:
        kind: The verdict that it should improve.
        settings: How it is trained.
        changes: What differs from the first run, by the names of the options.
        seconds: About how long it takes.
    """

    kind: str
    settings: Settings
    changes: dict[str, Any]
    seconds: float


def heal(
    path: str | Path,
    output: str | Path | None = None,
    *,
    pictures: Dataset | None = None,
    budget_s: float | None = None,
    overwrite: bool = False,
    verbose: bool = True,
    callbacks: Iterable[Callable[[Event], None]] = (),
) -> Healing | None:
    """Train a finished run again as its verdict advises, on the same split, and compare on the validation set.

    Where that was started before and stopped, the second training continues, and then the two are compared.

    Args:
        path: The run's folder; only its log changes, which records the outcome.
        output: The folder of the second run, by default "healed" in the first one's.
        pictures: The images of the run, where it was trained on arrays.
        budget_s: How many seconds healing may take. A training with a budget of time gets what the comparison leaves of
            it; for others the epochs are limited by the speed of the first. By default the minutes or epochs that are
            advised, or as many as the first had.
        overwrite: Replace a second run that exists.
        verbose: Whether to show the progress and the result, as the command does.
        callbacks: Receive every event as it happens.

    Returns:
        The outcome; None where the verdict advises nothing that settings could do.

    Raises:
        SettingsError: When there is no finished run.
        OutOfTimeError: When the budget is too short for any training or, where only a longer one is advised, for one
            that is longer; a `SettingsError`. No second run is left then.
        DataError: When the images are no longer those that the run was trained on.
        OutputError: When the second folder exists and is not to be replaced.
    """
    started_at = time.monotonic()
    with shown(callbacks, verbose=verbose) as emit:
        return _heal(Run(path), output, pictures, budget_s, emit, overwrite=overwrite, started_at=started_at)


def _heal(
    run: Run,
    output: str | Path | None,
    pictures: Dataset | None,
    budget_s: float | None,
    emit: Emit,
    *,
    overwrite: bool,
    started_at: float,
) -> Healing | None:
    """What `heal` does, with one receiver of the events."""
    request, network = run.read()
    events = run.read_events()
    if not run.is_complete:
        raise SettingsError(f"{run.path} is not finished: continue it first with eyebright train --resume {run.path}")
    second = Run(run.path / FOLDER if output is None else output)
    log = to_all([emit, EventLog(run.events)])
    before_it = None if overwrite else _started(events, second)
    if before_it is None:
        if plan(request, network, events, budget_s) is None:  # what is impossible is refused before any work
            return None
        second.require_free(overwrite=overwrite)
    prepared = reopen_prepared(run, request, Classifier.load(run.path), emit, pictures)
    before = _correct(run, prepared)
    comparing_s = 2 * (time.monotonic() - started_at)  # the second is evaluated as the first was
    if before_it is not None:
        kind = before_it.kind
        emit(before_it)
        interrupted = not second.is_complete and resume(second.path, callbacks=[emit]).interrupted
    elif trial := plan(request, network, events, budget_s, comparing_s=comparing_s):
        kind = trial.kind
        place = str(second.path.absolute())  # it is found again from any folder
        log(HealingBegun(kind=kind, changes=trial.changes, path=place, seconds=trial.seconds))
        interrupted = _train_again(run, request, network, trial, second, pictures, overwrite=overwrite, emit=emit)
    else:
        return None
    after = _correct(second, prepared)
    groups = prepared.groups_at(prepared.indices("validation"))
    difference = paired_difference(after, before, groups)
    kept = second.path if difference.low > 0 and not interrupted else run.path
    shares = share_of(before, groups), share_of(after, groups)
    if not interrupted:
        log(Healed(pictures=len(before), before=shares[0], after=shares[1], difference=difference, kept=str(kept)))
    return Healing(second.path, kind, *shares, difference, kept, interrupted)


def advises(path: str | Path) -> str:
    """The problem whose advice `heal` can try on a run; "" if there is none."""
    found = remedy_of(Run(path).read_events())
    return found[0] if found else ""


def remedy_of(events: Iterable[Event]) -> tuple[str, dict[str, Any]] | None:
    """The most important verdict of a run that settings can improve, with these; None where the images must change."""
    reached = [event for event in events if isinstance(event, VerdictReached)]
    if not reached or reached[-1].kind == _HOPELESS:
        return None
    verdicts: list[VerdictReached | Verdict] = [reached[-1], *reached[-1].others]
    return next(((verdict.kind, verdict.remedy) for verdict in verdicts if verdict.remedy), None)


def plan(
    request: Request,
    network: Network,
    events: Sequence[Event],
    budget_s: float | None = None,
    *,
    comparing_s: float = 0.0,
) -> Trial | None:
    """What the verdict on a run advises, as a training within a budget; None where settings can do nothing.

    Args:
        request: The request of the run.
        network: Its network.
        events: The run's events, with the verdict and the speed.
        budget_s: As in `heal`.
        comparing_s: How many of the seconds the comparison takes, where the time decides.

    Raises:
        OutOfTimeError: As in `heal`.
    """
    found = remedy_of(events)
    if found is None:
        return None
    kind, remedy = found
    asked = {name: remedy[name] for name in _ASKED & remedy.keys()}
    if with_dropout(network, asked.get("dropout", 0.0)) == network:
        asked.pop("dropout", None)
    usable = {name: value for name, value in remedy.items() if name not in _ASKED}
    first = Settings(seed=request.training.seed, epochs=0) if "network" in asked else request.training
    settings, seconds = _within(budget_s, first, usable, events, comparing_s)
    before = msgspec.structs.asdict(first)
    changes = asked | {name: new for name, new in msgspec.structs.asdict(settings).items() if new != before[name]}
    longer = settings.epochs > first.epochs or settings.minutes > first.minutes
    if usable and usable.keys() <= _TIME and not asked and not longer:
        had = f"{first.minutes:g} minutes" if first.minutes else f"{first.epochs} epochs"
        raise OutOfTimeError(
            f"the only advice is to train longer than the first training ({had}), and a budget of "
            f"{budget_s or 0:.3g} s is too short for that"
        )
    return Trial(kind, settings, changes, seconds) if changes.keys() & remedy.keys() else None


def _within(
    budget_s: float | None,
    settings: Settings,
    remedy: Mapping[str, Any],
    events: Sequence[Event],
    comparing_s: float,
) -> tuple[Settings, float]:
    """The settings with the remedy, in no more time than the budget allows at the first run's speed; the seconds."""
    legs = {"extended_at": ()} if _TIME & remedy.keys() else {}
    changed = settings.changed({**remedy, **legs})
    if changed.minutes:
        left_s = math.inf if budget_s is None else budget_s - comparing_s
        if left_s < 60 * LEAST_MINUTES:
            least_s = 60 * LEAST_MINUTES + comparing_s
            raise OutOfTimeError(f"healing needs at least {least_s:.1f} s, the budget is {budget_s:.1f} s")
        minutes = changed.minutes if left_s > 60 * changed.minutes else math.floor(left_s / 0.6) / 100
        return changed.changed({"minutes": minutes}), round(60 * minutes, 1)
    epochs = {event.epoch: event.seconds for event in events if isinstance(event, EpochEnded)}
    epoch_s = sum(epochs.values()) / max(len(epochs), 1)
    if budget_s is None:
        return changed, round(changed.epochs * epoch_s, 1)
    if budget_s < epoch_s:
        raise OutOfTimeError(f"healing needs at least one epoch, {epoch_s:.3g} s; the budget is {budget_s:.3g} s")
    most = min(changed.epochs, int(budget_s / epoch_s)) if epoch_s else changed.epochs
    ends = tuple(end for end in changed.extended_at if end < most)
    return changed.changed({"epochs": most, "extended_at": ends}), round(most * epoch_s, 1)


def _started(events: Sequence[Event], second: Run) -> HealingBegun | None:
    """The healing that the last verdict started in the second folder, where nothing has been compared yet."""
    found = [event for event in events if isinstance(event, VerdictReached | HealingBegun | Healed)]
    last = found[-1] if found else None
    if not isinstance(last, HealingBegun) or not second.config.is_file():
        return None
    return last if Path(last.path).resolve() == second.path.resolve() else None


def _correct(run: Run, prepared: Prepared) -> NDArray[np.bool_]:
    """Whether the model of a run predicts each validation image correctly."""
    classifier = Classifier.load(run.path)
    here = prepared.resized(classifier.preparation)
    return correct(classifier.predictor, here.pack, here.labels, here.indices("validation"))


def _train_again(
    run: Run,
    request: Request,
    network: Network,
    trial: Trial,
    second: Run,
    pictures: Dataset | None,
    *,
    overwrite: bool,
    emit: Emit,
) -> bool:
    """A second run on the images and the split of the first, from the same start; whether it was interrupted.

    Raises:
        OutOfTimeError: When its minutes turn out to be too few.
    """
    kept = run.split if request.split and pictures is None else ""
    again = run.reopening(request).changed(
        output=str(second.path), split=str(kept), overwrite=overwrite, log=(), training=trial.settings,
        dropout=max(trial.changes.get("dropout", 0.0), request.dropout),
    )  # fmt: skip
    given: Network | None = None
    if "network" in trial.changes:
        again = again.changed(network=trial.changes["network"], weights="", start_from="", start_sha256="", size=None)
    elif request.start_from:
        again = again.changed(network="", weights="", size=None)
    elif request.weights != zoo.PUBLISHED:  # those belong to the network of that name
        weights = str(run.start) if run.start.exists() else request.weights
        given, again = network, again.changed(network=NETWORK, weights=weights, size=None)
    try:
        return run_request(again, pictures, given, callbacks=[emit]).interrupted
    except SettingsError as problem:
        if not trial.settings.minutes:
            raise
        raise OutOfTimeError(str(problem)) from problem
