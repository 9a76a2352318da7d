"""What the four numbers of a box mean, where programs do not keep to the convention of a format.

COCO and Hugging Face have x, y, width and height in pixels, but some programs write corners in their place, or shares
of the sides; so do tables, and in files of YOLO corners stand for the centre and the size. The usual meaning is kept
unless many boxes of the set do not fit into their images by it, and nearly all of them do by exactly one other: a whole
set decides, so that a wrong box never changes the others.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures.opening import StoredSize
from eyebright.system.errors import DataError
from eyebright.system.text import listed, percent
from eyebright.tasks.detection.data.labels.annotations import Form, LabelledImage
from eyebright.tasks.detection.data.labels.checks import LEAST_SIDE_PX, allowed_over, corners_of, numbers_of

_SHARES: tuple[Form, ...] = ("shares", "corners as shares", "corner and size as shares")
_OTHERS: dict[Form, tuple[Form, ...]] = {
    "corner and size": ("corners", *_SHARES),
    "corners": ("corner and size", *_SHARES),
    "shares": _SHARES[1:],
}
_FEWEST = 10  # boxes that decide
_FIT, _FIT_OTHERWISE = 0.9, 0.99
_NAMES: dict[Form, str] = {
    "corners": "x1, y1, x2, y2 in pixels",
    "corner and size": "x, y, width, height in pixels",
    "shares": "the centre, width and height as shares of the sides",
    "corners as shares": "x1, y1, x2, y2 as shares of the sides",
    "corner and size as shares": "x, y, width, height as shares of the sides",
}


def settle(
    images: Sequence[LabelledImage], sizes: Sequence[StoredSize | None], origin: object
) -> tuple[list[LabelledImage], list[str]]:
    """The images with boxes of the form that fits, and what the user should know about it, as sentences.

    Args:
        images: The images with their boxes.
        sizes: The size of each; None where it cannot be opened.
        origin: What was read, for error messages.

    Raises:
        DataError: When several other meanings fit as well.
    """
    found, notices = list(images), []
    for form, (numbers, sides) in _numbers(images, sizes).items():
        fits = _share(numbers, form, sides)
        if len(numbers) < _FEWEST or fits >= _FIT:
            continue
        others = [other for other in _OTHERS[form] if _share(numbers, other, sides) >= _FIT_OTHERWISE]
        meaning = f"{percent(1 - fits, 0)} of the boxes do not lie in their images as {_NAMES[form]}"
        if len(others) > 1:
            either = listed([f"as {_NAMES[other]}" for other in others])
            raise DataError(f"{origin}: {meaning}, but they do {either}: export the boxes as {_NAMES[form]}")
        if others:
            notices.append(f"{meaning}: they are read as {_NAMES[others[0]]}.")
            found = [_changed(image, form, others[0]) for image in found]
    return found, notices


def _numbers(
    images: Sequence[LabelledImage], sizes: Sequence[StoredSize | None]
) -> dict[Form, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """For each form that may have another meaning, the numbers of its boxes `(n, 4)` and (width, height) `(n, 2)`."""
    rows = defaultdict[Form, list[tuple[float, ...]]](list)
    for image, size in zip(images, sizes, strict=True):
        for box in image.boxes or () if size else ():
            if size and box.form in _OTHERS and (numbers := numbers_of(box)):
                rows[box.form].append((*numbers, *size.upright))
    whole = {form: np.array(found, np.float64) for form, found in rows.items()}
    return {form: (found[:, :4], found[:, 4:]) for form, found in whole.items()}


def _share(numbers: NDArray[np.float64], form: Form, sides: NDArray[np.float64]) -> float:
    """The share of the boxes that lie in their images."""
    width, height = sides.T
    left, top, right, bottom = corners_of(numbers.T, form, width, height)
    across, down = allowed_over(width), allowed_over(height)
    fits = (left >= -across) & (top >= -down) & (right <= width + across) & (bottom <= height + down)
    return float(np.mean(fits & (right - left > LEAST_SIDE_PX) & (bottom - top > LEAST_SIDE_PX)))


def _changed(image: LabelledImage, form: Form, other: Form) -> LabelledImage:
    if image.boxes is None:
        return image
    return image._replace(boxes=[box._replace(form=other) if box.form == form else box for box in image.boxes])
