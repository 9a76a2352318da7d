"""From images to the objects in them, in batches; images that cannot be opened are reported."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import ImageInput, decode, resize_picture
from eyebright.model.stream import LazyImage, prepare_named, stream
from eyebright.network.detecting import BOXES, SCORES
from eyebright.system.errors import SettingsError
from eyebright.system.records import Record
from eyebright.system.table import Table, Tabular
from eyebright.system.text import counted, percent
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.geometry.letterbox import Letterbox
from eyebright.tasks.detection.model.card import FindingCard
from eyebright.trust.prediction import Unreadable

BATCH_SIZE = 8


class Found(Record, frozen=True, kw_only=True):
    """One object in an image.

    Args:
        label: Its class.
        confidence: The calibrated probability that there is such an object, 0 to 1.
        box: x1, y1, x2, y2 in pixels of the upright image, to a hundredth; x to the right, y down, from the upper left.
    """

    label: str
    confidence: float
    box: tuple[float, float, float, float]


class FoundObjects(Tabular, Record, frozen=True, kw_only=True):
    """The objects in an image, the surest first.

    Args:
        name: Name of the image, as it was given.
        width: Of the upright image, in pixels.
        height: Of the upright image, in pixels.
        objects: What was found.
    """

    name: str
    width: int
    height: int
    objects: tuple[Found, ...] = ()

    def __len__(self) -> int:
        return len(self.objects)

    def as_table(self) -> Table:
        """The objects with their confidences and boxes."""
        rows = [
            (found.label, percent(found.confidence), *(f"{side:.0f}" for side in found.box)) for found in self.objects
        ]
        name = f"{self.name}: " if self.name else ""
        header = ("class", "confidence", "x1", "y1", "x2", "y2") if rows else ()
        return Table(f"{name}{counted(len(rows), 'object')}", header, rows)


class _Prepared(NamedTuple):
    pixels: NDArray[np.uint8]
    letterbox: Letterbox


class GraphRunner(Protocol):
    """What runs a graph, such as `Engine`, or that of an exported folder."""

    def outputs(self, samples: NDArray[np.uint8], /) -> dict[str, NDArray[Any]]:
        """The outputs of the graph for prepared images, by their names."""
        ...


class DetectionPredictor:
    """Finds objects in images.

    Args:
        engine: The compiled graph, from images to maps of scores and boxes.
        card: Classes, preparation and thresholds.
    """

    def __init__(self, engine: GraphRunner, card: FindingCard) -> None:
        self._engine = engine
        self._card = card
        self._thresholds = np.array(card.thresholds)

    def maps(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """The maps of prepared images `(N, height, width, channels)`: "scores" and "boxes"."""
        return self._engine.outputs(pictures)

    def detections(
        self, pictures: NDArray[np.uint8], sizes: Sequence[tuple[int, int]], *, least: float = 0.0
    ) -> list[Detections]:
        """What is found in prepared images, in pixels of the originals, also below the thresholds.

        Args:
            pictures: `(N, height, width, channels)`, uint8.
            sizes: (width, height) of each upright original.
            least: Objects below this confidence may be left out.
        """
        letterboxes = [Letterbox(*size, self._card.preparation) for size in sizes]
        return self._located(pictures, letterboxes, least)

    def predict(self, source: ImageInput, name: str = "", *, threshold: float | None = None) -> FoundObjects:
        """The objects in one image; a `PictureError` if it cannot be opened.

        Args:
            source: The image.
            name: Its name; that of its file unless given.
            threshold: The confidence from which on objects are shown, 0 to 1; the model's own unless given.
        """
        name, prepared = prepare_named(self._prepare, source, name)
        return self._objects([name], [prepared], threshold)[0]

    def stream(
        self, images: Iterable[tuple[str, LazyImage]], *, threshold: float | None = None
    ) -> Iterator[FoundObjects | Unreadable]:
        """The objects in each (name, image), in their order, as `eyebright.model.stream.stream` does."""

        def answer(names: Sequence[str], prepared: Sequence[_Prepared]) -> list[FoundObjects]:
            return self._objects(names, prepared, threshold)

        return stream(images, self._prepare, answer, batch_size=BATCH_SIZE)

    def _prepare(self, source: ImageInput) -> _Prepared:
        picture = decode(source)
        return _Prepared(
            resize_picture(picture, self._card.preparation), Letterbox(*picture.size, self._card.preparation)
        )

    def _objects(
        self, names: Sequence[str], prepared: Sequence[_Prepared], threshold: float | None
    ) -> list[FoundObjects]:
        if threshold is not None and not 0 <= threshold <= 1:  # NaN too
            raise SettingsError(f"threshold must be a confidence from 0 to 1, got {threshold}")
        least = float(self._thresholds.min()) if threshold is None else threshold
        letterboxes = [each.letterbox for each in prepared]
        located = self._located(np.stack([each.pixels for each in prepared]), letterboxes, least)
        return [self._shown(*each, threshold) for each in zip(names, letterboxes, located, strict=True)]

    def _located(self, pictures: NDArray[np.uint8], letterboxes: Sequence[Letterbox], least: float) -> list[Detections]:
        """What is found, in pixels of the originals, cut at their edges."""
        located = []
        for at in range(0, len(letterboxes), BATCH_SIZE):
            maps, here = self.maps(pictures[at : at + BATCH_SIZE]), letterboxes[at : at + BATCH_SIZE]
            for scores, boxes, letterbox in zip(maps[SCORES], maps[BOXES], here, strict=True):
                located.append(_placed(self._card.find(scores, boxes, least=least), letterbox))
        return located

    def _shown(self, name: str, letterbox: Letterbox, found: Detections, threshold: float | None) -> FoundObjects:
        needed = self._thresholds if threshold is None else np.full(len(self._thresholds), threshold)
        shown = found.at(found.scores >= needed[found.labels])
        objects = tuple(
            Found(label=self._card.classes[label], confidence=float(score), box=tuple(map(float, box)))  # type: ignore[arg-type]
            for label, score, box in zip(shown.labels, shown.scores, shown.corners, strict=True)
        )
        return FoundObjects(name=name, width=letterbox.width, height=letterbox.height, objects=objects)


def _placed(found: Detections, letterbox: Letterbox) -> Detections:
    corners = letterbox.to_original(found.corners)
    inside: NDArray[np.float64] = np.clip(corners, 0, [letterbox.width, letterbox.height] * 2).round(2)
    placed = Detections(inside, found.labels, found.scores)
    return placed.at(np.all(inside[:, 2:] > inside[:, :2], axis=1).nonzero()[0])
