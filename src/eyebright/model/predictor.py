"""Predictor: from images to the predicted classes, in batches; images that cannot be opened are reported."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import ImageInput, Preparation, open_picture
from eyebright.data.threads import in_threads
from eyebright.model.engine import Engine
from eyebright.model.folder import StoredModel
from eyebright.system.errors import DownloadError, EyebrightError, PictureError
from eyebright.trust.prediction import Prediction, Unreadable

BATCH_SIZE = 32

LazyImage: TypeAlias = ImageInput | Callable[[], ImageInput]
"""An image, or a function that returns it and is called shortly before the prediction."""
Answering: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From prepared images `(N, height, width, channels)` to probabilities `(N, classes)`."""
_Prepared: TypeAlias = tuple[str, NDArray[np.uint8] | EyebrightError]
"""A name, and the pixels or the reason why there are none."""


class Predictor:
    """Predicts the classes of images.

    Args:
        engine: The compiled graph, or something that computes the same, which gives probabilities.
        classes: Names of the classes, in the order of its outputs.
        preparation: Size and resizing of the images.
        tta: Use the mean over each image and its mirror image (test-time augmentation).
    """

    def __init__(
        self, engine: Answering, classes: tuple[str, ...], preparation: Preparation, *, tta: bool = False
    ) -> None:
        self.classes = classes
        self.preparation = preparation
        self._engine = engine
        self._tta = tta

    @classmethod
    def of_model(cls, stored: StoredModel) -> "Predictor":
        """The predictor of a model folder; raises as `Engine.of_model`."""
        return cls(Engine.of_model(stored), stored.card.classes, stored.card.preparation)

    def with_tta(self) -> "Predictor":
        """The same predictor with test-time augmentation; takes twice the time.

        Not for classes that differ in left and right, such as digits or road signs.
        """
        return Predictor(self._engine, self.classes, self.preparation, tta=True)

    def probabilities(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities `(N, classes)`, float32, for prepared images `(N, height, width, channels)`, uint8."""
        found = self._engine(pictures)
        if not self._tta:
            return found
        mirrored = self._engine(np.ascontiguousarray(pictures[:, :, ::-1]))
        return np.asarray((found + mirrored) / 2, np.float32)

    def predict(self, source: ImageInput, name: str = "") -> Prediction:
        """The prediction for one image; a `PictureError` if it cannot be opened."""
        name = name or (str(source) if isinstance(source, str | Path) else "")
        try:
            pixels = open_picture(source, self.preparation)
        except PictureError as problem:
            raise PictureError(f"{name}: {problem}" if name else str(problem)) from problem
        return self._prediction(name, self.probabilities(pixels[None])[0])

    def predict_batch(self, images: Sequence[ImageInput]) -> NDArray[np.float32]:
        """The probabilities of many images, `(N, classes)`; a `PictureError` if one cannot be opened."""
        parts = [np.empty((0, len(self.classes)), np.float32)]
        for at in range(0, len(images), BATCH_SIZE):
            batch = [open_picture(image, self.preparation) for image in images[at : at + BATCH_SIZE]]
            parts.append(self.probabilities(np.stack(batch)))
        return np.concatenate(parts)

    def stream(self, images: Iterable[tuple[str, LazyImage]]) -> Iterator[Prediction | Unreadable]:
        """Predict each (name, image), in their order; a few threads open images ahead.

        Batches grow from one image to `BATCH_SIZE`, so that the first prediction does not wait for a full batch.
        """
        size, waiting = 1, deque[_Prepared]()
        for prepared in self._prepared(images):
            waiting.append(prepared)
            if len(waiting) >= size:
                yield from self._predict_all(waiting)
                size = min(2 * size, BATCH_SIZE)
        yield from self._predict_all(waiting)

    def predict_prepared(self, names: Sequence[str], pictures: NDArray[np.uint8]) -> list[Prediction]:
        """The predictions for images that are prepared already, `(N, height, width, channels)`."""
        return [self._prediction(name, row) for name, row in zip(names, self.probabilities(pictures), strict=True)]

    def _predict_all(self, waiting: deque[_Prepared]) -> Iterator[Prediction | Unreadable]:
        pictures = [pixels for _, pixels in waiting if not isinstance(pixels, EyebrightError)]
        rows = iter(self.probabilities(np.stack(pictures)) if pictures else ())
        while waiting:
            name, pixels = waiting.popleft()
            if isinstance(pixels, EyebrightError):
                yield Unreadable(name=name, error=str(pixels))
            else:
                yield self._prediction(name, next(rows))

    def _prepared(self, images: Iterable[tuple[str, LazyImage]]) -> Iterator[_Prepared]:
        def prepare(named: tuple[str, LazyImage]) -> NDArray[np.uint8] | EyebrightError:
            _, image = named
            try:
                return open_picture(image() if callable(image) else image, self.preparation)
            except (PictureError, DownloadError) as problem:
                return problem

        return ((name, pixels) for (name, _), pixels in in_threads(prepare, images))

    def _prediction(self, name: str, row: NDArray[np.float32]) -> Prediction:
        order = np.argsort(-row, kind="stable")
        ranked = {self.classes[index]: float(row[index]) for index in order}
        return Prediction(
            name=name, label=self.classes[order[0]], confidence=float(row[order[0]]), probabilities=ranked
        )
