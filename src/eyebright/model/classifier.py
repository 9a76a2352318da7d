"""What a classifier can do once it is trained: answer, be written to a folder and read from one. No torch is needed.

Classifier: a network, the names of its classes, and the verbs that people know.

    pictures = eb.Dataset.from_folder("flower_photos", seed=123)
    model = eb.Classifier(eb.zoo.flowers_cnn(), classes=pictures.classes)
    model.fit(pictures, epochs=15)
    model.evaluate(pictures.test)
    model.predict("red_sunflower.jpg")
    model.save("flowers")

Only `fit` needs torch. What `evaluate` and `predict` ask is the ONNX graph that `save` writes, not the torch module.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data import prepare
from eyebright.data.dataset import Dataset, Part
from eyebright.data.pictures import Fit, Preparation, Source
from eyebright.data.prepare import Prepared
from eyebright.data.split import SIDES
from eyebright.model import assess
from eyebright.model.card import Calibration, ModelCard, Provenance, Seen, readme
from eyebright.model.engine import Engine
from eyebright.model.folder import read_model, write_model
from eyebright.model.golden import Golden, golden_pictures
from eyebright.model.predictor import BATCH_SIZE, Prediction, Predictor
from eyebright.model.weights import Weighted
from eyebright.network import Network, initial_weights
from eyebright.runs import audit
from eyebright.runs.start import require_classifier
from eyebright.system import machine, records
from eyebright.system.errors import DataError, ModelError
from eyebright.training import trainer
from eyebright.training.budget import Deadline
from eyebright.training.events import AnyEvent, Calibrated, Emit, Judged
from eyebright.training.history import History, Recorder
from eyebright.training.settings import Settings
from eyebright.trust.metrics import Evaluation, evaluate, log_softmax, softmax
from eyebright.trust.verdict import Verdict


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
        classifier.metrics = records.from_builtins(
            card.metrics, dict[str, Evaluation], what=f"metrics of {stored.path}", error=ModelError
        )
        classifier.settings = records.from_builtins(
            card.provenance.settings, Settings, what=f"settings of {stored.path}", error=ModelError
        )
        classifier.history, classifier.verdicts = stored.history(History), ()
        classifier._weights = stored.weights()
        classifier.__dict__["predictor"] = Predictor.of_model(stored)
        return classifier

    def _renew(self) -> None:
        """Forget the compiled graph, after a change of weights or temperature."""
        self.__dict__.pop("predictor", None)


class Classifier(Deployable):
    """Tells pictures apart.

    Args:
        network: Takes pictures `(3, height, width)` and gives one logit for each class.
        classes: Names of the classes.
        weights: Where to start, by `layer.tensor`; drawn from the seed unless given.
        fit: How pictures of other proportions are brought to size: "crop", "pad" or "stretch".
        seed: Decides the initial weights and, unless it is given another, the course of `fit`.

    Raises:
        NetworkError: When the network does not take pictures or does not give one value for each class, or the weights
            are not those of the network.
    """

    def fit(
        self,
        pictures: Dataset,
        epochs: int | None = None,
        *,
        settings: Settings | None = None,
        callbacks: Iterable[Callable[[AnyEvent], None]] = (),
        checkpoint: Path | None = None,
        earlier: Sequence[AnyEvent] | None = None,
        begun_at: float | None = None,
        on_settled: Callable[[Settings], None] = lambda settings: None,
        **changes: Any,
    ) -> History:
        """Train on the training side, pick the best epoch and the temperature on the validation side.

        Args:
            pictures: The pictures; their classes must be those of the classifier, in any order.
            epochs: Passes over the training pictures.
            settings: How to train; single settings may also be given by name, as in `learning_rate=3e-4`.
            callbacks: Receive every event as it happens.
            checkpoint: A folder for the state, after each epoch and now and then within one.
            earlier: The events of a training that was interrupted: go on from that checkpoint.
            begun_at: When the budget of time began, on `time.monotonic`; now unless given.
            on_settled: Receives the settings with all that was measured, before the first step.
            **changes: Settings by name.

        Returns:
            Losses and accuracies by epoch.

        Raises:
            MissingExtraError: When torch is not installed.
            DataError: When the pictures cannot be learned from.
        """
        training = trainer()
        settings = settings or self.settings
        changes |= {} if epochs is None else {"epochs": epochs}
        self.settings = settings = settings.changed(changes)
        emit = Recorder(callbacks, earlier)
        pack, labels, sides = self.prepare(pictures, emit)
        train, validation = np.flatnonzero(sides == 0), np.flatnonzero(sides == 1)
        material = training.Material(pack, labels, train, validation, pictures.source.names)
        alike = audit.alike(pictures, pack)  # before the training, so that a budget of time has it behind it
        outcome = training.fit(
            self.network,
            self._weights,
            material,
            settings,
            emit=emit,
            on_settled=on_settled,
            checkpoint_folder=checkpoint,
            resume=earlier is not None,
            deadline=_deadline(settings, begun_at, sides),
        )
        self.set_weights(outcome.weights)
        self.history = emit.history
        self.seen = self.seen.and_of(pack.digests.at(np.concatenate([train, validation])))
        self._assess(training, pictures, material, alike, emit)
        return self.history

    def prepare(self, pictures: Dataset, emit: Emit | None = None) -> Prepared:
        """The pictures as `fit` learns from them, for a training of your own.

        Raises:
            DataError: When the pictures cannot be learned from.
        """
        return prepare.prepare(pictures, self.preparation, self.classes, emit)

    def _assess(
        self, training: Any, pictures: Dataset, material: Any, alike: NDArray[np.bool_], emit: Recorder
    ) -> None:
        """Fit the temperature, prove the graph, judge the training. The graph is asked, since that is what is kept."""
        pack, labels, train, every, _ = material
        validation = assess.bounded(every, len(self.classes))
        sample = assess.sample_of(train, validation)
        known, logits = (assess.log_probabilities(self.predictor, pack, those) for those in (sample, validation))
        self.calibration = assess.calibrate(logits, labels[validation])
        self._renew()
        emit(Calibrated(**msgspec.structs.asdict(self.calibration)))
        first, temperature, groups = validation[:BATCH_SIZE], self.calibration.temperature, pictures.group_numbers
        trained = training.predict_logits(self.network, self._weights, pack, first)
        assess.prove(self.predictor, pack.read(first), softmax(trained / temperature))
        self.metrics = {
            "validation": evaluate(log_softmax(logits / temperature), labels[validation], self.classes,
                                   groups=None if groups is None else groups[validation])
        }  # fmt: skip
        self.verdicts = assess.verdicts(
            assess.Told(known, sample),
            assess.Told(logits, validation),
            labels=labels,
            classes=self.classes,
            groups=groups,
            alike=alike,
            later=np.flatnonzero(pictures.split(pack) > 0),
            course=assess.course_of(self.history, self.settings, self.network, len(train), emit.first_loss),
        )
        emit(Judged.of(self.verdicts))

    def evaluate(self, pictures: Dataset | Part, *, emit: Emit | None = None, tta: bool = False) -> Evaluation:
        """How good the classifier is on pictures that it has not learned from.

        Args:
            pictures: One side of a data set, or all of one; pictures that were learned from are left out.
            emit: Receives the progress.
            tta: Ask about the mirror images too, and take the mean (test-time augmentation).

        Raises:
            DataError: When there is a class that the classifier does not know, or no picture that is new to it.
        """
        dataset, side = pictures if isinstance(pictures, Part) else (pictures, None)
        labels = prepare.labels_among(dataset, self.classes)
        pack = prepare.packed(dataset, self.preparation, emit)
        usable = pack.rows >= 0
        if side:
            audit.keep_together(dataset, pack, emit)
            usable &= dataset.split(pack) == SIDES.index(side)
        indices = np.flatnonzero(usable)
        asked_for = side not in (None, "test")  # whoever names the training side wants it judged
        new = indices if asked_for else indices[~self.seen.among(pack.digests.at(indices))]
        if not len(new):
            raise DataError(
                f"all {len(indices)} pictures that can be opened were used to train this model: "
                "give it pictures that it has not seen, or it would only recite"
            )
        evaluation = assess.evaluate_on(
            self.predictor.with_tta() if tta else self.predictor,
            pack,
            labels,
            new,
            self.classes,
            groups=dataset.group_numbers,
        )
        return msgspec.structs.replace(evaluation, seen=len(indices) - len(new), left_out=len(pack.left_out))


def _deadline(settings: Settings, begun_at: float | None, sides: NDArray[np.int64]) -> Deadline | None:
    if not settings.minutes:
        return None
    judged = 2 * np.count_nonzero(sides == 1) + np.count_nonzero(sides == 2) + assess.KNOWN_SAMPLE
    return Deadline(settings.minutes, time.monotonic() if begun_at is None else begun_at, int(judged))
