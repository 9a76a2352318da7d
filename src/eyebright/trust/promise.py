"""A promise: what a user asks for (`accuracy=0.99`), what images it takes, and whether it was kept on others.

A promise is made by held-back images, which were neither trained on nor used for any choice. It holds with a confidence
of 95%: of twenty promises by other held-back images, one may be broken. It holds for images of the same kind; those
that are unlike the training images are not answered.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from eyebright.system.errors import DataError, SettingsError
from eyebright.system.records import Record
from eyebright.system.text import counted, nearest, percent
from eyebright.trust.intervals import Share, share_of
from eyebright.trust.selective import CHANCE, confidence_threshold, first_tested, least_images, most_wrong
from eyebright.trust.sets import set_scores

Measure: TypeAlias = Literal["accuracy", "accuracy-per-class", "coverage"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
NEVER = 2.0
"""The threshold of a class that is never answered: no confidence reaches it."""


class Promise(NamedTuple):
    """What is asked for.

    Args:
        measure: "accuracy": of the images that are answered, at least this share is answered correctly.
            "accuracy-per-class": so it is for the answers of each class. "coverage": no single answer but a set of
            labels, which holds the true class for at least this share of the images.
        least: The share that is promised, above 0 and below 1.
    """

    measure: Measure
    least: float

    @classmethod
    def of(cls, text: str) -> "Promise":
        """The promise that a text such as "accuracy=0.99" asks for.

        Raises:
            SettingsError: When the measure is unknown, or the share is not between 0 and 1.
        """
        found = re.fullmatch(r"\s*([\w-]+)\s*=\s*(\S+)\s*", text)
        name = found[1].lower().replace("_", "-") if found else ""
        if not found or name not in MEASURES:
            asked = nearest(name, MEASURES) if name else f"known are {', '.join(MEASURES)}"
            raise SettingsError(f"promise: expected text such as accuracy=0.99, got {text!r}: {asked}")
        try:
            least = float(found[2])
        except ValueError:
            least = -1.0
        if not 0 < least < 1:
            raise SettingsError(
                f"promise: {name} is a share above 0 and below 1, such as {name}=0.99, got {found[2]!r}"
                f"{'; nothing can be promised with certainty' if least == 1 else ''}"
            )
        return cls(MEASURES[MEASURES.index(name)], least)

    @property
    def risk(self) -> float:
        """The share of mistakes that the promise allows."""
        return round(1 - self.least, 12)

    def __str__(self) -> str:
        return f"{self.measure}={self.least:g}"

    def require_enough(self, images: int, what: str = "held-back images", advice: str = "") -> None:
        """Refuse a promise that so many independent images could not prove, even if all were predicted correctly.

        Args:
            images: How many there are.
            what: What they are called.
            advice: What else could be done, for the message.

        Raises:
            DataError: With the number of images that it takes, and what these could prove.
        """
        least = least_images(self.risk)
        if images < least:
            most = CHANCE ** (1 / images) if images else 0.0
            less = f"; {images} prove {np.floor(1000 * most) / 10:g}% at most" if images else ""
            raise DataError(
                f"{self} takes at least {least:,} {what}, all predicted correctly, and there are {images}{less}: "
                f"promise less, or add images{advice}"
            )


class HeldBack(NamedTuple):
    """What a model answers for images that were used for no choice, by their content: promises rest on them.

    Args:
        labels: The true classes, `(N,)`, int64.
        predicted: The most probable classes, `(N,)`, int64.
        confidence: The probabilities of these, 0 to 1, `(N,)`, float32.
        set_score: The score of the true class for sets of labels, see `trust.sets`, `(N,)`, float32.
        unfamiliarity: How unlike the training images each is, `(N,)`, float32; above 1 it is not answered. 0 where the
            model does not compute it.
        groups: The number of each image's group, `(N,)`, int64; one that is independent has a number of its own.
    """

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float32]
    set_score: NDArray[np.float32]
    unfamiliarity: NDArray[np.float32]
    groups: NDArray[np.int64]

    def independent(self) -> "HeldBack":
        """The first image of each group: images of one group are not independent, so that each group counts once."""
        first = np.sort(np.unique(self.groups, return_index=True)[1])
        return HeldBack(*(values[first] for values in self))  # type: ignore[arg-type]


class Promised(Record, frozen=True, kw_only=True):
    """A promise that is made: what a model answers to keep it.

    Args:
        promise: What is promised, such as "accuracy=0.99".
        limits: For accuracies, the least confidence at which an image of each predicted class is answered; above 1
            for one that never is. For coverage one number: the largest score of a label in a set.
        images: On how many independent held-back images it rests.
        answered: The share of these that is answered, 0 to 1.
    """

    promise: str
    limits: tuple[float, ...]
    images: int
    answered: float

    @property
    def measure(self) -> Measure:
        """What is promised."""
        return Promise.of(self.promise).measure

    def text(self, classes: Sequence[str]) -> str:
        """A sentence for people: what is answered, and on how many images the promise rests."""
        by = f"Promise {self.promise}, by {counted(self.images, 'held-back image')}"
        given = f"; {percent(self.answered)} of these are answered."
        if self.measure == "coverage":
            return f"{by}: each image gets a set of labels{given}"
        if self.measure == "accuracy":
            return f"{by}: an answer needs a confidence of {percent(self.limits[0])}{given}"
        needed = (
            f"{name} {'is never answered' if limit >= NEVER else percent(limit)}"
            for name, limit in zip(classes, self.limits, strict=True)
        )
        return f"{by}: an answer needs the confidence of its class, {', '.join(needed)}{given}"

    @property
    def thresholds(self) -> NDArray[np.float32] | None:
        """The probability that each class needs to be the answer, `(classes,)`; None where coverage is promised."""
        return None if self.measure == "coverage" else np.array(self.limits, np.float32)

    def label_sets(self, probabilities: NDArray[np.floating]) -> NDArray[np.bool_] | None:
        """Whether each class is in the set of each image, `(N, classes)`; None unless coverage is promised."""
        if self.measure != "coverage":
            return None
        scores = set_scores(probabilities).astype(np.float32)  # the limit is one of `HeldBack.set_score`
        return scores <= np.float32(self.limits[0])


def make_promise(promise: Promise, held_back: HeldBack, classes: Sequence[str]) -> Promised:
    """Make a promise by held-back images.

    Raises:
        DataError: When it takes more images than there are, or too many of them are predicted wrongly.
    """
    images = held_back.independent()
    promise.require_enough(len(images.labels))
    known, correct = images.unfamiliarity <= 1, images.predicted == images.labels
    if promise.measure == "coverage":
        limits: tuple[float, ...] = (_largest_score(promise, images.set_score[known]),)
        answered = known
    else:
        score = np.where(known, images.confidence, -np.inf)
        one_limit = promise.measure == "accuracy"
        every = [np.ones(len(score), np.bool_)] if one_limit else [images.predicted == at for at in range(len(classes))]
        found = [confidence_threshold(score[here], correct[here], promise.risk) for here in every]
        if not any(limit is not None for limit in found):
            raise DataError(_refusal(promise, score, correct, classes))
        each = tuple(NEVER if limit is None else limit for limit in found)
        limits = each * len(classes) if one_limit else each
        answered = score >= np.array(limits)[images.predicted]
    return Promised(promise=str(promise), limits=limits, images=len(known), answered=float(answered.mean()))


class Kept(Record, frozen=True, kw_only=True):
    """Whether a promise is kept on images that it does not rest on.

    Args:
        promise: What is promised.
        answered: The share of the images that is answered.
        correct: The share of these that is answered correctly, or whose set of labels holds the true class.
        classes: Where it is promised per class, the share of correct answers of each class that was answered.
        labels: Where coverage is promised, the mean number of labels in a set.
    """

    promise: str
    answered: Share
    correct: Share
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
        if self.labels is not None:
            return (
                f"Gave {given} a set of labels, {self.labels:.2f} on average: {self.correct} of the sets contain the "
                f"true class; {promised}."
            )
        told = f"Answered {given}, {self.correct} of these correctly; {promised}"
        below = [name for name, share in self.classes.items() if share.value < asked.least]
        each = f" for each class; below it: {', '.join(below)}" if below else " for each class" if self.classes else ""
        return f"{told}{each}."


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

    per_class = {}
    if promised.measure == "accuracy-per-class":
        given = ((name, answered & (predicted == label)) for label, name in enumerate(classes))
        per_class = {name: of_those(here) for name, here in given if here.any()}
    mean = None if sizes is None else float(sizes[answered].mean()) if answered.any() else 0.0
    return Kept(
        promise=promised.promise, answered=share_of(answered, groups), correct=of_those(answered), classes=per_class,
        labels=mean,
    )  # fmt: skip


def _largest_score(promise: Promise, scores: NDArray[np.float32]) -> float:
    """The limit by which at most so many sets lack the true class that the promise holds."""
    promise.require_enough(len(scores), "held-back images that are like the training images")
    outside = most_wrong(len(scores), promise.risk)
    return float(np.sort(scores)[::-1][outside])


def _refusal(promise: Promise, score: NDArray[np.floating], correct: NDArray[np.bool_], classes: Sequence[str]) -> str:
    """Why images that are enough do not prove a promise."""
    if promise.measure == "accuracy-per-class":
        return (
            f"{promise} cannot be kept for any of the {len(classes)} classes: each takes at least "
            f"{least_images(promise.risk)} held-back images that are predicted as it, almost all correctly. Promise "
            "less, or add images"
        )
    least, familiar = first_tested(len(score), promise.risk), np.sort(score[np.isfinite(score)])[::-1]
    if len(familiar) < least:
        return (
            f"{promise} cannot be kept: it takes at least {least} held-back images that are like the training images, "
            f"and there are {len(familiar)}. Promise less, or add images"
        )
    tested = score >= familiar[least - 1]  # with those of the same confidence
    count, wrong = int(tested.sum()), int((~correct[tested]).sum())
    return (
        f"{promise} cannot be kept: of the {count} most confident held-back images {wrong} are predicted wrongly, and "
        f"{most_wrong(count, promise.risk)} may be. Promise less, or add images"
    )
