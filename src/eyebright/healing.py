"""heal(): tries what the verdict on a run advises, and tells on its validation pictures whether that was better."""

import copy
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright import assessment, auditing, course, files, preparing, resuming, runs, zoo
from eyebright.attempt import Attempt, OutOfTimeError, attempt, remedy_of
from eyebright.classifier import Classifier
from eyebright.datasets import SIDES, Dataset
from eyebright.errors import DataError, SettingsError
from eyebright.evaluation import Difference, Share, paired_difference, share_of
from eyebright.run_folder import MADE_WITH, Run, RunConfig, split_csv
from eyebright.training.events import AnyEvent, Emit, EventLog, Healed, HealingBegun, Judged, read_events, to_all

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
    if not course.is_complete(path):
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
    return not course.is_complete(second) and resuming.resume(second, callbacks=[emit]).interrupted


def _pictures(run: Run, config: RunConfig, given: Dataset | None, emit: Emit) -> Dataset:
    """The pictures of the run, so that they are split as they were."""
    dataset = resuming.reopen(run, config, emit) if given is None else copy.copy(given)
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
        return runs.train(
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
    auditing.keep_together(dataset, pack)
    if first.split.read_bytes() != split_csv(dataset, pack):
        raise DataError(f"the pictures are no longer those of {first.path} (its split.csv lists them): put them back")
    validation = np.flatnonzero(dataset.split(pack) == SIDES.index("validation"))
    said = assessment.log_probabilities(classifier.predictor, pack, validation).argmax(axis=1)
    labels = preparing.labels_among(dataset, classifier.classes)[validation]
    groups = dataset.group_numbers
    return said == labels, None if groups is None else groups[validation]
