"""Detector: a network that finds objects, the names of its classes, and the methods that people know.

    detector = eb.load("blood_cells")
    detector.predict("smear.jpg")
    detector.save("copy")

It runs the ONNX graph that `save` writes; nothing here needs torch.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import ImageInput, Preparation
from eyebright.model.card import Provenance, Seen, classes_row, images_row, network_row
from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.golden import golden_pictures
from eyebright.model.stream import LazyImage
from eyebright.network import Network, Weights, check_weights, initial_weights
from eyebright.network.detecting import BOX_CHANNELS, detecting_of
from eyebright.report.history import History
from eyebright.system import files, machine, records
from eyebright.system.errors import ModelError, NetworkError
from eyebright.system.table import Table, Tabular
from eyebright.system.text import counted, percent
from eyebright.tasks.detection.model.card import DetectorCard, golden_of, read_detector, write_detector
from eyebright.tasks.detection.model.predictor import DetectionPredictor, FoundObjects
from eyebright.tasks.detection.trust.calibration import UNSCALED, ScoreScale
from eyebright.tasks.detection.trust.promise import RecallPromised
from eyebright.trust.prediction import Unreadable

if TYPE_CHECKING:
    from eyebright.tasks.detection.trust.metrics import DetectionEvaluation

_UNKNOWN_THRESHOLD = 0.5  # of a detector whose thresholds were not measured


class Detector(Tabular):
    """Finds objects in images.

    Args:
        network: Takes images `(channels, height, width)`; gives a map for each class and four for the sides of boxes,
            as `eyebright.zoo.lite0_detector` does.
        classes: Names of the classes.
        weights: Weights, by `layer.tensor`; random ones, decided by the seed, unless given.
        calibration: Slope and shift of each class, of which sigmoid(slope * logit(score) + shift) is the confidence;
            the scores themselves unless given.
        thresholds: The confidence from which on an object of each class is shown; 0.5 unless given.
        promise: Which share of the objects is found, where that is promised.
        one_class: Whether it was trained to find objects of all classes as one.
        metrics: The evaluations: "validation" and, if there was one, "test".
        seen: The images that the network was trained on or selected by.
        verdicts: What the figures of the training show, as sentences.
        history: Losses and scores of each epoch.
        settings: The settings of the training, as data.
        seed: Decides the initial weights.

    Raises:
        NetworkError: When the network is not a detector of so many classes, or the weights are not those of it.
        ModelError: When names of classes, calibration or thresholds are not valid.
    """

    def __init__(
        self,
        network: Network,
        classes: Sequence[str],
        *,
        weights: Mapping[str, NDArray[np.float32]] | None = None,
        calibration: Sequence[tuple[float, float]] | None = None,
        thresholds: Sequence[float] | None = None,
        promise: RecallPromised | None = None,
        one_class: bool = False,
        metrics: Mapping[str, "DetectionEvaluation"] | None = None,
        seen: Seen = Seen(),  # noqa: B008 - frozen
        verdicts: Sequence[str] = (),
        history: History = History(),  # noqa: B008 - frozen
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        detecting = detecting_of(network)
        if network.output_shape[0] != len(classes) + BOX_CHANNELS:
            raise NetworkError(
                f"the network gives {network.output_shape}, but {counted(len(classes), 'class')} need "
                f"{len(classes) + BOX_CHANNELS} maps"
            )
        self.network, self._detecting = network, detecting
        self._weights = dict(initial_weights(network, seed) if weights is None else weights)
        check_weights(network, self._weights)
        self.history = history
        self.card = DetectorCard(
            classes=tuple(classes),
            network=network.to_dict(),
            preparation=Preparation.of_input(network.input_shape, "pad"),
            calibration=tuple(
                [UNSCALED] * len(classes) if calibration is None else (ScoreScale(*each) for each in calibration)
            ),
            thresholds=tuple([_UNKNOWN_THRESHOLD] * len(classes) if thresholds is None else map(float, thresholds)),
            metrics=msgspec.to_builtins(metrics or {}),
            seen=seen,
            promise=promise,
            one_class=one_class,
            verdicts=tuple(verdicts),
            provenance=Provenance(seed=seed, versions=machine.versions(), settings=dict(settings or {})),
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.card.classes

    @property
    def verdicts(self) -> tuple[str, ...]:
        """What the figures of the training show, as sentences, the most important first."""
        return self.card.verdicts

    @property
    def preparation(self) -> Preparation:
        """Size of the images, and how they are padded."""
        return self.card.preparation

    @property
    def thresholds(self) -> dict[str, float]:
        """The confidence from which on an object is shown, by class."""
        return dict(zip(self.classes, self.card.thresholds, strict=True))

    @property
    def metrics(self) -> Mapping[str, "DetectionEvaluation"]:
        """The evaluations: "validation" and, if there was one, "test"."""
        from eyebright.tasks.detection.trust.metrics import DetectionEvaluation

        kind = dict[str, DetectionEvaluation]
        return records.from_builtins(self.card.metrics, kind, what="metrics of the detector", error=ModelError)

    def get_weights(self) -> Weights:
        """A copy of every tensor, by `layer.tensor`."""
        return {name: values.copy() for name, values in self._weights.items()}

    @overload
    def predict(self, pictures: list[Any], *, threshold: float | None = None) -> list[FoundObjects]: ...
    @overload
    def predict(self, pictures: ImageInput, *, threshold: float | None = None) -> FoundObjects: ...
    def predict(
        self, pictures: ImageInput | list[Any], *, threshold: float | None = None
    ) -> FoundObjects | list[FoundObjects]:
        """The objects in an image, with boxes in pixels of the upright image.

        Args:
            pictures: A path, the bytes of a file, an open file, an image of Pillow, pixels `(H, W)` or
                `(H, W, channels)`; or a list of these.
            threshold: The confidence from which on objects are shown, 0 to 1; the model's own unless given.

        Returns:
            The objects, the surest first; of a list, a list of them.

        Raises:
            PictureError: When an image cannot be opened.
        """
        if isinstance(pictures, list):
            return [self.predictor.predict(picture, threshold=threshold) for picture in pictures]
        return self.predictor.predict(pictures, threshold=threshold)

    def stream(
        self, images: Iterable[tuple[str, LazyImage]], *, threshold: float | None = None
    ) -> Iterator[FoundObjects | Unreadable]:
        """The objects in each (name, image), in their order; images are opened ahead, and memory stays flat."""
        return self.predictor.stream(images, threshold=threshold)

    @cached_property
    def predictor(self) -> DetectionPredictor:
        """What predicts: the detector's ONNX graph, compiled."""
        return DetectionPredictor(Engine.of_bytes(self.to_onnx()), self.card)

    def to_onnx(self) -> bytes:
        """The ONNX graph, from uint8 `(N, height, width, channels)` to maps of scores and boxes."""
        return onnx_graph(self.network, self._weights, answering=self._detecting)

    def summary(self) -> str:
        """The layers of the network as a table."""
        from eyebright.network.summary import as_table

        return as_table(self.network).text()

    def as_table(self) -> Table:
        """What it finds, how good it is, and from which confidence on."""
        shown = sorted(set(self.card.thresholds))
        thresholds = percent(shown[0]) if len(shown) == 1 else f"{percent(shown[0])} to {percent(shown[-1])}, by class"
        rows = [
            classes_row(self.classes),
            network_row(self.network),
            images_row(self.preparation),
            ("shown from", f"a confidence of {thresholds}"),
            *((side, found.headline) for side, found in self.metrics.items()),
            *([("promise", self.card.promise.promise)] if self.card.promise else []),
        ]
        return Table(f"Detector of {counted(len(self.classes), 'class')}", rows=rows, names=2)

    def save(self, path: str | Path, *, overwrite: bool = False) -> DetectorCard:
        """Write the folder of the detector; docs/model-format.md describes it.

        Raises:
            OutputError: When the folder exists (and `overwrite` is not set), or cannot be written.
        """
        sources, prepared = golden_pictures(self.preparation)
        golden = golden_of(self.card, sources, prepared, self.predictor.maps(prepared))
        return write_detector(
            Path(path), self.card, self._weights, self.to_onnx(), golden, self.history,
            overwrite=overwrite,
        )  # fmt: skip

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read the folder of a detector, or the detector of a run.

        Raises:
            ModelError: When it is missing, incomplete, altered, of a newer format, or not valid.
        """
        stored = read_detector(files.as_path(path, "the folder of a detector or of a run", ModelError))
        card = stored.card
        loaded = cls(
            stored.network, card.classes, weights=stored.weights(), calibration=card.calibration,
            thresholds=card.thresholds, history=stored.history(History),
        )  # fmt: skip
        loaded.card = card
        loaded.__dict__["predictor"] = DetectionPredictor(Engine.of_model(stored), card)
        return loaded
