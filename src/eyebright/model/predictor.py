"""Predictor: from images to the predicted classes, in batches; images that cannot be opened are reported."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import ImageInput, Preparation, open_picture
from eyebright.model.engine import Engine
from eyebright.model.folder import StoredModel
from eyebright.model.stream import LazyImage, prepare_named, stream
from eyebright.network.answering import NO_ANSWER
from eyebright.system.errors import SettingsError
from eyebright.system.text import percent
from eyebright.trust.answers import Answers
from eyebright.trust.prediction import UNLIKE, Prediction, Unreadable
from eyebright.trust.promise import Promised

BATCH_SIZE = 32


class Answerer(Protocol):
    """What gives the answers for prepared images: an `Engine`, or a network in torch."""

    def answers(self, pictures: NDArray[np.uint8], /) -> Answers:
        """The answers for prepared images `(N, height, width, channels)`."""


class Predictor:
    """Predicts the classes of images.

    Args:
        engine: The compiled graph, or something that computes the same.
        classes: Names of the classes, in the order of its outputs.
        preparation: Size and resizing of the images.
        promise: What the answers keep, where something is promised.
        tta: Use the mean over each image and its mirror image (test-time augmentation).
    """

    def __init__(
        self,
        engine: Answerer,
        classes: tuple[str, ...],
        preparation: Preparation,
        *,
        promise: Promised | None = None,
        tta: bool = False,
    ) -> None:
        self.classes = classes
        self.preparation = preparation
        self._engine = engine
        self.promise = promise
        self._thresholds = None if promise is None else promise.thresholds
        self._tta = tta

    @classmethod
    def of_model(cls, stored: StoredModel) -> "Predictor":
        """The predictor of a model folder; raises as `Engine.of_model`."""
        card = stored.card
        return cls(Engine.of_model(stored), card.classes, card.preparation, promise=card.promise)

    def with_promise(self, promise: Promised) -> "Predictor":
        """The same predictor with another promise."""
        return Predictor(self._engine, self.classes, self.preparation, promise=promise)

    def with_tta(self) -> "Predictor":
        """The same predictor with test-time augmentation; takes twice the time.

        Not for classes that differ in left and right, such as digits or road signs.

        Raises:
            SettingsError: When something is promised: that holds for the answers without it.
        """
        if self.promise is not None:
            raise SettingsError(
                f"{self.promise.promise} was promised for predictions without tta, which changes the confidences: "
                "leave tta out"
            )
        return Predictor(self._engine, self.classes, self.preparation, tta=True)

    def answers(self, pictures: NDArray[np.uint8]) -> Answers:
        """The answers for prepared images `(N, height, width, channels)`, uint8."""
        found = self._engine.answers(pictures)
        if not self._tta:  # the graph keeps the promise that it was written with; here it may be another one
            return found if self.promise is None else Answers.decided(*found[:2], self._thresholds)
        other = self._engine.answers(np.ascontiguousarray(pictures[:, :, ::-1]))
        probabilities = np.asarray((found.probabilities + other.probabilities) / 2, np.float32)
        unfamiliarity = None
        if found.unfamiliarity is not None and other.unfamiliarity is not None:
            unfamiliarity = np.asarray((found.unfamiliarity + other.unfamiliarity) / 2, np.float32)
        return Answers.decided(probabilities, unfamiliarity)

    def probabilities(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities `(N, classes)`, float32, for prepared images `(N, height, width, channels)`, uint8."""
        return self.answers(pictures).probabilities

    def quick_probabilities(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What `probabilities` gives, in about half the time and less exactly; see `Engine.quick`."""
        engine = self._engine.quick if isinstance(self._engine, Engine) else self._engine
        return Predictor(engine, self.classes, self.preparation, tta=self._tta).probabilities(pictures)

    def predict(self, source: ImageInput, name: str = "") -> Prediction:
        """The prediction for one image; a `PictureError` if it cannot be opened."""
        name, pixels = prepare_named(self._open, source, name)
        return self.predict_prepared([name], pixels[None])[0]

    def predict_batch(self, images: Sequence[ImageInput]) -> NDArray[np.float32]:
        """The probabilities of many images, `(N, classes)`; a `PictureError` if one cannot be opened."""
        parts = [np.empty((0, len(self.classes)), np.float32)]
        for at in range(0, len(images), BATCH_SIZE):
            batch = [self._open(image) for image in images[at : at + BATCH_SIZE]]
            parts.append(self.probabilities(np.stack(batch)))
        return np.concatenate(parts)

    def stream(self, images: Iterable[tuple[str, LazyImage]]) -> Iterator[Prediction | Unreadable]:
        """Predict each (name, image), in their order, as `eyebright.model.stream.stream` does."""

        def answer(names: Sequence[str], pixels: Sequence[NDArray[np.uint8]]) -> list[Prediction]:
            return self.predict_prepared(names, np.stack(pixels))

        return stream(images, self._open, answer, batch_size=BATCH_SIZE)

    def predict_prepared(self, names: Sequence[str], pictures: NDArray[np.uint8]) -> list[Prediction]:
        """The predictions for images that are prepared already, `(N, height, width, channels)`."""
        found = self.answers(pictures)
        return [self._prediction(name, found, index) for index, name in enumerate(names)]

    def _open(self, source: ImageInput) -> NDArray[np.uint8]:
        return open_picture(source, self.preparation)

    def _prediction(self, name: str, found: Answers, index: int) -> Prediction:
        row, answer = found.probabilities[index], int(found.answer[index])
        order = np.argsort(-row, kind="stable")
        unfamiliarity = None if found.unfamiliarity is None else float(found.unfamiliarity[index])
        sets = None if self.promise is None or answer == NO_ANSWER else self.promise.label_sets(row[None])
        return Prediction(
            name=name,
            label=None if answer == NO_ANSWER else self.classes[answer],
            confidence=float(row[order[0]]),
            probabilities={self.classes[place]: float(row[place]) for place in order},
            unfamiliarity=unfamiliarity,
            labels=() if sets is None else tuple(self.classes[place] for place in order if sets[0, place]),
            reason="" if answer != NO_ANSWER else self._reason(unfamiliarity, int(order[0]), float(row[order[0]])),
        )

    def _reason(self, unfamiliarity: float | None, best: int, confidence: float) -> str:
        """Why there is no answer."""
        if unfamiliarity is not None and unfamiliarity > 1:
            return UNLIKE
        needed = 0.0 if self._thresholds is None else float(self._thresholds[best])
        return f"confidence {percent(confidence)}, below {percent(needed)}"
