"""Cut and classify: each box that a detector finds is cut out with a margin, and a classifier names what is in it.

That is right where there are many classes with few images of each, such as traffic signs: the detector learns one
class, the classifier the others.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from eyebright.data.pictures import ImageInput, decode
from eyebright.model.predictor import Predictor
from eyebright.model.stream import LazyImage, loaded
from eyebright.system.errors import DownloadError, PictureError
from eyebright.system.records import Record
from eyebright.system.table import Table, Tabular
from eyebright.system.text import counted, percent
from eyebright.tasks.detection.model.crops import MARGIN, crop_corners
from eyebright.tasks.detection.model.predictor import Found, FoundObjects
from eyebright.trust.prediction import Prediction, Unreadable

NO_ANSWER = "no answer"
"""What stands in place of a class that a classifier does not name."""


class Name(Record, frozen=True, kw_only=True):
    """What a classifier says of a box.

    Args:
        label: The class; None where it gives no answer.
        confidence: The calibrated probability of the most probable class, 0 to 1.
        reason: Why there is no answer; empty where there is one.
    """

    label: str | None
    confidence: float
    reason: str = ""

    @property
    def answer(self) -> str:
        """The class, or "no answer"."""
        return NO_ANSWER if self.label is None else self.label


class NamedObject(Found, frozen=True, kw_only=True):
    """An object of a detector, with the name that a classifier gives it.

    Args:
        label: Its class by the detector.
        confidence: The calibrated probability that there is such an object, 0 to 1.
        box: x1, y1, x2, y2 in pixels of the upright image.
        name: What the classifier says.
    """

    name: Name


class NamedObjects(Tabular, Record, frozen=True, kw_only=True):
    """The objects in an image with their names; arguments as those of `FoundObjects`."""

    name: str
    width: int
    height: int
    objects: tuple[NamedObject, ...] = ()

    def __len__(self) -> int:
        return len(self.objects)

    def as_table(self) -> Table:
        """The objects with both confidences and their boxes."""
        rows = [
            (one.name.answer, percent(one.name.confidence), one.label, percent(one.confidence),
             *(f"{side:.0f}" for side in one.box)) for one in self.objects
        ]  # fmt: skip
        header = ("class", "confidence", "box", "confidence", "x1", "y1", "x2", "y2") if rows else ()
        name = f"{self.name}: " if self.name else ""
        return Table(f"{name}{counted(len(rows), 'object')}", header, rows)


def name_objects(
    images: Iterable[tuple[LazyImage, FoundObjects | Unreadable]], classifier: Predictor, margin: float = MARGIN
) -> Iterator[NamedObjects | Unreadable]:
    """Name what was found in images, one image after the other.

    Args:
        images: Each image, and what a detector found in it.
        classifier: Names the parts that are cut out.
        margin: Share of the sides of a box that is added on each side.
    """
    for source, found in images:
        if isinstance(found, Unreadable):
            yield found
            continue
        try:
            names = _names(loaded(source), found, classifier, margin)
        except (PictureError, DownloadError) as problem:  # the file has changed since
            yield Unreadable(name=found.name, error=str(problem))
            continue
        objects = tuple(
            NamedObject(label=one.label, confidence=one.confidence, box=one.box, name=name)
            for one, name in zip(found.objects, names, strict=True)
        )
        yield NamedObjects(name=found.name, width=found.width, height=found.height, objects=objects)


def _names(image: ImageInput, found: FoundObjects, classifier: Predictor, margin: float) -> list[Name]:
    if not found.objects:
        return []
    picture = decode(image)
    places = crop_corners(np.array([one.box for one in found.objects]), picture.size, margin)
    answers = classifier.stream((str(number), picture.crop(place)) for number, place in enumerate(places.tolist()))
    return [
        Name(label=answer.label, confidence=answer.confidence, reason=answer.reason)
        if isinstance(answer, Prediction)
        else Name(label=None, confidence=0.0, reason=f"it cannot be cut out: {answer.error}")
        for answer in answers
    ]
