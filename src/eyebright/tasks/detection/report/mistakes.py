"""What a detector does wrong, object by object, and pictures of it.

A box that is drawn and meets no labelled box of its class is a mistake; where it meets one of another class that
nothing else has found, the class is wrong. A labelled box that nothing meets is missed. Boxes meet that overlap by at
least half (intersection over union).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.system.text import printable, shorten
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.report.overlay import Frame, Framed
from eyebright.tasks.detection.trust.matching import MISS, Truth, match

MistakeKind: TypeAlias = Literal["missed", "wrong class", "false alarm"]
MISTAKE_KINDS: tuple[MistakeKind, ...] = ("missed", "wrong class", "false alarm")
WRONG, MISSED, RIGHT = "wrong", "missed", "right"
LOOKS = {
    RIGHT: Frame((0, 0, 1, 1), (), "#009e73"), WRONG: Frame((0, 0, 1, 1), (), "#e69f00"),
    MISSED: Frame((0, 0, 1, 1), (), "#56b4e9", 1),
}  # fmt: skip
"""How boxes are drawn: found ones that are right, found ones that are wrong, labelled ones that are not found."""
_CONTEXT, _LEAST_PX = 1.5, 48  # of a picture: times the longer side of the box on each side of it; pixels of its side
_NAME_WIDTH = 16


class Mistake(NamedTuple):
    """A mistake.

    Args:
        kind: What is wrong.
        image: The position of the image.
        found: x1 y1 x2 y2 of what is drawn; None where an object is missed.
        label: The class that is drawn, or -1.
        score: The confidence of it, 0 to 1.
        labelled: x1 y1 x2 y2 of the object; None for a false alarm.
        truth: Its class, or -1.
    """

    kind: MistakeKind
    image: int
    found: NDArray[np.float64] | None = None
    label: int = -1
    score: float = 0.0
    labelled: NDArray[np.float64] | None = None
    truth: int = -1

    def words(self, classes: Sequence[str]) -> str:
        """The mistake in a few words."""
        names = [shorten(printable(classes[label]), _NAME_WIDTH) for label in (self.label, self.truth)]
        if self.kind == "missed":
            return f"missed: {names[1]}"
        drawn = f"{names[0]} {self.score:.0%}"
        return f"{drawn}, labelled {names[1]}" if self.kind == "wrong class" else f"false alarm: {drawn}"


class ComparedBoxes(NamedTuple):
    """What is drawn on an image beside what is labelled.

    Args:
        right: Whether each box that is drawn is right, or lies on one of its class that is ignored, `(n,)`.
        taken: For each box that is drawn and not right, the labelled box of another class that it meets, or -1, `(n,)`.
        missed: Whether each labelled box is met by nothing, `(m,)`.
    """

    right: NDArray[np.bool_]
    taken: NDArray[np.int64]
    missed: NDArray[np.bool_]

    @classmethod
    def of(cls, found: Detections, truth: Truth) -> "ComparedBoxes":
        """Compare the boxes that are drawn with the labelled ones: what meets what is decided as in every measure.

        What meets nothing of its class is compared once more, with the objects that nothing meets, whatever the class.
        """
        first = match([found], [truth])
        outcome = np.full(len(found), MISS)
        outcome[first.place] = first.outcome[0, 0]
        missed = first.counted[0] & np.isneginf(first.found_at)
        wrong, left = np.flatnonzero(outcome == MISS), np.flatnonzero(missed)
        one_class = Truth.of(truth.corners[left], np.zeros(len(left), np.int64))
        again = match([Detections(found.corners[wrong], 0 * found.labels[wrong], found.scores[wrong])], [one_class])
        taken = np.full(len(found), -1)
        taken[wrong[again.place]] = np.append(left, -1)[again.box]
        missed[taken[taken >= 0]] = False
        return cls(outcome != MISS, taken, missed)


def find_mistakes(found: Sequence[Detections], truth: Sequence[Truth]) -> list[Mistake]:
    """The mistakes of a detector: by kind, the most confident and the largest missed ones first.

    Args:
        found: What it draws on each image.
        truth: The labelled boxes of each; the ignored ones are neither missed nor make a mistake of what meets them.
    """
    mistakes = [one for image, pair in enumerate(zip(found, truth, strict=True)) for one in _of_image(image, *pair)]
    return sorted(mistakes, key=lambda one: (MISTAKE_KINDS.index(one.kind), -one.score, -_area(one.labelled)))


def _of_image(image: int, found: Detections, truth: Truth) -> Iterator[Mistake]:
    compared = ComparedBoxes.of(found, truth)
    for row in np.flatnonzero(~compared.right).tolist():
        drawn = found.corners[row], int(found.labels[row]), float(found.scores[row])
        if (box := compared.taken[row]) < 0:
            yield Mistake("false alarm", image, *drawn)
        else:
            yield Mistake("wrong class", image, *drawn, truth.corners[box], int(truth.labels[box]))
    for box in np.flatnonzero(compared.missed).tolist():
        yield Mistake("missed", image, labelled=truth.corners[box], truth=int(truth.labels[box]))


def _area(corners: NDArray[np.float64] | None) -> float:
    return 0.0 if corners is None else float(np.prod(corners[2:] - corners[:2]))


def picture_of(mistake: Mistake, pixels: NDArray[np.uint8], name: str, classes: Sequence[str]) -> Framed:
    """A mistake with what is around it.

    Args:
        mistake: The mistake.
        pixels: The whole upright image, `(H, W, 3)`.
        name: Of the file.
        classes: Names of the classes.
    """
    boxes = np.array([one for one in (mistake.labelled, mistake.found) if one is not None])
    left, top, right, bottom = around(boxes, pixels.shape[1], pixels.shape[0])
    origin = np.array([left, top, left, top])
    frames = []
    if mistake.labelled is not None:
        frames.append(_frame(MISSED, mistake.labelled - origin, classes[mistake.truth]))
    if mistake.found is not None:
        frames.append(_frame(WRONG, mistake.found - origin, classes[mistake.label], mistake.score))
    return Framed(pixels[top:bottom, left:right], frames, f"{mistake.kind}: {name}")


def marked(pixels: NDArray[np.uint8], found: Detections, truth: Truth, classes: Sequence[str]) -> Framed:
    """A whole image with what is drawn on it, right or wrong, and what is missed; arguments as in `picture_of`."""
    compared = ComparedBoxes.of(found, truth)
    drawn = zip(found.corners, found.labels.tolist(), found.scores.tolist(), compared.right, strict=True)
    frames = [
        _frame(RIGHT if right else WRONG, corners, classes[label], score) for corners, label, score, right in drawn
    ]
    frames += [
        _frame(MISSED, truth.corners[box], classes[truth.labels[box]]) for box in np.flatnonzero(compared.missed)
    ]
    return Framed(pixels, frames, "")


def _frame(look: str, corners: NDArray[np.float64], name: str, score: float | None = None) -> Frame:
    x1, y1, x2, y2 = corners.tolist()
    text = shorten(printable(name), _NAME_WIDTH)
    labels = (text,) if score is None else (f"{text} {score:.0%}", f"{score:.0%}")
    return LOOKS[look]._replace(corners=(x1, y1, x2, y2), labels=labels)


def looks_of(picture: Framed) -> list[str]:
    """What each box of a picture is: "right", "wrong" or "missed"."""
    by_colour = {frame.colour: look for look, frame in LOOKS.items()}
    return [by_colour[frame.colour] for frame in picture.frames]


def around(boxes: NDArray[np.float64], width: int, height: int) -> tuple[int, int, int, int]:
    """A square part of an image around boxes, with what is beside them: left, top, right and bottom in whole pixels.

    At the edge of the image it is moved inwards, and it is no larger than the image.
    """
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    side = max(float((high - low).max()) * (1 + 2 * _CONTEXT), _LEAST_PX)
    ends = []
    for first, last, whole in zip(low, high, (width, height), strict=True):
        size = min(round(side), whole)
        start = int(np.clip(round((first + last - size) / 2), 0, whole - size))
        ends.append((start, start + size))
    (left, right), (top, bottom) = ends
    return left, top, right, bottom


def sheet_of(mistakes: Sequence[Mistake], most: int) -> list[Mistake]:
    """Some of the mistakes for a sheet: of each kind the first ones, as many as there is room for."""
    chosen: list[Mistake] = []
    kinds = [kind for kind in MISTAKE_KINDS if any(one.kind == kind for one in mistakes)]
    for place, kind in enumerate(kinds):
        room = (most - len(chosen)) // (len(kinds) - place)
        chosen += [one for one in mistakes if one.kind == kind][:room]
    return chosen


def pictures_of(
    mistakes: Sequence[Mistake],
    open_image: Callable[[int], NDArray[np.uint8]],
    names: Sequence[str],
    classes: Sequence[str],
) -> list[Framed]:
    """Pictures of mistakes; each image is opened once.

    Args:
        mistakes: The mistakes.
        open_image: Gives the upright image at a position, `(H, W, 3)`.
        names: Of the images.
        classes: Names of the classes.
    """
    wanted: dict[int, list[int]] = {}
    for number, mistake in enumerate(mistakes):
        wanted.setdefault(mistake.image, []).append(number)
    found: dict[int, Framed] = {}
    for image, numbers in wanted.items():
        pixels = open_image(image)
        found |= {number: picture_of(mistakes[number], pixels, names[image], classes) for number in numbers}
    return [found[number] for number in range(len(mistakes))]
