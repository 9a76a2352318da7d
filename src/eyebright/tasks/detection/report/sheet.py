"""The sheet of images that predict draws, with what was found in them."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from eyebright.data.pictures import ImageInput, decode
from eyebright.model.stream import LazyImage, loaded
from eyebright.report.sheets import MAX_SHOWN
from eyebright.system.text import printable, shorten
from eyebright.tasks.detection.model.naming import NO_ANSWER, NamedObject, NamedObjects
from eyebright.tasks.detection.model.predictor import Found, FoundObjects
from eyebright.tasks.detection.report.overlay import Frame, Framed, class_frame, class_legend, draw_boxes, of_class

LARGE_PX, SMALL_PX = 1280, 480
"""The longer side of an image that is kept to be drawn: alone, and as one of many."""
_NAME_WIDTH = 20
UNNAMED = Frame((0, 0, 1, 1), (), "#bbbbbb")
"""How an object is drawn that the classifier does not name."""


class Sheet:
    """The first 60 images with what was found in them, kept in the size in which they are drawn.

    Args:
        classes: Of the detector; or of the classifier, where that names the objects.
        single: Whether there is only one image, which is drawn large.
    """

    def __init__(self, classes: Sequence[str], *, single: bool = False) -> None:
        self._classes, self._single = classes, single
        self._pictures: list[Framed] = []
        self.count = 0

    def __len__(self) -> int:
        return len(self._pictures)

    def add(self, image: LazyImage, found: FoundObjects | NamedObjects) -> None:
        """Keep an image, which is only opened if it is among the first 60."""
        self.count += 1
        if self.count <= MAX_SHOWN:
            self._pictures.append(framed(loaded(image), found, self._classes, single=self._single))

    def draw(self) -> bytes:
        """The images as the content of a PNG file, with the meaning of the colours."""
        return draw_boxes(self._pictures, legend_of(self._pictures, self._classes))


def framed(
    image: ImageInput, found: FoundObjects | NamedObjects, classes: Sequence[str], *, single: bool = True
) -> Framed:
    """An image, reduced to the size at which it is drawn, with what was found in it.

    Args:
        image: The image.
        found: What was found.
        classes: Of the detector; or of the classifier, where that named the objects.
        single: Whether it is the only image of the figure.
    """
    picture, side = decode(image), LARGE_PX if single else SMALL_PX
    scale = min(side / max(picture.size), 1)
    small = picture.resize([max(round(scale * edge), 1) for edge in picture.size], Image.Resampling.BOX)
    sides = np.array([small.width / picture.width, small.height / picture.height] * 2)
    frames = [_frame(one, (np.array(one.box) * sides).tolist(), classes) for one in found.objects]
    return Framed(np.asarray(small), frames, found.name)


def _frame(found: Found, corners: Sequence[float], classes: Sequence[str]) -> Frame:
    if not isinstance(found, NamedObject):
        return class_frame(classes.index(found.label), found.label, corners, found.confidence)
    name = shorten(printable(found.name.answer), _NAME_WIDTH)
    sure = f"{found.name.confidence:.0%}"
    labels = (f"{name} {sure}, box {found.confidence:.0%}", f"{name} {sure}", sure)
    if found.name.label is None:
        return Frame((corners[0], corners[1], corners[2], corners[3]), labels, UNNAMED.colour)
    return of_class(classes.index(found.name.label), corners, labels)


def legend_of(pictures: Sequence[Framed], classes: Sequence[str]) -> dict[str, Frame]:
    """What the colours mean that are drawn."""
    looks = {(frame.colour, frame.style) for picture in pictures for frame in picture.frames}
    numbers = [at for at in range(len(classes)) if of_class(at, (0, 0, 1, 1))[2:] in looks]
    unnamed = {NO_ANSWER: UNNAMED} if (UNNAMED.colour, UNNAMED.style) in looks else {}
    return class_legend(classes, numbers) | unnamed
