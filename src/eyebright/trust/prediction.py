"""Prediction: the answer for one image; Unreadable: the reason why there is none."""

from eyebright.system.records import Record
from eyebright.system.table import Table, Tabular
from eyebright.system.text import percent

_SHOWN, _BAR = 5, 30


class Prediction(Tabular, Record, frozen=True, kw_only=True):
    """The prediction for an image.

    Args:
        name: Name of the image, as it was given.
        label: The most probable class.
        confidence: The calibrated probability of this class, 0 to 1.
        probabilities: The probabilities of all classes, the largest first.
    """

    name: str
    label: str
    confidence: float
    probabilities: dict[str, float]

    def as_table(self) -> Table:
        """The most probable classes, with bars."""
        best = list(self.probabilities.items())[:_SHOWN]
        rows = [(name, percent(share), "█" * round(_BAR * share)) for name, share in best]
        name = f"{self.name}: " if self.name else ""
        return Table(f"{name}{self.label} {percent(self.confidence)}", rows=rows, names=3)

    def __repr__(self) -> str:
        return f"Prediction(label={self.label!r}, confidence={self.confidence:.3f})"


class Unreadable(Record, frozen=True, kw_only=True):
    """An image that cannot be opened, and the reason."""

    name: str
    error: str
