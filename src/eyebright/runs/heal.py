"""What the verdict on a run advises, as a training to try: its settings, its network, and how long it may take.

heal(): tries what the verdict on a run advises, and tells on its validation pictures whether that was better.
"""

import copy
import math
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data import prepare
from eyebright.data.dataset import Dataset
from eyebright.data.split import SIDES
from eyebright.model import assess
from eyebright.model.classifier import Classifier
from eyebright.network import Network, zoo
from eyebright.network.rewrites import with_dropout
from eyebright.runs import audit, resume, train
from eyebright.runs.checks import LEAST_MINUTES
from eyebright.runs.folder import MADE_WITH, Run, RunConfig, split_csv
from eyebright.system import files
from eyebright.system.errors import DataError, SettingsError
from eyebright.training.events import (
    AnyEvent,
    Emit,
    EpochEnded,
    EventLog,
    Healed,
    HealingBegun,
    Judged,
    read_events,
    to_all,
)
from eyebright.training.settings import Settings
from eyebright.trust.intervals import Difference, Share, paired_difference, share_of
from eyebright.trust.verdict import Verdict

_BUDGET = 3  # times as long as the first training may the second one take
_HOPELESS = "leak suspected"  # its validation pictures cannot tell what is better
_TIME = {"epochs", "minutes"}


class OutOfTimeError(SettingsError):
    """A budget leaves too little time for what is advised."""


class Attempt(NamedTuple):
    """A training that tries what a verdict advises.

    Args:
        kind: The verdict that it is to mend.
        network: What is trained.
        settings: How.
        changes: What is not as it was in the first run, by name; "dropout" is the network's.
        seconds: About how long it takes.
    """

    kind: str
    network: Network
    settings: Settings
    changes: dict[str, Any]
    seconds: float

    def begun(self, path: Path) -> HealingBegun:
        """The event that tells of it, in the folder of a second run."""
        place = str(path.absolute())  # it is found again from any folder
        return HealingBegun(kind=self.kind, changes=self.changes, path=place, seconds=self.seconds)


def remedy_of(events: Iterable[AnyEvent]) -> tuple[str, dict[str, Any]] | None:
    """The most important verdict of a run that settings can mend, with these; None where the pictures must be."""
    judged = [event for event in events if isinstance(event, Judged)]
    if not judged or judged[-1].kind == _HOPELESS:
        return None
    verdicts: list[Judged | Verdict] = [judged[-1], *judged[-1].others]
    return next(((verdict.kind, verdict.remedy) for verdict in verdicts if verdict.remedy), None)


def attempt(
    config: RunConfig,
    network: Network,
    events: Sequence[AnyEvent],
    budget_s: float | None = None,
    *,
    comparing_s: float = 0.0,
) -> Attempt | None:
    """What the verdict on a run advises, as a training within a budget; None where settings can do nothing.

    Args:
        config: What the run was.
        network: Its network. One with published weights, or of a model that was started from, stays as it is: these
            belong to it.
        events: The run's events, which tell the verdict and the pace.
        budget_s: How many seconds the training may take. Unless given, the minutes that are advised, or
            as many as the first had; where epochs decide, three times as long as the first.
        comparing_s: How many of the seconds go to comparing, where it is time that decides.

    Raises:
        OutOfTimeError: When the budget suffices for no training, or for none that is longer where only that is advised.
    """
    found = remedy_of(events)
    if found is None:
        return None
    (kind, remedy), bound = found, bool(config.start_from) or config.weights == zoo.PUBLISHED
    usable = {name: value for name, value in remedy.items() if name != "dropout" or not bound}
    dropout, first = usable.pop("dropout", 0.0), config.training
    settings, seconds = _within(budget_s, first, usable, events, comparing_s)
    changed, before = with_dropout(network, dropout), msgspec.structs.asdict(first)
    changes = {name: value for name, value in msgspec.structs.asdict(settings).items() if value != before[name]}
    if changed != network:
        changes["dropout"] = dropout
    longer = settings.epochs > first.epochs or settings.minutes > first.minutes
    if usable and usable.keys() <= _TIME and "dropout" not in changes and not longer:
        had = f"{first.minutes:g} minutes" if first.minutes else f"{first.epochs} epochs"
        raise OutOfTimeError(
            f"the verdict advises only to train for longer than the first training, which had {had}, and a budget of "
            f"{budget_s or 0:.3g} s does not allow it"
        )
    sought = changes.keys() & (usable.keys() | {"dropout"})
    return Attempt(kind, changed, settings, changes, seconds) if sought else None


def _within(
    budget_s: float | None,
    settings: Settings,
    remedy: Mapping[str, Any],
    events: Sequence[AnyEvent],
    comparing_s: float,
) -> tuple[Settings, float]:
    """The settings with the remedy, in no more time than the budget allows by the first run's pace; and the seconds."""
    legs = {"extended_at": ()} if _TIME & remedy.keys() else {}
    changed = settings.changed({**remedy, **legs})
    if changed.minutes:
        left_s = math.inf if budget_s is None else budget_s - comparing_s
        if left_s < 60 * LEAST_MINUTES:
            least_s = 60 * LEAST_MINUTES + comparing_s
            raise OutOfTimeError(f"healing in {budget_s:.1f} s is not possible: it takes {least_s:.1f} s at least")
        minutes = changed.minutes if left_s > 60 * changed.minutes else math.floor(left_s / 0.6) / 100
        return changed.changed({"minutes": minutes}), round(60 * minutes, 1)
    epochs = {event.epoch: event.seconds for event in events if isinstance(event, EpochEnded)}
    pace = sum(epochs.values()) / max(len(epochs), 1)
    budget_s = _BUDGET * pace * settings.epochs if budget_s is None else budget_s
    if budget_s < pace:
        raise OutOfTimeError(f"healing in {budget_s:.3g} s is not possible: one epoch takes {pace:.3g} s")
    most = min(changed.epochs, int(budget_s / pace)) if pace else changed.epochs
    ends = tuple(end for end in changed.extended_at if end < most)
    return changed.changed({"epochs": most, "extended_at": ends}), round(most * pace, 1)


__all__ = ["Healing", "OutOfTimeError", "advises", "heal"]

FOLDER = "healed"


class Healing(NamedTuple):
    """What an attempt to heal gave.

    Args:
        path: The folder of the second run.
        kind: The verdict that it was to mend.
        before: Validation pictures that the first run's model tells right.
        after: The same pictures, as the second run's model tells them.
        difference: How much more the second tells; its interval decides.
        kept: The folder of the better run: the second only where it surely is.
        interrupted: Whether the second was stopped, so that nothing was compared and the first is kept.
    """

    path: Path
    kind: str
    before: Share
    after: Share
    difference: Difference
    kept: Path
    interrupted: bool = False


def heal(
    path: str | Path,
    output: str | Path | None = None,
    *,
    pictures: Dataset | None = None,
    budget_s: float | None = None,
    overwrite: bool = False,
    callbacks: Iterable[Callable[[AnyEvent], None]] = (),
) -> Healing | None:
    """Train a finished run again as its verdict advises, on the same split, and compare on the validation pictures.

    Where that was begun before and stopped, the second training goes on, and then the two are compared.

    Args:
        path: The run's folder; nothing in it is changed but its log, which tells the outcome.
        output: The folder of the second run, by default "healed" in the first one's.
        pictures: The pictures of the run, where it was trained on arrays.
        budget_s: How many seconds healing may take. A training with a budget of time gets what comparing leaves of it;
            of another one the epochs are cut to that by the pace of the first. By default the minutes that are advised,
            or as many as the first had; where epochs decide, three times as long as the first.
        overwrite: Replace a second run that is there.
        callbacks: Receive every event as it happens.

    Returns:
        What came of it; None where the verdict advises nothing that settings could do.

    Raises:
        SettingsError: When there is no finished run.
        OutOfTimeError: When the budget suffices for no training, or, where only a longer one is advised, for none that
            is longer; a `SettingsError`. No second run is left then.
        DataError: When the pictures are no longer those that the run was trained on.
        OutputError: When the second folder exists and is not to be replaced.
    """
    begun_at, run, emit = time.monotonic(), Run(Path(path)), to_all(callbacks)
    config, network = run.read()
    events = read_events(run.events)
    if not train.is_complete(path):
        raise SettingsError(f"{path} is not finished: first go on with it, eyebright train --resume {path}")
    second, tell = Path(output) if output is not None else run.path / FOLDER, to_all([emit, EventLog(run.events)])
    begun = None if overwrite else _begun(events, second)
    if begun is None:
        if attempt(config, network, events, budget_s) is None:  # what cannot be is refused before any work
            return None
        files.require_free(second, overwrite=overwrite, made_with=MADE_WITH)
    dataset = _pictures(run, config, pictures, emit)
    before, groups = _told_right(run, run.path, dataset)
    comparing_s = 2 * (time.monotonic() - begun_at)  # the second will be asked as the first was
    if begun is not None:
        kind, interrupted = begun.kind, _go_on(second, begun, emit)
    elif trial := attempt(config, network, events, budget_s, comparing_s=comparing_s):
        tell(trial.begun(second))
        kind = trial.kind
        interrupted = _train_again(run, config, trial, second, pictures, overwrite=overwrite, callbacks=[emit])
    else:
        return None
    after, _ = _told_right(run, second, dataset)
    risen = paired_difference(after, before, groups)
    kept = second if risen.low > 0 and not interrupted else run.path
    healing = Healing(second, kind, share_of(before, groups), share_of(after, groups), risen, kept, interrupted)
    if not interrupted:
        tell(Healed(pictures=len(before), before=healing.before, after=healing.after, difference=risen, kept=str(kept)))
    return healing


def advises(path: str | Path) -> bool:
    """Whether the verdict on a run advises something that `heal` can try."""
    return remedy_of(read_events(Run(Path(path)).events)) is not None


def _begun(events: Sequence[AnyEvent], second: Path) -> HealingBegun | None:
    """What the last verdict's healing began in the second folder, where nothing has been compared yet."""
    told = [event for event in events if isinstance(event, Judged | HealingBegun | Healed)]
    last = told[-1] if told else None
    if not isinstance(last, HealingBegun) or not Run(second).config.is_file():
        return None
    return last if Path(last.path).resolve() == second.resolve() else None


def _go_on(second: Path, begun: HealingBegun, emit: Emit) -> bool:
    """Finish the second training; whether it was interrupted again."""
    emit(begun)
    return not train.is_complete(second) and resume.resume(second, callbacks=[emit]).interrupted


def _pictures(run: Run, config: RunConfig, given: Dataset | None, emit: Emit) -> Dataset:
    """The pictures of the run, so that they are split as they were."""
    dataset = resume.reopen(run, config, emit) if given is None else copy.copy(given)
    if config.start_from:
        dataset.learned = run.read_seen().among
    return dataset


def _train_again(
    run: Run, config: RunConfig, trial: Attempt, output: Path, pictures: Dataset | None, **options: Any
) -> bool:
    """A second run on the pictures and the split of the first, from the same start; whether it was interrupted.

    Raises:
        OutOfTimeError: When its minutes turn out to be too few to learn anything; then nothing is left of it.
    """
    how: dict[str, Any] = {"network": trial.network, "weights": run.start if run.start.exists() else config.weights}
    if config.start_from:
        how = {"start_from": config.start_from, "start_sha256": config.start_sha256}
    elif config.weights == zoo.PUBLISHED:  # by its name, to which they belong
        how |= {"network": config.network, "size": config.size}
    if pictures is None:
        how |= {
            "group_by": config.group_by, "exclude": config.excluded, "split": run.split if config.split else "",
            "split_seed": config.split_seed,
        }  # fmt: skip
    try:
        return train.train(
            config.pictures if pictures is None else pictures, output, fit=config.fit, validation=config.validation,
            test=config.test, settings=trial.settings, **how, **options,
        ).interrupted  # fmt: skip
    except SettingsError as problem:
        second = Run(output)
        if not trial.settings.minutes or second.has_checkpoint or second.model.exists():
            raise
        shutil.rmtree(output, ignore_errors=True)  # nothing was learned that could be gone on with
        if files.aside_of(output).exists():
            files.aside_of(output).rename(output)
        raise OutOfTimeError(str(problem)) from problem


def _told_right(first: Run, path: Path, dataset: Dataset) -> tuple[NDArray[np.bool_], NDArray[np.int64] | None]:
    """Whether the model of a run tells each validation picture right, and the numbers of their groups.

    Raises:
        DataError: When the pictures are not split as in the first run.
    """
    classifier = Classifier.load(path)
    pack = dataset.pack(classifier.preparation)
    audit.keep_together(dataset, pack)
    if first.split.read_bytes() != split_csv(dataset, pack):
        raise DataError(f"the pictures are no longer those of {first.path} (its split.csv lists them): put them back")
    validation = np.flatnonzero(dataset.split(pack) == SIDES.index("validation"))
    said = assess.log_probabilities(classifier.predictor, pack, validation).argmax(axis=1)
    labels = prepare.labels_among(dataset, classifier.classes)[validation]
    groups = dataset.group_numbers
    return said == labels, None if groups is None else groups[validation]
