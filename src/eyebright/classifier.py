"""Classifier: a network, the names of its classes, and the verbs that people know.

    pictures = eb.Dataset.from_folder("flower_photos", seed=123)
    model = eb.Classifier(eb.zoo.flowers_cnn(), classes=pictures.classes)
    model.fit(pictures, epochs=15)
    model.evaluate(pictures.test)
    model.predict("red_sunflower.jpg")
    model.save("flowers")

Only `fit` needs torch. What `evaluate` and `predict` ask is the ONNX graph that `save` writes, not the torch module.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright import assessment, auditing, preparing
from eyebright.datasets import SIDES, Dataset, Part
from eyebright.deployable import Deployable
from eyebright.errors import DataError
from eyebright.evaluation import Evaluation, evaluate, log_softmax, softmax
from eyebright.inference import BATCH_SIZE
from eyebright.preparing import Prepared
from eyebright.training import trainer
from eyebright.training.budget import Deadline
from eyebright.training.events import AnyEvent, Calibrated, Emit, Judged, PrecisionChosen
from eyebright.training.history import History, Recorder
from eyebright.training.settings import Settings


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
        alike = auditing.alike(pictures, pack)  # before the training, so that a budget of time has it behind it
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
        self._assess(training, pictures, material, alike, emit)
        return self.history

    def prepare(self, pictures: Dataset, emit: Emit | None = None) -> Prepared:
        """The pictures as `fit` learns from them, for a training of your own.

        Raises:
            DataError: When the pictures cannot be learned from.
        """
        return preparing.prepare(pictures, self.preparation, self.classes, emit)

    def _assess(
        self, training: Any, pictures: Dataset, material: Any, alike: NDArray[np.bool_], emit: Recorder
    ) -> None:
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
            alike=alike,
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
        dataset, side = pictures if isinstance(pictures, Part) else (pictures, None)
        labels = preparing.labels_among(dataset, self.classes)
        pack = preparing.packed(dataset, self.preparation, emit)
        usable = pack.rows >= 0
        if side:
            auditing.keep_together(dataset, pack, emit)
            usable &= dataset.split(pack) == SIDES.index(side)
        indices = np.flatnonzero(usable)
        asked_for = side not in (None, "test")  # whoever names the training side wants it judged
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


def _deadline(settings: Settings, begun_at: float | None, sides: NDArray[np.int64]) -> Deadline | None:
    if not settings.minutes:
        return None
    judged = 2 * np.count_nonzero(sides == 1) + np.count_nonzero(sides == 2) + assessment.KNOWN_SAMPLE
    return Deadline(settings.minutes, time.monotonic() if begun_at is None else begun_at, int(judged))
