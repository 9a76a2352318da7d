"""Are new images like those that a model was made with? Tests of a few measures, and what they mean in words.

An alarm needs two things: a p-value that is small although several measures are tested (Holm), and an effect of medium
size at least. So a hundred thousand images that are a trifle darker raise none.

New images are compared with held-out images of the training, not with those that the network has fitted: on these it is
surer, and their features lie closer together, so that all new images would seem to differ.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.system.records import Record
from eyebright.system.table import Table, Tabular
from eyebright.system.text import counted, percent
from eyebright.trust.significance import LARGE, MEDIUM, SMALL, Contrast, Deals, holm

LEVEL = 0.05
_SHOWN_CLASSES = 2
_ANY = 4.0  # standard deviations: the samples hardly overlap
_MANY = 0.9  # of the images: with fewer groups than that, they are pointed out


Values: TypeAlias = NDArray[Any]


class Profile(NamedTuple):
    """What some images look like, each array of length n or, where that is not known, empty.

    Args:
        brightness: Mean brightness, 0 to 1.
        contrast: Standard deviation of the brightness within the image.
        colour: Mean difference of the strongest and the weakest channel, 0 (grey) to 1.
        sharpness: As `eyebright.data.pictures.prints.sharpness` returns it.
        width: Of the file, in pixels.
        height: Of the file, in pixels.
        predicted: The most probable class, as a position among the classes of the model, int64.
        confidence: Its calibrated probability.
        unfamiliarity: How unlike the training images each is; above 1 the model gives no answer.
        points: Features along their principal directions, in standard deviations, `(n, D)`.
        groups: Group number of each image; an image in no group has a number of its own, int64.
    """

    brightness: Values
    contrast: Values
    colour: Values
    sharpness: Values
    width: Values
    height: Values
    predicted: Values
    confidence: Values
    unfamiliarity: Values
    points: Values
    groups: Values

    @classmethod
    def of_predictions(cls, predicted: NDArray[np.int64], groups: NDArray[np.int64] | None = None) -> "Profile":
        """Images of which only the predicted class is known, and the group; without groups they are independent."""
        empty = cls(*(np.zeros(0, np.float32) for _ in cls._fields))
        return empty._replace(predicted=predicted, groups=np.arange(len(predicted)) if groups is None else groups)


class Measure(Record, frozen=True, kw_only=True):
    """One measure of the images, before and now.

    Args:
        name: What was measured.
        reference: A typical value (a median, or a share) of the held-out images of the training, as text.
        new: The same of the new images.
        p_value: How probable such a difference is by chance, corrected for the number of measures (Holm).
        effect: The difference in standard deviations: from 0.2 small, from 0.5 medium, from 0.8 large.
        sentence: The difference in words.
    """

    name: str
    reference: str
    new: str
    p_value: float
    effect: float
    sentence: str

    @property
    def is_proven(self) -> bool:
        """Whether the difference is more than chance."""
        return self.p_value < LEVEL

    @property
    def is_alarm(self) -> bool:
        """Whether it is also large enough to matter."""
        return self.is_proven and self.effect >= MEDIUM

    @property
    def change(self) -> str:
        """What the figures say in a word or two; "" where the difference may be chance."""
        return f"drift, {self.size}" if self.is_alarm else self.size if self.is_proven else ""

    @property
    def size(self) -> str:
        """The size of the effect in a word."""
        sizes = ((LARGE, "large"), (MEDIUM, "medium"), (SMALL, "small"))
        return next((word for least, word in sizes if self.effect >= least), "tiny")


class Unfamiliar(Record, frozen=True, kw_only=True):
    """A new image that is unlike the training images: above 1 the model gives no answer."""

    name: str
    unfamiliarity: float


class Drift(Tabular, Record, frozen=True, kw_only=True):
    """New images compared with those of the training.

    Args:
        pictures: How many new images were compared.
        found: How many there are; of many, a sample is compared.
        reference: With how many images of the training they were compared.
        groups: The number of groups of the images of the training, and of the new ones: frames of one film are one.
        findable: The effect that one measure shows with so many images in more than four of five cases.
        enough: How many new images, or groups of them, show a large effect; 0 where the images of the training are too
            few for that.
        measures: The measures that could be compared.
        unfamiliar: The new images that are most unlike the training images.
        seen: Images left out because the model was trained on them or selected by them.
        left_out: Images left out because they cannot be opened.
        note: What could not be compared, and why; "" if all could.
    """

    pictures: int
    found: int
    reference: int
    groups: tuple[int, int]
    findable: float
    enough: int
    measures: tuple[Measure, ...]
    unfamiliar: tuple[Unfamiliar, ...] = ()
    seen: int = 0
    left_out: int = 0
    note: str = ""

    @property
    def alarms(self) -> tuple[Measure, ...]:
        """The differences that are proven and large enough to matter, the largest first."""
        return tuple(sorted((each for each in self.measures if each.is_alarm), key=lambda each: -each.effect))

    @property
    def trifles(self) -> tuple[Measure, ...]:
        """The differences that are proven and small."""
        return tuple(each for each in self.measures if each.is_proven and not each.is_alarm)

    @property
    def too_few(self) -> bool:
        """Whether there are so few images that the measures say nothing."""
        return self.findable > _ANY and not self.alarms

    @property
    def verdict(self) -> str:
        """Whether the images have drifted, in a sentence."""
        if self.too_few:
            return f"Too few images: {counted(self.pictures, 'image')} cannot show whether there is drift."
        if self.alarms:
            return f"Drift found in {counted(len(self.alarms), 'measure')} of {len(self.measures)}."
        return "No drift found." if self.findable < LARGE else "No drift found, but there are few images."

    @property
    def notes(self) -> tuple[str, ...]:
        """How far the verdict goes."""
        notes = [self.note] if self.note else []
        if self.too_few:
            notes.append(
                f"Give at least {counted(self.enough, 'new image')}, not from one film alone: so many show a large "
                "difference in most cases."
                if self.enough
                else "The model has too few validation images to compare with: train it with more images."
            )
        elif self.findable >= MEDIUM:
            notes.append(
                f"With so few images, only differences of {self.findable:.1f} standard deviations or more are found "
                "in most cases."
            )
        if self.groups[1] < _MANY * self.pictures or self.groups[0] < _MANY * self.reference:
            notes.append(
                f"The new images come in {counted(self.groups[1], 'group')}, those of the training in "
                f"{self.groups[0]:,}; the tests take this into account."
            )
        return tuple(notes)

    @property
    def next_step(self) -> str:
        """What to do; "" where nothing is to be done."""
        names = {each.name for each in self.alarms}
        if not names:
            return ""
        if names == {"classes"}:
            return (
                "The images look familiar, and only the shares of the classes differ: evaluate the model on labelled "
                "images with the new shares (eyebright evaluate), since some classes are easier than others."
            )
        return (
            "Label some of the new images and evaluate the model on them (eyebright evaluate). If it is worse there, "
            "add such images to the training images and train again."
        )

    def as_table(self) -> Table:
        """All measures; none where there are too few images to compare."""
        rows = [
            (each.name, each.reference, each.new, f"{each.effect:.2f}", _p_value(each.p_value), each.change)
            for each in (() if self.too_few else self.measures)
        ]
        return Table(self.verdict, ("", "training", "new", "effect", "p", ""), rows, notes=self.notes)


def compare_profiles(reference: Profile, new: Profile, classes: tuple[str, ...]) -> tuple[tuple[Measure, ...], Deals]:
    """Test whether new images differ from those of the training.

    Args:
        reference: Held-out images of the training.
        new: The new images.
        classes: The classes of the model.

    Returns:
        The measures that both know, and how the images were compared.
    """
    deals = Deals(reference.groups, new.groups)
    found = [made for kind in _KINDS for made in kind(reference, new, deals, classes)]
    corrected = holm(np.array([contrast.p_value for contrast, _ in found]))
    measures = (
        Measure(**words, p_value=float(p_value), effect=contrast.effect)
        for (contrast, words), p_value in zip(found, corrected, strict=True)
    )
    return tuple(measures), deals


_Made: TypeAlias = Iterator[tuple[Contrast, dict[str, str]]]


class _Looks(NamedTuple):
    """A measure of each image: its name, its values in a profile, how to write two, and words for less and for more."""

    name: str
    values: Callable[[Profile], NDArray[np.floating]]
    written: Callable[[float, float], tuple[str, str]]
    less: str
    more: str


def _percents(one: float, other: float) -> tuple[str, str]:
    return percent(one), percent(other)


def _pixels(one: float, other: float) -> tuple[str, str]:
    return f"{one:.0f} px", f"{other:.0f} px"


def _ratios(one: float, other: float) -> tuple[str, str]:
    return f"{one:.2f}", f"{other:.2f}"


def _two_digits(one: float, other: float) -> tuple[str, str]:
    """Both with as many decimals as the smaller one needs for two digits: 0.340 and 0.034."""
    least = min((value for value in (one, other) if value > 0), default=1.0)
    decimals = max(1 - math.floor(math.log10(least)), 0)
    return f"{one:.{decimals}f}", f"{other:.{decimals}f}"


_LOOKS = (
    _Looks("brightness", lambda of: of.brightness, _percents, "darker", "brighter"),
    _Looks("contrast", lambda of: of.contrast, _percents, "lower in contrast", "higher in contrast"),
    _Looks("colour", lambda of: of.colour, _percents, "less colourful", "more colourful"),
    _Looks("sharpness", lambda of: of.sharpness, _two_digits, "less sharp", "sharper"),
    _Looks("size", lambda of: np.sqrt(of.width * of.height), _pixels, "smaller", "larger"),
    _Looks("proportions", lambda of: of.width / np.maximum(of.height, 1), _ratios, "taller", "wider"),
    _Looks("confidence", lambda of: of.confidence, _percents, "harder for the model", "easier for the model"),
)


def _looks(reference: Profile, new: Profile, deals: Deals, classes: tuple[str, ...]) -> _Made:
    """What can be measured of each image as a number."""
    for name, values, written, less, more in _LOOKS:
        before, now = values(reference), values(new)
        if len(before) and len(now):
            typical = float(np.median(before)), float(np.median(now))
            texts = written(*typical)
            words = less if typical[1] < typical[0] else more
            sentence = f"The images are {words}: median {name} {texts[1]}, in training {texts[0]}"
            if texts[0] == texts[1]:
                sentence = f"The images differ in their {name}, with the same median, {texts[1]}"
            yield deals.distributions(before, now), _words(name, texts, sentence)


def _unfamiliar(reference: Profile, new: Profile, deals: Deals, classes: tuple[str, ...]) -> _Made:
    """How many images are unlike the training images."""
    before, now = reference.unfamiliarity > 1, new.unfamiliarity > 1
    if len(before) and len(now):
        shares = percent(float(before.mean())), percent(float(now.mean()))
        sentence = f"{shares[1]} of the images are unlike the training images, {shares[0]} of those in training"
        yield deals.rates(before, now), _words("unfamiliar", shares, sentence)


def _content(reference: Profile, new: Profile, deals: Deals, classes: tuple[str, ...]) -> _Made:
    """What the network sees in the images."""
    if reference.points.size and new.points.size:
        moved = float(np.linalg.norm(new.points.mean(axis=0) - reference.points.mean(axis=0)))
        sentence = f"The network sees other content: the mean of its features has moved by {moved:.2f} deviations"
        yield deals.points(reference.points, new.points), _words("features", ("0.00", f"{moved:.2f}"), sentence)


def _classes(reference: Profile, new: Profile, deals: Deals, classes: tuple[str, ...]) -> _Made:
    """Which classes are predicted how often."""
    if len(reference.predicted) and len(new.predicted):
        before, now = (np.bincount(of.predicted, minlength=len(classes)) / len(of.predicted) for of in (reference, new))
        order = np.argsort(-np.abs(now - before), kind="stable")[:_SHOWN_CLASSES].tolist()
        changes = [f"{classes[label]} {percent(now[label])}, in training {percent(before[label])}" for label in order]
        texts = percent(float(before[order[0]])), percent(float(now[order[0]]))
        sentence = f"Classes are predicted in other shares: {'; '.join(changes)}"
        yield deals.shares(reference.predicted, new.predicted), _words("classes", texts, sentence)


_KINDS = (_content, _unfamiliar, _looks, _classes)


def _words(name: str, values: tuple[str, str], sentence: str) -> dict[str, str]:
    return {"name": name, "reference": values[0], "new": values[1], "sentence": sentence}


def _p_value(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "<0.001"
