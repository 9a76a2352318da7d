"""Two models on the same images: which answers differ, which of the two is better, and where.

Classes are compared by their names. What a model answers is its most probable class among all that it knows, also where
the other one does not know that class.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.system.records import Record
from eyebright.system.table import Table, Tabular
from eyebright.system.text import counted, percent
from eyebright.trust.intervals import CONFIDENCE, Difference, Share, paired_difference, share_of
from eyebright.trust.significance import holm, mcnemar

UNANSWERED = "no answer"
"""What stands in the place of a class where a model gives no answer."""


class Answered(NamedTuple):
    """What a model answers to some images.

    Args:
        predicted: The most probable class, as a position among the classes of both models, `(N,)`.
        confidence: Its probability, `(N,)`.
        given: Whether this is the answer, `(N,)`; False where the model gives none.
    """

    predicted: NDArray[np.int64]
    confidence: NDArray[np.float64]
    given: NDArray[np.bool_]

    @property
    def answer(self) -> NDArray[np.int64]:
        """The class, -1 where there is no answer, `(N,)`."""
        return np.where(self.given, self.predicted, -1)


class Flip(Record, frozen=True, kw_only=True):
    """An image to which the two models answer differently.

    Args:
        name: The image.
        truth: Its class; None where it is not known.
        first: The answer of the first model: a class, or `UNANSWERED`.
        first_confidence: The probability of its most probable class.
        second: The answer of the second model.
        second_confidence: The probability of its most probable class.
    """

    name: str
    truth: str | None
    first: str
    first_confidence: float
    second: str
    second_confidence: float

    @property
    def change(self) -> int:
        """-1 where the second model is worse, 1 where it is better, else 0; no answer is better than a wrong one."""
        before, after = self._merit(self.first), self._merit(self.second)
        return (after > before) - (after < before)

    def _merit(self, answer: str) -> int:
        if self.truth is None or answer == UNANSWERED:
            return 0
        return 1 if answer == self.truth else -1


class ClassChange(Record, frozen=True, kw_only=True):
    """The images of one class: what share of them each model predicts correctly.

    Args:
        name: The class.
        first: The recall of the first model.
        second: The recall of the second.
        difference: How far the second is above the first.
        p_value: McNemar's, corrected for the number of classes (Holm).
    """

    name: str
    first: Share
    second: Share
    difference: Difference
    p_value: float

    @property
    def is_worse(self) -> bool:
        """Whether the second model is significantly worse on this class."""
        return self.difference.value < 0 and self.p_value < 1 - CONFIDENCE


class Contender(Record, frozen=True, kw_only=True):
    """One of the two models, whatever the images.

    Args:
        model: Where it is.
        size_bytes: All files of its folder.
        parameters: How many parameters its network has.
        cpu_ms: Processor milliseconds for an image, all cores together, without opening the file.
    """

    model: str
    size_bytes: int
    parameters: int
    cpu_ms: float


class Comparison(Tabular, Record, frozen=True, kw_only=True):
    """Two models on the same images.

    Args:
        models: Both models.
        pictures: How many images were compared.
        answered: The share of the images that each model answers.
        same: The share to which both give the same answer.
        flips: The others, the worst first: where the first model is right and sure, and the second wrong and sure.
        accuracies: The share that each model predicts correctly, whether or not it answers; None without labels.
        difference: How far the accuracy of the second is above that of the first; None without labels.
        p_value: McNemar's exact p-value of this difference; None without labels.
        classes: The same for each class that has images, the worst first; empty without labels.
        groups: Number of groups that the images come in; 0 if each is independent.
        seen: Images left out because one of the models was trained on them.
        left_out: Images left out because they cannot be opened.
        not_common: Images left out because a model does not know their class, by class.
        own_classes: The classes that each model knows and the other does not.
    """

    models: tuple[Contender, Contender]
    pictures: int
    answered: tuple[Share, Share]
    same: Share
    flips: tuple[Flip, ...]
    accuracies: tuple[Share, Share] | None
    difference: Difference | None
    p_value: float | None
    classes: tuple[ClassChange, ...]
    groups: int = 0
    seen: int = 0
    left_out: int = 0
    not_common: dict[str, int] = {}  # noqa: RUF012 - msgspec copies it
    own_classes: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    @property
    def verdict(self) -> str:
        """What the comparison proves, in a sentence."""
        if self.difference is None or self.p_value is None:
            return f"The models give different answers to {len(self.flips):,} of {counted(self.pictures, 'image')}."
        if self.p_value >= 1 - CONFIDENCE:
            return "No difference in accuracy is proven on these images."
        better = "better" if self.difference.value > 0 else "worse"
        return f"The second model is significantly {better}."

    def as_table(self) -> Table:
        """Both models, one column each."""
        rows = [
            ("parameters", *(f"{model.parameters:,}" for model in self.models)),
            ("megabytes", *(f"{model.size_bytes / 1e6:,.1f}" for model in self.models)),
            ("CPU-ms an image", *(f"{model.cpu_ms:.2f}" for model in self.models)),
        ]
        if any(share.right < share.of for share in self.answered):
            rows.insert(0, ("answered", *(percent(share.value) for share in self.answered)))
        if self.accuracies is not None:
            spans = [f"{100 * share.low:.1f}-{percent(share.high)}" for share in self.accuracies]
            rows.insert(0, ("95% interval", *spans))
            rows.insert(0, ("accuracy", *(percent(share.value) for share in self.accuracies)))
        return Table(self.verdict, ("", "first", "second"), rows)


def compare(
    models: tuple[Contender, Contender],
    first: Answered,
    second: Answered,
    flips: tuple[Flip, ...],
    *,
    classes: tuple[str, ...],
    labels: NDArray[np.int64] | None,
    groups: NDArray[np.int64] | None,
) -> Comparison:
    """Compare what two models answer to the same images.

    Args:
        models: Both models.
        first: The answers of the first.
        second: Those of the second.
        flips: The images that are answered differently.
        classes: The classes of both models.
        labels: The true classes as positions among them, `(N,)`; None where they are not known.
        groups: Group number of each image, `(N,)`; None if images are independent.
    """
    accuracies, difference, p_value, changes = None, None, None, tuple[ClassChange, ...]()
    if labels is not None:
        before, after = first.predicted == labels, second.predicted == labels
        accuracies = share_of(before, groups), share_of(after, groups)
        difference, p_value = paired_difference(after, before, groups), mcnemar(after, before, groups)
        changes = class_changes(before, after, labels, classes, groups)
    return Comparison(
        models=models,
        pictures=len(first.predicted),
        answered=(share_of(first.given, groups), share_of(second.given, groups)),
        same=share_of(first.answer == second.answer, groups),
        flips=flips,
        accuracies=accuracies,
        difference=difference,
        p_value=p_value,
        classes=changes,
        groups=0 if groups is None else len(np.unique(groups)),
    )


def flips_of(first: Answered, second: Answered, labels: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """The images that are answered differently, the worst first, `(n,)`.

    With labels, the worst are those where the first model is right and sure, and the second wrong and sure; without,
    those where both are sure.

    Args:
        first: The answers of the first model.
        second: Those of the second.
        labels: The true classes, `(N,)`; None where they are not known.
    """
    differ = np.flatnonzero(first.answer != second.answer)

    def merit(answered: Answered) -> NDArray[np.float64]:
        """How sure the model is, negative where it is wrong; 0 where it gives no answer."""
        wrong = np.zeros(len(differ), np.bool_) if labels is None else (answered.predicted != labels)[differ]
        return np.where(answered.given[differ], np.where(wrong, -1, 1) * answered.confidence[differ], 0)

    loss = merit(first) + merit(second) if labels is None else merit(first) - merit(second)
    return differ[np.argsort(-loss, kind="stable")]


def class_changes(
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    groups: NDArray[np.int64] | None,
) -> tuple[ClassChange, ...]:
    """The change in each class that has images, the worst first.

    Args:
        first: Whether the first model is right, `(N,)`.
        second: Whether the second is, `(N,)`.
        labels: The true classes, `(N,)`.
        classes: Their names.
        groups: Group number of each image, `(N,)`; None if images are independent.
    """
    present = np.unique(labels).tolist()
    parts = []
    for label in present:
        here = labels == label
        members = None if groups is None else groups[here]
        parts.append((first[here], second[here], members))
    p_values = holm(np.array([mcnemar(after, before, members) for before, after, members in parts]))
    changes = [
        ClassChange(
            name=classes[label],
            first=share_of(before, members),
            second=share_of(after, members),
            difference=paired_difference(after, before, members),
            p_value=float(p_value),
        )
        for label, (before, after, members), p_value in zip(present, parts, p_values, strict=True)
    ]
    return tuple(sorted(changes, key=lambda change: change.difference.value))
