"""What the verdict on a run advises, as a training to try: its settings, its network, and how long it may take."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from eyebright import zoo
from eyebright.errors import SettingsError
from eyebright.evaluation import Verdict
from eyebright.network import Network
from eyebright.network.rewrites import with_dropout
from eyebright.preflight import LEAST_MINUTES
from eyebright.run_folder import RunConfig
from eyebright.training.events import AnyEvent, EpochEnded, HealingBegun, Judged
from eyebright.training.settings import Settings

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
