"""Classifier: a network, the names of its classes, and the verbs that people know.

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
from typing import Any, NamedTuple, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright import assessment, auditing, codec, machine
from eyebright.datasets import SIDES, Dataset, Pack, Part
from eyebright.errors import DataError, ModelError
from eyebright.evaluation import Evaluation, evaluate, log_softmax, softmax
from eyebright.inference import BATCH_SIZE, Engine, Prediction, Predictor
from eyebright.model import Calibration, Golden, ModelCard, Provenance, Seen, golden_pictures, read_model, write_model
from eyebright.model.readme import readme
from eyebright.network import Network, initial_weights
from eyebright.pictures import Fit, Preparation, Source
from eyebright.starting import require_classifier
from eyebright.training import trainer
from eyebright.training.budget import Deadline
from eyebright.training.events import AnyEvent, Calibrated, Emit, Judged, PrecisionChosen, Preparing, Streaming
from eyebright.training.history import History, Recorder
from eyebright.training.settings import Settings
from eyebright.weighted import Weighted


class Prepared(NamedTuple):
    """Pictures, ready to be learned from.

    Args:
        pack: The prepared pictures.
        labels: For each picture the position of its class among the classifier's, `(N,)`.
        sides: For each picture its side as a position in `SIDES`, `(N,)`; -1 where it is left out.
    """

    pack: Pack
    labels: NDArray[np.int64]
    sides: NDArray[np.int64]


class Classifier(Weighted):
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
        chosen = [event for event in earlier or () if isinstance(event, PrecisionChosen)]
        emit = Recorder(callbacks, earlier)
        pack, labels, sides = self.prepare(pictures, emit)
        train, validation = np.flatnonzero(sides == 0), np.flatnonzero(sides == 1)
        material = training.Material(pack, labels, train, validation, pictures.source.names)
        outcome = training.fit(
            self.network,
            self._weights,
            material,
            settings,
            emit=emit,
            checkpoint_folder=checkpoint,
            resume_with=chosen[-1] if chosen else None,
            deadline=_deadline(settings, begun_at, sides),
        )
        self.set_weights(outcome.weights)
        self.history = emit.history
        self.seen = self.seen.and_of(pack.digests.at(np.concatenate([train, validation])))
        self._assess(training, pictures, material, emit)
        return self.history

    def prepare(self, pictures: Dataset, emit: Emit | None = None) -> Prepared:
        """The pictures as `fit` learns from them, for a training of your own.

        Raises:
            DataError: When the pictures cannot be learned from.
        """
        pictures.require_trainable()
        pack = pictures.pack(self.preparation, _preparing(emit))
        auditing.keep_together(pictures, pack, emit)
        if emit is not None and pack.streamed:
            emit(Streaming(pictures=len(pack.rows), size_bytes=len(pack.rows) * self.preparation.size_bytes))
        return Prepared(pack, self._labels(pictures), pictures.split(pack))

    def _assess(self, training: Any, pictures: Dataset, material: Any, emit: Recorder) -> None:
        """Fit the temperature, prove the graph, judge the training. The graph is asked, since that is what is kept."""
        pack, labels, train, every, _ = material
        validation = assessment.bounded(every, len(self.classes))
        sample = assessment.sample_of(train, validation)
        known, logits = (assessment.log_probabilities(self.predictor, pack, those) for those in (sample, validation))
        self.calibration = assessment.calibrate(logits, labels[validation])
        self._renew()
        emit(Calibrated(**msgspec.structs.asdict(self.calibration)))
        first, temperature, groups = validation[:BATCH_SIZE], self.calibration.temperature, pictures.group_numbers
        trained = training.predict_logits(self.network, self._weights, pack, first)
        assessment.prove(self.predictor, pack.read(first), softmax(trained / temperature))
        self.metrics = {
            "validation": evaluate(log_softmax(logits / temperature), labels[validation], self.classes,
                                   groups=None if groups is None else groups[validation])
        }  # fmt: skip
        self.verdicts = assessment.verdicts(
            assessment.Told(known, sample),
            assessment.Told(logits, validation),
            labels=labels,
            classes=self.classes,
            groups=groups,
            alike=auditing.alike(pictures, pack),
            later=np.flatnonzero(pictures.split(pack) > 0),
            course=assessment.course_of(self.history, self.settings, self.network, len(train), emit.first_loss),
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
        part = pictures if isinstance(pictures, Part) else None
        dataset = part.dataset if part else pictures
        assert isinstance(dataset, Dataset)
        labels = self._labels(dataset)
        pack = dataset.pack(self.preparation, _preparing(emit))
        usable = pack.rows >= 0
        if part:
            auditing.keep_together(dataset, pack, emit)
            usable &= dataset.split(pack) == SIDES.index(part.side)
        indices = np.flatnonzero(usable)
        asked_for = part is not None and part.side != "test"  # whoever names the training side wants it judged
        new = indices if asked_for else indices[~self.seen.among(pack.digests.at(indices))]
        if not len(new):
            raise DataError(
                f"all {len(indices)} pictures that can be opened were used to train this model: "
                "give it pictures that it has not seen, or it would only recite"
            )
        evaluation = assessment.evaluate_on(
            self.predictor.with_tta() if tta else self.predictor,
            pack,
            labels,
            new,
            self.classes,
            groups=dataset.group_numbers,
        )
        return msgspec.structs.replace(evaluation, seen=len(indices) - len(new), left_out=len(pack.left_out))

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
        self.metrics = {}
        self.verdicts = ()
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
    def load(cls, path: str | os.PathLike[str]) -> "Classifier":
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

    def _labels(self, pictures: Dataset) -> NDArray[np.int64]:
        """Labels of the pictures as positions among the classifier's classes: by name, whatever their order."""
        unknown = [name for name in pictures.classes if name not in self.classes]
        if unknown:
            raise DataError(
                f"the pictures have classes that the model does not know: {', '.join(unknown)}; "
                f"the model knows {', '.join(self.classes)}; the pictures have {', '.join(pictures.classes)}"
            )
        return np.array([self.classes.index(name) for name in pictures.classes], np.int64)[pictures.labels]

    def _renew(self) -> None:
        """Forget the compiled graph, after a change of weights or temperature."""
        self.__dict__.pop("predictor", None)


def _deadline(settings: Settings, begun_at: float | None, sides: NDArray[np.int64]) -> Deadline | None:
    if not settings.minutes:
        return None
    judged = 2 * np.count_nonzero(sides == 1) + np.count_nonzero(sides == 2) + assessment.KNOWN_SAMPLE
    return Deadline(settings.minutes, time.monotonic() if begun_at is None else begun_at, int(judged))


def _preparing(emit: Emit | None) -> Callable[[int, int], None] | None:
    return None if emit is None else lambda done, of: emit(Preparing(done=done, of=of))
