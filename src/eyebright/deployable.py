"""What a classifier can do once it is trained: answer, be written to a folder and read from one. No torch is needed."""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright import codec, machine
from eyebright.errors import ModelError
from eyebright.evaluation import Evaluation, Verdict
from eyebright.inference import Engine, Prediction, Predictor
from eyebright.model import Calibration, Golden, ModelCard, Provenance, Seen, golden_pictures, read_model, write_model
from eyebright.model.readme import readme
from eyebright.network import Network, initial_weights
from eyebright.pictures import Fit, Preparation, Source
from eyebright.starting import require_classifier
from eyebright.training.history import History
from eyebright.training.settings import Settings
from eyebright.weighted import Weighted


class Deployable(Weighted):
    """Base of `Classifier`, where its arguments are explained."""

    def __init__(
        self,
        network: Network,
        classes: Sequence[str],
        *,
        weights: Mapping[str, NDArray[np.float32]] | None = None,
        fit: Fit = "crop",
        seed: int = 0,
    ) -> None:
        require_classifier(network, classes)
        self.network = network
        self.classes = tuple(classes)
        self.preparation = Preparation(width=network.input_shape[2], height=network.input_shape[1], fit=fit)
        self.seen = Seen()
        self.settings = Settings(seed=seed)
        self.set_weights(initial_weights(network, seed) if weights is None else weights)

    @overload
    def predict(self, pictures: Source) -> Prediction: ...
    @overload
    def predict(self, pictures: list[Source]) -> list[Prediction]: ...
    def predict(self, pictures: Source | list[Source]) -> Prediction | list[Prediction]:
        """What a picture shows, and how sure that is.

        Args:
            pictures: A path, the bytes of a file, an open file, pixels `(H, W, 3)` uint8; or a list of such.

        Raises:
            PictureError: When a picture cannot be opened.
        """
        if isinstance(pictures, list):
            return [self.predictor.predict(picture) for picture in pictures]
        return self.predictor.predict(pictures)

    @cached_property
    def predictor(self) -> Predictor:
        """What answers: the classifier's ONNX graph, compiled."""
        return Predictor(Engine.of_bytes(self.to_onnx()), self.classes, self.preparation)

    def to_onnx(self) -> bytes:
        """The ONNX graph: uint8 `(N, height, width, 3)` in, calibrated probabilities out."""
        from eyebright.network.onnx import to_onnx

        model = to_onnx(self.network, self._weights, temperature=self.calibration.temperature)
        return bytes(model.SerializeToString(deterministic=True))

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over every tensor; what was found out about the weights before (temperature, figures) is forgotten.

        Raises:
            NetworkError: When one is missing, unexpected, of another shape or not of numbers; nothing is changed then.
        """
        super().set_weights(weights)
        self.calibration = Calibration(temperature=1.0, error_before=0.0, error_after=0.0)
        self.metrics: dict[str, Evaluation] = {}
        self.verdicts: tuple[Verdict, ...] = ()
        self.history = History()

    def save(self, path: str | Path, *, overwrite: bool = False) -> ModelCard:
        """Write the model folder; see docs/model-format.md.

        Raises:
            OutputError: When the folder exists (and `overwrite` is not set), or cannot be written.
        """
        sources, prepared = golden_pictures(self.preparation)
        card = ModelCard(
            classes=self.classes,
            network=self.network.to_dict(),
            preparation=self.preparation,
            calibration=self.calibration,
            metrics=msgspec.to_builtins(self.metrics),
            seen=self.seen,
            provenance=Provenance(
                seed=self.settings.seed, versions=machine.versions(), settings=msgspec.to_builtins(self.settings)
            ),
        )
        golden = Golden(sources, prepared, self.predictor.probabilities(prepared))
        text = readme(card, [verdict.text for verdict in self.verdicts])
        return write_model(
            Path(path), card, self._weights, self.to_onnx(), golden, self.history, text, overwrite=overwrite
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model folder, or the model of a run.

        Raises:
            ModelError: When it is missing, incomplete, altered, of a newer format, or not what a model may be.
        """
        stored = read_model(Path(path))
        card = stored.card
        classifier = cls.__new__(cls)
        classifier.network, classifier.classes, classifier.preparation = stored.network, card.classes, card.preparation
        classifier.calibration, classifier.seen = card.calibration, card.seen
        classifier.metrics = codec.from_builtins(
            card.metrics, dict[str, Evaluation], what=f"metrics of {stored.path}", error=ModelError
        )
        classifier.settings = codec.from_builtins(
            card.provenance.settings, Settings, what=f"settings of {stored.path}", error=ModelError
        )
        classifier.history, classifier.verdicts = stored.history(History), ()
        classifier._weights = stored.weights()
        classifier.__dict__["predictor"] = Predictor.of_model(stored)
        return classifier

    def _renew(self) -> None:
        """Forget the compiled graph, after a change of weights or temperature."""
        self.__dict__.pop("predictor", None)
