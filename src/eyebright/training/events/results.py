"""Events of what came out of a training: how good the model is, and what was written. `pictures` counts images."""

from collections.abc import Sequence
from typing import Any

import msgspec

from eyebright.training.events.event import Event
from eyebright.training.events.fitting import Measure
from eyebright.trust.calibration import ErrorByChance
from eyebright.trust.intervals import Difference, Share, apart
from eyebright.trust.metrics import Evaluation
from eyebright.trust.promise import Promised
from eyebright.trust.verdict import Verdict


class Calibrated(Event, frozen=True):
    """A temperature was fitted on the validation images; the errors are expected calibration errors on them."""

    temperature: float
    error_before: float
    error_after: float


class LimitSet(Event, frozen=True):
    """Images unlike the training images get no answer; the limit is set by `pictures` validation images.

    A share `kept` of images like the training images is expected to stay below it, 0 to 1.
    """

    pictures: int
    kept: float


class PromiseMade(Event, frozen=True):
    """The model promises something from now on; `text` says it in a sentence. `promised` is what a classifier needs."""

    text: str
    promised: Promised | None = None


class PromiseRefused(Event, frozen=True):
    """The held-back images do not prove what was to be promised, so nothing is."""

    promise: str
    reason: str


class VerdictReached(Event, frozen=True):
    """The verdict on a training: the most important finding, and the `others`.

    `remedy` has the settings that try the advice.
    """

    kind: str
    text: str
    advice: str
    remedy: dict[str, Any] = msgspec.field(default_factory=dict)
    others: tuple[Verdict, ...] = ()

    @classmethod
    def of(cls, verdicts: Sequence[Verdict]) -> "VerdictReached":
        """The event of at least one verdict, the most important first."""
        first = verdicts[0]
        return cls(
            kind=first.kind, text=first.text, advice=first.advice, remedy=first.remedy, others=tuple(verdicts[1:])
        )


class Evaluated(Event, frozen=True):
    """The model was evaluated on images that it was not trained on. Each use of the test set is written to the log.

    `seen` counts images that were left out because the model was trained or selected with them; `absent` names the
    classes without images. `calibration_error` is the expected one, and `error_by_chance` what a perfectly calibrated
    model shows; both are None in logs of older versions. `apart` is how far the accuracy lies above that on the
    validation set, where the intervals of the two have no value in common. `answered` images got an answer, and
    `answered_correctly` of them a correct one; None in logs of older versions. `promise` says in a sentence whether a
    promise was kept; empty where there is none. `measure` says what the accuracy is; the loss of a detector is None.
    """

    side: str
    pictures: int
    accuracy: float
    low: float
    high: float
    loss: float | None
    seen: int = 0
    absent: tuple[str, ...] = ()
    calibration_error: float | None = None
    error_by_chance: ErrorByChance | None = None
    apart: Difference | None = None
    answered: int | None = None
    answered_correctly: int | None = None
    promise: str = ""
    measure: Measure = "accuracy"

    @classmethod
    def of(cls, side: str, found: Evaluation, validation: Evaluation | None = None) -> "Evaluated":
        """The event of an evaluation on a set, or on other images: `side` says which.

        Args:
            side: The set.
            found: The evaluation.
            validation: That on the validation set, to compare with.
        """
        low, high = found.interval
        return cls(
            side=side, pictures=found.pictures, accuracy=found.accuracy, low=low, high=high, loss=found.loss,
            seen=found.seen, absent=found.absent, calibration_error=found.calibration_error,
            error_by_chance=found.error_by_chance,
            apart=None if validation is None else apart(found.share, validation.share),
            answered=found.answered, answered_correctly=found.answered_correctly,
            promise="" if found.promise is None else found.promise.text,
        )  # fmt: skip


class HealingBegun(Event, frozen=True):
    """The advice of the verdict `kind` is tried: a run in the folder `path` with these changes, for about so long."""

    kind: str
    changes: dict[str, Any]
    path: str
    seconds: float


class Healed(Event, frozen=True):
    """The accuracy on the same validation images before and after; the run in the folder `kept` is the better one.

    `difference` compares the predictions in pairs; the second run is kept if its interval is above 0.
    """

    pictures: int
    before: Share
    after: Share
    difference: Difference
    kept: str


class Drawn(Event, frozen=True):
    """Figures of the result were drawn; the sheet shows `shown` of the `mistakes` on the test set, each a `what`."""

    paths: tuple[str, ...]
    mistakes: int
    shown: int
    what: str = "wrong prediction"


class ModelSaved(Event, frozen=True):
    """The model was saved in the run's folder."""

    path: str
    weights_sha256: str


class Reported(Event, frozen=True):
    """The report of the run was written: an HTML file."""

    path: str
