"""Robustness: how much of its accuracy a model keeps on mildly corrupted images, as records and as a table."""

from eyebright.system.records import Record
from eyebright.system.table import Table, Tabular
from eyebright.system.text import counted, percent
from eyebright.trust.intervals import Difference, Share


class Corrupted(Record, frozen=True, kw_only=True):
    """What a model answers on images with one corruption.

    Args:
        name: The corruption.
        severity: Its severity, 1 or 2 of ImageNet-C's five.
        strength: What that is, in the unit of the corruption.
        unit: The unit.
        accuracy: The accuracy.
        change: How far it lies above the accuracy on the same images without the corruption; its interval holds
            together with those of all corruptions.
    """

    name: str
    severity: int
    strength: float
    unit: str
    accuracy: Share
    change: Difference


class Robustness(Tabular, Record, frozen=True, kw_only=True):
    """How much of its accuracy a model keeps on mildly corrupted images.

    Args:
        clean: The accuracy on the images as they are.
        corrupted: The same images with each corruption.
        of: From how many test images these were picked.
    """

    clean: Share
    corrupted: tuple[Corrupted, ...]
    of: int

    @property
    def harmful(self) -> tuple[str, ...]:
        """The corruptions that lower the accuracy by more than chance, the worst first."""
        lower = sorted((one for one in self.corrupted if one.change.high < 0), key=lambda one: one.change.value)
        return tuple(dict.fromkeys(one.name for one in lower))

    def as_table(self) -> Table:
        """The accuracy with each corruption, and how far it changes."""
        rows = [("none", "", percent(self.clean.value), "", "")] + [
            (
                f"{one.name} {one.severity}",
                f"{one.strength:g} {one.unit}",
                percent(one.accuracy.value),
                f"{100 * one.change.value:+.1f}",
                f"{100 * one.change.low:+.1f} to {100 * one.change.high:+.1f}",
            )
            for one in self.corrupted
        ]
        sample = "" if self.clean.of == self.of else f" of {self.of:,}"
        return Table(
            f"Accuracy on {counted(self.clean.of, 'image')}{sample} with mild corruptions",
            ("corruption", "strength", "accuracy", "change", "95% interval"),
            rows,
            notes=(self._verdict(),),
            names=2,
        )

    def _verdict(self) -> str:
        if not self.harmful:
            return "No corruption lowers the accuracy by more than chance."
        return f"More than by chance, the accuracy falls with: {', '.join(self.harmful)}."
