"""heal(): tries what the verdict on a run advises, and tells on its validation pictures whether that was better."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright import assessment, auditing, course, files, preparing, resuming, runs, zoo
from eyebright.classifier import Classifier
from eyebright.datasets import SIDES, Dataset
from eyebright.errors import DataError, SettingsError
from eyebright.evaluation import Difference, Share, Verdict, paired_difference, share_of
from eyebright.network import Network
from eyebright.network.rewrites import with_dropout
from eyebright.run_folder import MADE_WITH, Run, RunConfig, split_csv
from eyebright.training.events import (
    AnyEvent,
    EpochEnded,
    EventLog,
    Healed,
    HealingBegun,
    Judged,
    read_events,
    to_all,
)
from eyebright.training.settings import Settings

FOLDER = "healed"
_BUDGET = 3  # times as long as the first training may the second one take
_HOPELESS = "leak suspected"  # its validation pictures cannot tell what is better


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

    Args:
        path: The run's folder; nothing in it is changed but its log, which tells the outcome.
        output: The folder of the second run, by default "healed" in the first one's.
        pictures: The pictures of the run, where it was trained on arrays.
        budget_s: How many seconds the second training may take by the pace of the first: its epochs are cut to that.
            By default three times as long as the first.
        overwrite: Replace a second run that is there.
        callbacks: Receive every event as it happens.

    Returns:
        What came of it; None where the verdict advises nothing that settings could do.

    Raises:
        SettingsError: When there is no finished run, or the budget does not suffice for one epoch.
        DataError: When the pictures are no longer those that the run was trained on.
        OutputError: When the second folder exists and is not to be replaced.
    """
    run, emit = Run(Path(path)), to_all(callbacks)
    config, network = run.read()
    events = read_events(run.events)
    if not course.is_complete(path):
        raise SettingsError(f"{path} is not finished: first go on with it, eyebright train --resume {path}")
    found = remedy_of(events)
    if found is None:
        return None
    kind, remedy = found
    second, tell = Path(output) if output is not None else run.path / FOLDER, to_all([emit, EventLog(run.events)])
    files.require_free(second, overwrite=overwrite, made_with=MADE_WITH)
    settings, seconds = _within(budget_s, config.training, remedy, events)
    dataset = pictures or resuming.reopen(run, config, emit)
    before, groups = _told_right(run, run.path, dataset)
    published = config.weights == zoo.PUBLISHED  # its weights belong to the network as it is
    changes = {name: value for name, value in remedy.items() if name != "dropout" or not published}
    tell(HealingBegun(kind=kind, changes=changes | {"epochs": settings.epochs}, path=str(second), seconds=seconds))
    changed = config.network if published else with_dropout(network, changes.get("dropout", 0.0))
    result = _train_again(run, config, changed, second, settings, pictures, overwrite=overwrite, callbacks=[emit])
    after, _ = _told_right(run, second, dataset)
    risen = paired_difference(after, before, groups)
    kept = second if risen.low > 0 and not result.interrupted else run.path
    healing = Healing(second, kind, share_of(before, groups), share_of(after, groups), risen, kept, result.interrupted)
    if result.interrupted:
        return healing
    tell(Healed(pictures=len(before), before=healing.before, after=healing.after, difference=risen, kept=str(kept)))
    return healing


def advises(path: str | Path) -> bool:
    """Whether the verdict on a run advises something that `heal` can try."""
    return remedy_of(read_events(Run(Path(path)).events)) is not None


def remedy_of(events: Iterable[AnyEvent]) -> tuple[str, dict[str, Any]] | None:
    """The most important verdict of a run that settings can mend, with these; None where the pictures must be."""
    judged = [event for event in events if isinstance(event, Judged)]
    if not judged or judged[-1].kind == _HOPELESS:
        return None
    verdicts: list[Judged | Verdict] = [judged[-1], *judged[-1].others]
    return next(((verdict.kind, verdict.remedy) for verdict in verdicts if verdict.remedy), None)


def _within(
    budget_s: float | None, settings: Settings, remedy: Mapping[str, Any], events: Sequence[AnyEvent]
) -> tuple[Settings, float]:
    """The settings with the remedy, no more epochs than the budget allows by the first run's pace; and the seconds."""
    if settings.minutes:  # the clock ends the second training as it did the first
        minutes = settings.minutes if budget_s is None else budget_s / 60
        return settings.changed(_of_settings(remedy) | {"minutes": minutes}), round(60 * minutes, 1)
    epochs = {event.epoch: event.seconds for event in events if isinstance(event, EpochEnded)}
    pace = sum(epochs.values()) / max(len(epochs), 1)
    budget_s = _BUDGET * pace * settings.epochs if budget_s is None else budget_s
    if budget_s < pace:
        raise SettingsError(f"healing in {budget_s:.3g} s is not possible: one epoch takes {pace:.3g} s")
    changed = settings.changed(_of_settings(remedy))
    affordable = changed.changed({"epochs": min(changed.epochs, int(budget_s / pace))}) if pace else changed
    return affordable, round(affordable.epochs * pace, 1)


def _of_settings(remedy: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a remedy that is not the network's."""
    return {name: value for name, value in remedy.items() if name != "dropout"}


def _train_again(
    run: Run,
    config: RunConfig,
    network: Network | str,
    output: Path,
    settings: Settings,
    pictures: Dataset | None,
    **options: Any,
) -> runs.Result:
    """A second run on the pictures and the split of the first."""
    data: dict[str, Any] = {}
    if pictures is None:
        data = {
            "group_by": config.group_by, "exclude": config.excluded, "split": run.split if config.split else "",
            "split_seed": config.split_seed,
        }  # fmt: skip
    return runs.train(
        config.pictures if pictures is None else pictures, output, network=network, weights=config.weights,
        size=config.size if isinstance(network, str) else None, fit=config.fit, validation=config.validation,
        test=config.test, settings=settings, **options, **data,
    )  # fmt: skip


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
