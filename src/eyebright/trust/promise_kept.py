"""Whether a promise is kept on images that it does not rest on."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eyebright.system.records import Record
from eyebright.system.table import Table
from eyebright.system.text import counted, listed, percent
from eyebright.trust.intervals import Share, share_of
from eyebright.trust.promise import Promise, Promised


class Kept(Record, frozen=True, kw_only=True):
    """Whether a promise is kept on images that it does not rest on.

    Args:
        promise: What is promised.
        answered: The share of the images that is answered.
        correct: Where an accuracy is promised, the share of these that is answered correctly.
        covered: Where coverage is promised, the share of these whose set of labels contains the true class.
        classes: Where an accuracy per class is promised, the share of correct answers among those of each class.
        labels: Where coverage is promised, the mean number of labels in a set.
    """

    promise: str
    answered: Share
    correct: Share | None = None
    covered: Share | None = None
    classes: dict[str, Share] = {}  # noqa: RUF012 - msgspec copies it
    labels: float | None = None

    @property
    def text(self) -> str:
        """A sentence for people: the share answered, the share correct and its interval, what was promised."""
        asked, held = Promise.of(self.promise), self.answered
        given = f"{held.right:,} of {counted(held.of, 'image')} ({percent(held.value)})"
        promised = f"promised: at least {percent(asked.least)}"
        if not held.right:
            return f"Answered none of {counted(held.of, 'image')}; {promised}."
        if self.covered is not None:
            return (
                f"Gave {given} a set of labels, {self.labels or 0:.2f} on average: {self.covered} of the sets contain "
                f"the true class; {promised}."
            )
        first = f"Answered {given}, {self.correct} of these correctly; {promised}"
        below = [name for name, share in self.classes.items() if share.of and share.value < asked.least]
        each = f" for each class; below it: {listed(below)}" if below else " for each class" if self.classes else ""
        return f"{first}{each}."

    def as_table(self) -> Table | None:
        """The answers of each class; None unless an accuracy per class is promised."""
        if not self.classes:
            return None
        rows = [
            (name, f"{share.of:,}", percent(share.value), f"{100 * share.low:.1f}-{100 * share.high:.1f}%")
            if share.of
            else (name, "0", "-", "-")
            for name, share in self.classes.items()
        ]
        return Table(f"promise {self.promise}", ("class", "answers", "correct", "95% interval"), rows)


def kept(
    promised: Promised,
    predicted: NDArray[np.int64],
    answered: NDArray[np.bool_],
    correct: NDArray[np.bool_],
    classes: Sequence[str],
    *,
    sizes: NDArray[np.int64] | None = None,
    groups: NDArray[np.int64] | None = None,
) -> Kept:
    """How a promise turned out.

    Args:
        promised: The promise.
        predicted: The most probable class of each image, `(N,)`.
        answered: Whether each is answered, `(N,)`.
        correct: Whether the answer is correct or the set of labels contains the true class, `(N,)`.
        classes: Names of the classes.
        sizes: The number of labels in each set, `(N,)`, where coverage is promised.
        groups: Group number of each image, `(N,)`; None if images are independent.
    """

    def of_those(here: NDArray[np.bool_]) -> Share:
        return share_of(correct[here], None if groups is None else groups[here])

    given = share_of(answered, groups)
    if promised.measure == "coverage":
        mean = float(sizes[answered].mean()) if sizes is not None and answered.any() else 0.0
        return Kept(promise=promised.promise, answered=given, covered=of_those(answered), labels=mean)
    each = classes if promised.measure == "accuracy-per-class" else ()
    per_class = {name: of_those(answered & (predicted == label)) for label, name in enumerate(each)}
    return Kept(promise=promised.promise, answered=given, correct=of_those(answered), classes=per_class)
