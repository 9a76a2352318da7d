"""What every reader of labels returns: images, and the boxes as somebody drew them, not checked yet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from eyebright.data.sources.source import Source
from eyebright.data.split import Side

Form: TypeAlias = Literal[
    "corners", "corners from 1", "corner and size", "shares", "corners as shares", "corner and size as shares",
    "outline",
]  # fmt: skip
"""What the numbers of a box are, in pixels unless they are shares of the sides of the image.

    corners           x1, y1, x2, y2
    corners from 1    the same, of the first and the last pixel inside, and the first pixel of the image is (1, 1)
    corner and size   x1, y1, width, height
    shares            x and y of the centre, width, height, as shares
    outline           x, y, x, y... of an outline, as shares
"""
_SHOWN, _LONGEST = 8, 40  # values of a box in a message, and characters of each


class Annotation(NamedTuple):
    """One box as a file gives it.

    Args:
        values: Its numbers, or whatever is in their place.
        form: What the numbers are.
        name: The name of its class, or what is in its place.
        is_known: Whether that is a class of the set.
        ignored: The mark of an object that training and evaluation ignore.
    """

    values: Sequence[object]
    form: Form
    name: str
    is_known: bool = True
    ignored: Literal["", "difficult", "crowd"] = ""

    @property
    def text(self) -> str:
        """The box as the file gives it, on one line; the first numbers of a long outline."""
        values = [str(value)[:_LONGEST] for value in self.values[:_SHOWN]]
        return " ".join([self.name, *values, *(["..."] if len(self.values) > _SHOWN else [])])


def stated_size(width: object, height: object) -> tuple[int, int] | None:
    """(width, height) of an image that a file states, as numbers or texts; None where it states none, or 0."""
    try:
        sides = round(float(width)), round(float(height))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return sides if min(sides) > 0 else None


class LabelledImage(NamedTuple):
    """What the files say about one image.

    Args:
        boxes: Its boxes; None where no file says that it has none.
        side: Its set, where the format gives one.
        stated: (width, height) that the file says it has.
    """

    boxes: Sequence[Annotation] | None
    side: Side | None = None
    stated: tuple[int, int] | None = None


class Lost(NamedTuple):
    """Labels without an image.

    Args:
        name: The image that they name, or their file.
        boxes: Its boxes.
    """

    name: str
    boxes: Sequence[Annotation]


class FoundBoxes(NamedTuple):
    """The result of a reader.

    Args:
        source: The images.
        images: For each image its boxes.
        form: The name of the format, for people.
        origin: What was read.
        lost: Labels without an image.
        notices: What the user should know of the files, as sentences.
    """

    source: Source
    images: Sequence[LabelledImage]
    form: str
    origin: Path
    lost: Sequence[Lost] = ()
    notices: Sequence[str] = ()
