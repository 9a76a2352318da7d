"""What came of it: confidence, the verdict and what it healed, figures, the model."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from eyebright.evaluation import Difference, Share, Verdict
from eyebright.training.events.base import Event


class Calibrated(Event, frozen=True):
    """A temperature was fitted on the validation pictures; errors are expected calibration errors on them."""

    temperature: float
    error_before: float
    error_after: float


class Judged(Event, frozen=True):
    """The verdict on the training: the most important thing that its figures show, and what else they show.

    `remedy` holds the settings by which the advice may be tried.
    """

    kind: str
    text: str
    advice: str
    remedy: dict[str, Any] = msgspec.field(default_factory=dict)
    others: tuple[Verdict, ...] = ()

    @classmethod
    def of(cls, verdicts: Sequence[Verdict]) -> "Judged":
        """The event that tells of these verdicts, at least one, most important first."""
        first = verdicts[0]
        return cls(
            kind=first.kind, text=first.text, advice=first.advice, remedy=first.remedy, others=tuple(verdicts[1:])
        )


class Evaluated(Event, frozen=True):
    """Somebody looked at pictures that were not learned from. Each look at the test side is written down.

    `seen` counts those that did not count, since the model had learned from them or was chosen by them.
    """

    side: str
    pictures: int
    accuracy: float
    low: float
    high: float
    loss: float
    seen: int = 0


class HealingBegun(Event, frozen=True):
    """What the verdict `kind` advises is tried: a run in the folder `path` with these changes, of about so long."""

    kind: str
    changes: dict[str, Any]
    path: str
    seconds: float


class Healed(Event, frozen=True):
    """On the same validation pictures so many were told right before and after; the run in the folder `kept` is better.

    `difference` is of paired answers; the second run is kept where its interval lies above 0.
    """

    pictures: int
    before: Share
    after: Share
    difference: Difference
    kept: str


class ModelSaved(Event, frozen=True):
    """The model stands in the run's folder."""

    path: str
    weights_sha256: str


AnyResult: TypeAlias = Calibrated | Judged | Evaluated | HealingBegun | Healed | ModelSaved
