"""The page of a detector: how good it is, where it is wrong, what it learned from, and what to do next.

A section stands in the page where there is something to show. Boxes are drawn over the images as vectors, so that they
stay sharp and have the colours of the page.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from eyebright.report.pages.about import AboutRun
from eyebright.report.pages.charts import Chart
from eyebright.report.pages.page import Album, Embedded, render
from eyebright.tasks.detection.report.mistakes import looks_of
from eyebright.tasks.detection.report.overlay import Frame, Framed
from eyebright.tasks.detection.trust.metrics import DetectionEvaluation

EXAMPLE_PX, MISTAKE_PX = 448, 256
"""Longer sides of images in the page: of whole ones, and of parts around a mistake."""


class Outline(NamedTuple):
    """A box over an image of the page: left, top, width and height in its pixels; its kind of line; what it is."""

    left: float
    top: float
    width: float
    height: float
    look: str
    words: str


class Scene(NamedTuple):
    """An image with boxes over it.

    Args:
        image: The image.
        boxes: What is drawn over it.
        title: What is seen, in a few words.
        name: The name of its file.
    """

    image: Embedded
    boxes: tuple[Outline, ...]
    title: str
    name: str

    @property
    def words(self) -> str:
        """What a screen reader says in place of the image."""
        return ": ".join(filter(None, (self.title, ", ".join(box.words for box in self.boxes))))


class DetectorReport(NamedTuple):
    """Everything that the page shows.

    Args:
        about: What it shows beside the evaluation.
        test: The evaluation on the test set.
        album: The images of the page.
        examples: Test images with what is found and what is labelled.
        mistakes: Parts of test images around mistakes, by the kind of mistake.
        charts: Precision and recall, calibration.
        unused: How many boxes are not used, by the reason.
        unused_boxes: Some of them: the image, the reason, the box as the file has it.
    """

    about: AboutRun
    test: DetectionEvaluation
    album: Album
    examples: Sequence[Scene] = ()
    mistakes: Sequence[tuple[str, Sequence[Scene]]] = ()
    charts: Sequence[Chart] = ()
    unused: Sequence[tuple[str, int]] = ()
    unused_boxes: Sequence[tuple[str, str, str]] = ()


def detector_page(report: DetectorReport) -> str:
    """The page of a detector as HTML."""
    by_weakness = sorted(report.test.classes, key=lambda one: math.inf if one.map50 is None else one.map50.value)
    table = msgspec.structs.replace(report.test, classes=tuple(by_weakness)).as_table()
    return render(
        "detector.html",
        report=report,
        about=report.about,
        counts="Boxes",
        test=report.test,
        album=report.album,
        classes=table._replace(notes=()),
    )


def scene_of(album: Album, key: object, picture: Framed, name: str, title: str, side_px: int) -> Scene:
    """A picture with its boxes for the page.

    Args:
        album: Embeds the image.
        key: What identifies it there.
        picture: The picture, as `mistakes` draws it.
        name: The name of its file.
        title: What is seen, in a few words.
        side_px: The longer side of the image in the page.
    """
    image = album.add(key, picture.pixels, side_px)
    scale = image.width / picture.pixels.shape[1]
    looks = looks_of(picture)
    boxes = tuple(_outline(frame, look, scale) for frame, look in zip(picture.frames, looks, strict=True))
    return Scene(image, boxes, title, name)


def _outline(frame: Frame, look: str, scale: float) -> Outline:
    x1, y1, x2, y2 = (round(scale * side, 1) for side in frame.corners)
    words = f"{look} {frame.labels[0]}" if frame.labels else look
    return Outline(x1, y1, round(x2 - x1, 1), round(y2 - y1, 1), look, words)
