"""Pictures in, answers out: opens, prepares and asks, in batches, and says which pictures could not be opened."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import ImageInput, Preparation, open_picture
from eyebright.data.threads import in_threads
from eyebright.model.engine import Engine
from eyebright.model.folder import StoredModel
from eyebright.system.errors import DownloadError, EyebrightError, PictureError
from eyebright.system.records import Record

BATCH_SIZE = 32


class Prediction(Record, frozen=True, kw_only=True):
    """What a model makes of a picture.

    Args:
        name: The picture's name, as it was given.
        label: The class that it most likely belongs to.
        confidence: The calibrated probability of that class, 0 to 1.
        probabilities: Probability of every class, the greatest first.
    """

    name: str
    label: str
    confidence: float
    probabilities: dict[str, float]

    def __repr__(self) -> str:
        return f"Prediction(label={self.label!r}, confidence={self.confidence:.3f})"


class Unreadable(Record, frozen=True, kw_only=True):
    """A picture that could not be opened, and why."""

    name: str
    error: str


Answer: TypeAlias = Prediction | Unreadable
Openable: TypeAlias = ImageInput | Callable[[], ImageInput]
"""A picture, or what fetches it when its turn comes."""
Opened: TypeAlias = tuple[str, NDArray[np.uint8] | EyebrightError]


class Predictor:
    """Answers for any number of pictures.

    Args:
        engine: The compiled graph.
        classes: Names of the classes, in the order of its outputs.
        preparation: How pictures are prepared for it.
        tta: Answer with the mean for each picture and its mirror image (test-time augmentation).
    """

    def __init__(
        self, engine: Engine, classes: tuple[str, ...], preparation: Preparation, *, tta: bool = False
    ) -> None:
        self.classes = classes
        self.preparation = preparation
        self._engine = engine
        self._tta = tta

    @classmethod
    def of_model(cls, stored: StoredModel) -> "Predictor":
        """The predictor of a model folder; errors as in `Engine.of_model`."""
        return cls(Engine.of_model(stored), stored.card.classes, stored.card.preparation)

    def with_tta(self) -> "Predictor":
        """The same with test-time augmentation, at twice the time. Not for what has a left and a right."""
        return Predictor(self._engine, self.classes, self.preparation, tta=True)

    def probabilities(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities `(N, classes)` for prepared pictures `(N, height, width, 3)`, uint8."""
        given = self._engine(pictures)
        if not self._tta:
            return given
        mirrored = self._engine(np.ascontiguousarray(pictures[:, :, ::-1]))
        return np.asarray((given + mirrored) / 2, np.float32)

    def predict(self, source: ImageInput, name: str = "") -> Prediction:
        """The answer for one picture; a `PictureError` where it cannot be opened."""
        name = name or (str(source) if isinstance(source, str | Path) else "")
        try:
            pixels = open_picture(source, self.preparation)
        except PictureError as problem:
            raise PictureError(f"{name}: {problem}" if name else str(problem)) from problem
        return self._prediction(name, self.probabilities(pixels[None])[0])

    def stream(self, sources: Iterable[tuple[str, Openable]]) -> Iterator[Answer]:
        """An answer for each (name, picture), in their order; pictures are opened ahead by a few threads.

        The first answer does not wait for a batch to fill: batches grow from one picture.
        """
        size, waiting = 1, deque[Opened]()
        for opened in self._opened(sources):
            waiting.append(opened)
            if len(waiting) >= size:
                yield from self._answers(waiting)
                size = min(2 * size, BATCH_SIZE)
        yield from self._answers(waiting)

    def _answers(self, waiting: deque[Opened]) -> Iterator[Answer]:
        pictures = [opened for _, opened in waiting if not isinstance(opened, EyebrightError)]
        rows = iter(self.probabilities(np.stack(pictures)) if pictures else ())
        while waiting:
            name, opened = waiting.popleft()
            if isinstance(opened, EyebrightError):
                yield Unreadable(name=name, error=str(opened))
            else:
                yield self._prediction(name, next(rows))

    def _opened(self, sources: Iterable[tuple[str, Openable]]) -> Iterator[Opened]:
        def attempt(named: tuple[str, Openable]) -> NDArray[np.uint8] | EyebrightError:
            _, source = named
            try:
                return open_picture(source() if callable(source) else source, self.preparation)
            except (PictureError, DownloadError) as problem:
                return problem

        return ((name, opened) for (name, _), opened in in_threads(attempt, sources))

    def _prediction(self, name: str, row: NDArray[np.float32]) -> Prediction:
        order = np.argsort(-row, kind="stable")
        ranked = {self.classes[index]: float(row[index]) for index in order}
        return Prediction(
            name=name, label=self.classes[order[0]], confidence=float(row[order[0]]), probabilities=ranked
        )
