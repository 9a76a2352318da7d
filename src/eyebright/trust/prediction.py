"""Prediction: the answer for one image; Unreadable: the reason why there is none."""

from eyebright.system.records import Record
from eyebright.system.table import Table, Tabular
from eyebright.system.text import percent

_SHOWN, _BAR = 5, 30


UNLIKE = "unlike the training images"


class Prediction(Tabular, Record, frozen=True, kw_only=True):
    """The prediction for an image.

    Args:
        name: Name of the image, as it was given.
        label: The class; None where the model gives no answer.
        confidence: The calibrated probability of the most probable class, 0 to 1.
        probabilities: The probabilities of all classes, the largest first.
        unfamiliarity: How unlike the training images the image is, 0 or more: above 1 there is no answer. None for
            models that do not compute it.
        reason: Why there is no answer; empty where there is one.
        labels: The classes among which the true one is with the promised probability; empty unless that was promised.
    """

    name: str
    label: str | None
    confidence: float
    probabilities: dict[str, float]
    unfamiliarity: float | None = None
    reason: str = ""
    labels: tuple[str, ...] = ()

    @property
    def best(self) -> str:
        """The most probable class, also where it is not the answer."""
        return next(iter(self.probabilities))

    @property
    def answer(self) -> str:
        """The class or, where coverage is promised, the set of labels; or "no answer" and why."""
        if self.labels:
            return " or ".join(self.labels)
        if self.label is not None:
            return self.label
        measure = f" (unfamiliarity {self.unfamiliarity:.1f}, limit 1.0)" if self.reason == UNLIKE else ""
        return f"no answer: {self.reason}{measure}"

    def as_table(self) -> Table:
        """The answer, and the most probable classes with bars."""
        best = list(self.probabilities.items())[:_SHOWN]
        rows = [(name, percent(share), "█" * round(_BAR * share)) for name, share in best]
        name = f"{self.name}: " if self.name else ""
        sure = "" if self.label is None else f" {percent(self.confidence)}"
        return Table(f"{name}{self.answer}{sure}", rows=rows, names=3)

    def __repr__(self) -> str:
        more = f", reason={self.reason!r}" if self.reason else f", labels={self.labels!r}" if self.labels else ""
        return f"Prediction(label={self.label!r}, confidence={self.confidence:.3f}{more})"


class Unreadable(Record, frozen=True, kw_only=True):
    """An image that cannot be opened, and the reason."""

    name: str
    error: str
