"""Which of the boxes that somebody drew are used: each one that is not has a reason, and no box costs a whole image."""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from eyebright.data.pictures.opening import StoredSize
from eyebright.tasks.detection.data.labels.annotations import Annotation, Form, LabelledImage
from eyebright.tasks.detection.geometry.boxes import DECIMALS, Reason, Unused

MOST_OVER = 0.01  # of the side that a box may go over the edge; it is clipped
_ALWAYS_OVER_PX = 1  # as much in any case: tools differ by a pixel in where an image begins
LEAST_SIDE_PX = 1  # a box must be larger: one of a single pixel is a slip of the mouse

Corners = tuple[float, float, float, float]


class Checked(NamedTuple):
    """The boxes of one image: corners with the name of the class.

    Args:
        used: Those to train on.
        ignored: Regions that training and evaluation ignore.
        unused: Those that are not used, ignored ones included.
        clipped: How many went a little over the edge and were clipped.
    """

    used: Sequence[tuple[Corners, str]]
    ignored: Sequence[tuple[Corners, str]]
    unused: Sequence[Unused]
    clipped: int


def check(name: str, image: LabelledImage, size: StoredSize | None, one_class: str = "") -> Checked:
    """Turn the boxes of an image into pixels of the upright original, and say which are not used.

    Args:
        name: Of the image.
        image: Its boxes.
        size: Its size; None where it cannot be opened.
        one_class: A name for all classes, or "" to keep them apart.
    """
    used: dict[tuple[Corners, str], None] = {}  # a set in order
    ignored, unused, clipped = [], [], 0
    for box in image.boxes or ():
        result = _placed(box, image, size)
        if not isinstance(result, _Placed):
            unused.append(Unused(name, result[0], f"{box.text}{result[1]}"))
            continue
        item = result.corners, one_class or unicodedata.normalize("NFC", box.name)
        if box.ignored:
            ignored.append(item)
            unused.append(Unused(name, box.ignored, box.text))
        elif item in used:
            unused.append(Unused(name, "twice", box.text))
        else:
            used[item] = None
            clipped += result.was_clipped
    return Checked(tuple(used), ignored, unused, clipped)


class _Placed(NamedTuple):
    corners: Corners
    was_clipped: bool


def _placed(box: Annotation, image: LabelledImage, size: StoredSize | None) -> "_Placed | tuple[Reason, str]":
    """The box in the image; or the reason why it is not used, with details."""
    if size is None:
        return "no image", ""
    numbers = numbers_of(box)
    if numbers is None:
        return "not numbers", ""
    if not box.is_known:
        return "unknown class", ""
    if is_in_pixels(box.form) and image.stated not in (None, size.upright):
        return "other size", _other_size(image.stated, size)
    corners = corners_of(numbers, box.form, *size.upright)
    inside = tuple(min(max(value, 0), side) for value, side in zip(corners, size.upright * 2, strict=True))
    exact = tuple(round(value, DECIMALS) for value in inside)
    if min(_sides(corners)) <= LEAST_SIDE_PX:
        return "no area", ""
    if min(_sides(exact)) <= 0:
        return "outside", f", image of {_times(size.upright)}"
    over = [abs(value - kept) for value, kept in zip(corners, inside, strict=True)]
    if any(far > allowed_over(side) for far, side in zip(over, size.upright * 2, strict=True) if far):
        return "over the edge", f", by {max(over):.4g} pixels, image of {_times(size.upright)}"
    if min(_sides(exact)) <= LEAST_SIDE_PX:
        return "no area", ""
    return _Placed(exact, max(over) > 10**-DECIMALS / 2)


def numbers_of(box: Annotation) -> list[float] | None:
    """The numbers of a box; None where they are not finite, not numbers at all, or not as many as its form has."""
    count = len(box.values)
    if count != 4 if box.form != "outline" else count < 6 or count % 2:
        return None
    try:
        numbers = [float(value) for value in box.values if not isinstance(value, bool)]  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None


def corners_of(numbers: Any, form: Form, width: Any, height: Any) -> tuple[Any, Any, Any, Any]:
    """Corners in pixels from 0 on: of one box, or of many at once.

    Args:
        numbers: Four numbers, or arrays `(4, n)`; of an outline as many as it has.
        form: What they are.
        width: Of the image in pixels, or an array `(n,)`.
        height: The same.
    """
    if form == "outline":
        across, down = numbers[::2], numbers[1::2]
        first, second, third, fourth = min(across), min(down), max(across), max(down)
    else:
        first, second, third, fourth = numbers
    if form == "corners from 1":
        first, second = first - 1, second - 1
    elif form == "shares":
        first, second, third, fourth = first - third / 2, second - fourth / 2, first + third / 2, second + fourth / 2
    elif form.startswith("corner and size"):
        third, fourth = first + third, second + fourth
    if is_in_pixels(form):
        return first, second, third, fourth
    return first * width, second * height, third * width, fourth * height


def is_in_pixels(form: Form) -> bool:
    """Whether the numbers are pixels, and not shares of the sides."""
    return form != "outline" and not form.endswith("shares")


def allowed_over(side: Any) -> Any:
    """How many pixels a box may go over the edge of an image with a side, or of many."""
    return np.maximum(MOST_OVER * side, _ALWAYS_OVER_PX) + 10**-DECIMALS / 2


def _sides(corners: Sequence[float]) -> tuple[float, float]:
    """Width and height of a box, to a hundredth of a pixel."""
    left, top, right, bottom = corners
    return round(right - left, DECIMALS), round(bottom - top, DECIMALS)


def _other_size(stated: tuple[int, int] | None, size: StoredSize) -> str:
    text = f", file says {_times(stated or (0, 0))}, image has {_times(size.upright)}"
    return f"{text} when it is upright: drawn before it was turned (EXIF)?" if stated == size.stored else text


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def names_used(checked: Sequence[Checked]) -> Iterator[str]:
    """The class of each box that is used."""
    return (name for image in checked for _, name in image.used)
