"""A promise: what a user asks for (`accuracy=0.99`), what images it takes, and what a model answers to keep it.

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
from eyebright.system.table import Table
from eyebright.system.text import counted, nearest, percent
from eyebright.trust.prediction_sets import set_scores
from eyebright.trust.selective import CHANCE, confidence_threshold, first_tested, least_images, most_wrong

Measure: TypeAlias = Literal["accuracy", "accuracy-per-class", "coverage"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
NEVER = 2.0
"""The threshold of a class that is never answered: no confidence reaches it."""
_LIKE = " like the training images"


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
        name, least = asked(text, MEASURES)
        return cls(MEASURES[MEASURES.index(name)], least)

    @property
    def risk(self) -> float:
        """The share of mistakes that the promise allows."""
        return round(1 - self.least, 12)

    def __str__(self) -> str:
        return f"{self.measure}={self.least:g}"

    def require_enough(self, images: int, noun: str = "held-back image", which: str = "", advice: str = "") -> None:
        """Refuse a promise that so many independent images could not prove, even if all were predicted correctly.

        Args:
            images: How many there are.
            noun: What one of them is called.
            which: What else is asked of them, after the noun.
            advice: What else could be done, for the message.

        Raises:
            DataError: With the number of images that it takes, and what these could prove.
        """
        least = least_images(self.risk)
        if images < least:
            most = CHANCE ** (1 / images) if images else 0.0
            less = f"; {images} prove {np.floor(1000 * most) / 10:g}% at most" if images > 1 else ""
            right = "all predicted correctly" if least > 1 else "predicted correctly"
            raise DataError(
                f"{self} takes at least {counted(least, noun)}{which}, {right}, and {_there_are(images)}{less}: "
                f"promise less, or add images{advice}"
            )


def asked(text: str, measures: Sequence[str]) -> tuple[str, float]:
    """The measure and the share that a text such as "accuracy=0.99" asks for.

    Args:
        text: What a user gives.
        measures: The measures that can be promised.

    Raises:
        SettingsError: When the measure is unknown, or the share is not between 0 and 1.
    """
    found = re.fullmatch(r"\s*([\w-]+)\s*=\s*(\S+)\s*", text)
    name = found[1].lower().replace("_", "-") if found else ""
    if not found or name not in measures:
        known = nearest(name, measures) if name else f"known are {', '.join(measures)}"
        raise SettingsError(f"promise: expected text such as {measures[0]}=0.99, got {text!r}: {known}")
    try:
        least = float(found[2])
    except ValueError:
        least = -1.0
    if not 0 < least < 1:
        raise SettingsError(
            f"promise: {name} is a share above 0 and below 1, such as {name}=0.99, got {found[2]!r}"
            f"{'; nothing can be promised with certainty' if least == 1 else ''}"
        )
    return name, least


class HeldBack(NamedTuple):
    """What a model answers for images that were used for no choice, by their content: promises rest on them.

    Args:
        labels: The true classes, `(N,)`, int64.
        predicted: The most probable classes, `(N,)`, int64.
        confidence: The probabilities of these, 0 to 1, `(N,)`, float32.
        set_score: The score of the true class for sets of labels, see `trust.prediction_sets`, `(N,)`, float32.
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


class Given(Record, frozen=True, kw_only=True):
    """Images that were given for a promise, and why some of them prove nothing.

    Args:
        images: How many there are.
        seen: How many of them were used for the model before: to train it, to select it, or for a promise.
        left_out: How many of them cannot be opened.
        groups: In how many groups the others come; 0 where each image is independent.
    """

    images: int
    seen: int = 0
    left_out: int = 0
    groups: int = 0

    @property
    def reasons(self) -> tuple[str, ...]:
        """What was left out and why, and what counts only once, a sentence each."""
        counts = (
            (self.seen, "used for the model before, in training or for a promise"),
            (self.left_out, "cannot be opened"),
        )
        lines = [f"{counted(count, 'image')} left out: {reason}." for count, reason in counts if count]
        used = self.images - self.seen - self.left_out
        if 0 < self.groups < used:
            lines.append(f"{counted(used, 'image')} in {counted(self.groups, 'group')}: each group counts once.")
        return tuple(lines)


class Promised(Record, frozen=True, kw_only=True):
    """A promise that is made: what a model answers to keep it.

    Args:
        promise: What is promised, such as "accuracy=0.99".
        limits: For accuracies, the least confidence at which an image of each predicted class is answered; above 1
            for one that never is. For coverage one number: the largest score of a label in a set.
        images: On how many independent images it rests.
        answered: The share of these that is answered, 0 to 1.
        by_class: For an accuracy per class, how many of the images are predicted as each class, and how many of those
            are answered.
        given: The images that were given for it; None where it rests on those that the training held back.
    """

    promise: str
    limits: tuple[float, ...]
    images: int
    answered: float
    by_class: tuple[tuple[int, int], ...] = ()
    given: Given | None = None

    @property
    def measure(self) -> Measure:
        """What is promised."""
        return Promise.of(self.promise).measure

    @property
    def text(self) -> str:
        """A sentence for people: what is answered, and on how many images the promise rests."""
        by = f"Promise {self.promise}, by {counted(self.images, _noun(self.given))}"
        answered = f"; {percent(self.answered)} of these are answered."
        if self.measure == "coverage":
            return f"{by}: each image gets a set of labels{answered}"
        if self.measure == "accuracy":
            return f"{by}: an answer needs a confidence of {percent(self.limits[0])}{answered}"
        needed = [limit for limit in self.limits if limit < NEVER]
        low, high, never = percent(min(needed)), percent(max(needed)), len(self.limits) - len(needed)
        need = low if low == high else f"{low} to {high}, by class"
        rest = f" ({never:,} of {len(self.limits):,} classes: never)" if never else ""
        return f"{by}: an answer needs a confidence of {need}{rest}{answered}"

    def as_table(self, classes: Sequence[str]) -> Table | None:
        """The confidence that an answer of each class needs; None unless an accuracy per class is promised."""
        if not self.by_class:
            return None
        rows = [
            (name, "never" if limit >= NEVER else percent(limit), f"{images:,}", f"{answered:,}")
            for name, limit, (images, answered) in zip(classes, self.limits, self.by_class, strict=True)
        ]
        return Table(self.text, ("class", "confidence needed", "images", "answered"), rows)

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


def make_promise(promise: Promise, held_back: HeldBack, classes: Sequence[str], given: Given | None = None) -> Promised:
    """Make a promise by images that were used for no choice.

    Args:
        promise: What is promised.
        held_back: What the model answers for them.
        classes: Names of the classes.
        given: Where they were given for it, which.

    Raises:
        DataError: When it takes more images than there are, or too many of them are predicted wrongly.
    """
    images, noun = held_back.independent(), _noun(given)
    advice = f". {' '.join(given.reasons)}".removesuffix(". ") if given else ""
    promise.require_enough(len(images.labels), noun, advice=advice)
    known, correct = images.unfamiliarity <= 1, images.predicted == images.labels
    by_class: tuple[tuple[int, int], ...] = ()
    if promise.measure == "coverage":
        promise.require_enough(int(known.sum()), noun, _LIKE, advice)
        limits: tuple[float, ...] = (_largest_score(promise, images.set_score[known]),)
        answered = known
    else:
        score = np.where(known, images.confidence, -np.inf)
        one_limit = promise.measure == "accuracy"
        every = [np.ones(len(score), np.bool_)] if one_limit else [images.predicted == at for at in range(len(classes))]
        found = [confidence_threshold(score[here], correct[here], promise.risk) for here in every]
        if not any(limit is not None for limit in found):
            raise DataError(_refusal(promise, score, correct, classes, noun) + advice)
        each = tuple(NEVER if limit is None else limit for limit in found)
        limits = each * len(classes) if one_limit else each
        answered = score >= np.array(limits)[images.predicted]
        by_class = () if one_limit else tuple((int(here.sum()), int(answered[here].sum())) for here in every)
    return Promised(
        promise=str(promise), limits=limits, images=len(known), answered=float(answered.mean()), by_class=by_class,
        given=given,
    )  # fmt: skip


def _noun(given: Given | None) -> str:
    """What one image is called on which a promise rests."""
    return "held-back image" if given is None else "given image"


def _there_are(count: int) -> str:
    return f"there {'is' if count == 1 else 'are'} {count:,}"


def _largest_score(promise: Promise, scores: NDArray[np.float32]) -> float:
    """The limit by which at most so many sets lack the true class that the promise holds."""
    return float(np.sort(scores)[::-1][most_wrong(len(scores), promise.risk)])


def _refusal(
    promise: Promise, score: NDArray[np.floating], correct: NDArray[np.bool_], classes: Sequence[str], noun: str
) -> str:
    """Why images that are enough do not prove a promise."""
    if promise.measure == "accuracy-per-class":
        return (
            f"{promise} cannot be kept for any of the {len(classes)} classes: each takes at least "
            f"{counted(least_images(promise.risk), noun)} predicted as it, almost all correctly. Promise less, or add "
            "images"
        )
    least, familiar = first_tested(len(score), promise.risk), np.sort(score[np.isfinite(score)])[::-1]
    if len(familiar) < least:
        return (
            f"{promise} cannot be kept: it takes at least {counted(least, noun)}{_LIKE}, and "
            f"{_there_are(len(familiar))}. Promise less, or add images"
        )
    tested = score >= familiar[least - 1]  # with those of the same confidence
    count, wrong = int(tested.sum()), int((~correct[tested]).sum())
    most = most_wrong(count, promise.risk)
    surest = f"{wrong:,} of the {count:,} most confident {noun}s" if count > 1 else f"the most confident {noun}"
    return (
        f"{promise} cannot be kept: {surest} {'is' if wrong == 1 else 'are'} predicted wrongly, and "
        f"{f'at most {most:,}' if most else 'none'} may be. Promise less, or add images"
    )
