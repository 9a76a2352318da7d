"""Classifier: a network, the names of its classes, and the methods that people know.

    pictures = eb.Dataset.from_folder("flower_photos", seed=123)
    model = eb.Classifier(eb.zoo.flowers_cnn(), classes=pictures.classes)
    model.fit(pictures, epochs=15)
    model.evaluate(pictures.test)
    model.predict("red_sunflower.jpg")
    model.save("flowers")

Only `fit` needs torch. `evaluate` and `predict` run the ONNX graph that `save` writes, not the torch module.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.dataset import Dataset, Part
from eyebright.data.pictures import Fit, ImageInput, Preparation
from eyebright.data.pictures.arrays import as_images, is_array
from eyebright.data.pictures.corruptions import SEVERITIES
from eyebright.data.pictures.formats import ImageFile
from eyebright.data.prepare import Prepared, prepare
from eyebright.model.assess import Assessment
from eyebright.model.card import Calibration, ModelCard, Seen, classes_row, images_row, network_row
from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.evaluate import Tested, evaluate_new, prepared_for
from eyebright.model.explain.images import explain_image
from eyebright.model.fitting import fit_prepared, run_started
from eyebright.model.folder import read_model
from eyebright.model.inputs import evaluation_set, is_batch, require_classifier, training_set
from eyebright.model.learned import Learned, save_model, settings_of
from eyebright.model.predictor import Predictor
from eyebright.model.promise import new_answers, prove_promise
from eyebright.model.robustness import MOST, affordable, with_robustness
from eyebright.model.weights import Weighted
from eyebright.network import Network, initial_weights
from eyebright.report.explanations import Explanation
from eyebright.report.history import History
from eyebright.report.progress import shown
from eyebright.system import files
from eyebright.system.errors import ModelError, PictureError
from eyebright.system.table import Table
from eyebright.system.text import counted
from eyebright.training import trainer
from eyebright.training.events.event import Emit, Event
from eyebright.training.events.results import Evaluated
from eyebright.training.receivers import reporting, to_all
from eyebright.training.settings import Settings
from eyebright.trust.metrics import Evaluation
from eyebright.trust.prediction import Prediction
from eyebright.trust.promise import Promise, Promised
from eyebright.trust.verdict import Verdict

if TYPE_CHECKING:
    from eyebright.model.export.proof import Proof


class Classifier(Weighted):
    """Classifies images.

    Args:
        network: Takes images `(3, height, width)`, or grey ones `(1, height, width)`; gives one logit for each class.
        classes: Names of the classes.
        weights: Initial weights, by `layer.tensor`; random ones, decided by the seed, unless given.
        resize: How images of other proportions are resized: "crop", "pad" or "stretch".
        seed: Decides the initial weights and, unless it is given another, the order and augmentation in `fit`.

    Raises:
        NetworkError: When the network does not take images or does not give one value for each class, or the weights
            are not those of the network.
    """

    _learned: Learned
    _on_gpu: Predictor | None
    _trained = (
        "write model.fit(pictures, epochs=15, optimizer='adamw', learning_rate=2e-3), or for SGD with momentum "
        "optimizer='sgd', learning_rate=0.05, weight_decay=5e-4. The loss is the cross entropy of the logits; the "
        "accuracy is always measured"
    )

    def __init__(
        self,
        network: Network,
        classes: Sequence[str],
        *,
        weights: Mapping[str, NDArray[np.float32]] | None = None,
        resize: Fit = "crop",
        seed: int = 0,
    ) -> None:
        require_classifier(network, classes)
        self.network = network
        self.classes = tuple(classes)
        self.preparation = Preparation.of_input(network.input_shape, resize)
        self.seen = Seen()
        self.settings = Settings(seed=seed)
        self.set_weights(initial_weights(network, seed) if weights is None else weights)

    def as_table(self) -> Table:
        """What it classifies, how it was trained, and how good it is."""
        history = self.history
        epochs = f"{counted(len(history.loss), 'epoch')}, the best is epoch {history.best_epoch}"
        rows = [
            classes_row(self.classes),
            network_row(self.network),
            images_row(self.preparation),
            ("trained", epochs if history.loss else "yes" if self.metrics else "no"),
            *((f"{side} accuracy", found.headline) for side, found in self.metrics.items()),
            *([("promise", self.learned.promise.promise)] if self.learned.promise else []),
        ]
        return Table(f"Classifier of {len(self.classes)} classes", rows=rows, names=2)

    def fit(
        self,
        pictures: Dataset | NDArray[Any] | Sequence[NDArray[Any]],
        labels: NDArray[Any] | Sequence[Any] | None = None,
        epochs: int | None = None,
        *,
        validation_data: tuple[Any, Any] | None = None,
        validation_split: float | None = None,
        settings: Settings | None = None,
        verbose: bool = True,
        callbacks: Iterable[Callable[[Event], None]] = (),
        **changes: Any,
    ) -> History:
        """Train on the training set; pick the best epoch and the temperature on the validation set.

        Args:
            pictures: A data set, whose classes must be those of the classifier, in any order; or images as
                `Dataset.from_arrays` takes them.
            labels: For images in arrays, the class of each, as its name or its position in `classes`.
            epochs: Passes over the training set.
            validation_data: For arrays, the images and labels of the validation set.
            validation_split: For arrays, the share of the images in the validation set, 0.15 unless given.
            settings: How to train; single settings may also be given by name, such as `learning_rate=3e-4`.
            verbose: Whether to show the progress and the result, as `eyebright train` does.
            callbacks: Receive every event as it happens.
            **changes: Settings by name.

        Returns:
            Losses and accuracies by epoch.

        Raises:
            MissingExtraError: When torch is not installed.
            DataError: When the images cannot be trained on.
        """
        changes |= {} if epochs is None else {"epochs": epochs}
        started_at = time.monotonic()
        self.settings = (settings or self.settings).changed(changes)
        trainer()  # a missing torch is found before the work
        dataset = training_set(
            pictures, labels, self.classes, validation_data=validation_data, validation_split=validation_split,
            seed=self.settings.seed,
        )  # fmt: skip
        with shown(callbacks, verbose=verbose) as emit:
            prepared = self.prepare(dataset, emit)
            emit(run_started(self, prepared))
            fit_prepared(self, prepared, emit=emit, started_at=started_at)
            emit(Evaluated.of("validation", self.metrics["validation"]))
        return self.history

    def prepare(self, pictures: Dataset, emit: Emit | None = None) -> Prepared:
        """The images as `fit` trains on them, for a training loop of your own.

        Raises:
            DataError: When the images cannot be trained on.
        """
        return prepare(pictures, self.preparation, classes=self.classes, report=reporting(emit or to_all(())))

    def evaluate(
        self,
        pictures: Dataset | Part | Prepared | NDArray[Any] | Sequence[NDArray[Any]],
        labels: NDArray[Any] | Sequence[Any] | None = None,
        *,
        promise: str = "",
        tta: bool = False,
        robustness: bool = False,
        verbose: bool = True,
        callbacks: Iterable[Callable[[Event], None]] = (),
    ) -> Evaluation:
        """Measure how good the classifier is on images that it was not trained on.

        Args:
            pictures: One set of a data set, such as `pictures.test`, or all of a data set; images that it was trained
                on are left out and counted. Of prepared images the test set is used. Or images as
                `Dataset.from_arrays` takes them.
            labels: For images in arrays, the class of each, as its name or its position in `classes`.
            promise: Check this promise, such as "accuracy=0.95", by the held-back answers of the classifier; unless
                given, what it has promised.
            tta: Use the mean over each image and its mirror image (test-time augmentation).
            robustness: Whether to measure the accuracy on up to 500 of the images with mild corruptions too.
            verbose: Whether to show a bar while it takes time.
            callbacks: Receive the progress.

        Raises:
            DataError: When there is a class that the classifier does not know, or no image that is new to it, or the
                held-back answers do not prove the promise.
        """
        given = evaluation_set(pictures, labels, self.classes)
        only_new = not isinstance(given, Part) or given.side == "test"  # who asks for the others wants them
        with shown(callbacks, verbose=verbose) as emit:
            predictor = self._on_gpu or self.predictor
            if promise:
                held_back = self.learned.reference.held_back
                predictor = predictor.with_promise(prove_promise(promise, held_back, self.classes))
            prepared, indices = prepared_for(given, self.preparation, self.classes, reporting(emit))
            predictor = predictor.with_tta() if tta else predictor
            tested = evaluate_new(
                predictor, prepared, indices, self.seen if only_new else Seen(), report=reporting(emit)
            )
            if robustness:
                tested = with_robustness(predictor, prepared, tested, report=reporting(emit))
            return tested.evaluation

    def promise(
        self,
        promise: str,
        pictures: Dataset | Part | Prepared | NDArray[Any] | Sequence[NDArray[Any]] | None = None,
        labels: NDArray[Any] | Sequence[Any] | None = None,
        *,
        verbose: bool = True,
        callbacks: Iterable[Callable[[Event], None]] = (),
    ) -> Promised:
        """Answer so that a promise is kept from now on; `save` writes it into the model.

        What `metrics` says about answers is forgotten: they were given without this promise.

        Args:
            promise: Such as "accuracy=0.99"; `Promise` lists all.
            pictures: Images that the promise is to rest on, as for `evaluate`; those that the classifier was trained on
                or selected by are left out. Without them it rests on the images that were held back before.
            labels: For images in arrays, the class of each, as its name or its position in `classes`.
            verbose: Whether to show a bar while it takes time.
            callbacks: Receive the progress.

        Raises:
            SettingsError: When the promise is not one.
            DataError: When no images were held back, they are too few, or too many of them are predicted wrongly.
        """
        Promise.of(promise)  # before images are prepared
        held_back, given, seen = self.learned.reference.held_back, None, self.seen
        if pictures is not None:
            images = evaluation_set(pictures, labels, self.classes)
            with shown(callbacks, verbose=verbose) as emit:
                prepared, indices = prepared_for(images, self.preparation, self.classes, reporting(emit))
                held_back, given, seen = new_answers(
                    self._on_gpu or self.predictor, prepared, indices, seen, held_back, reporting(emit)
                )
        found = prove_promise(promise, held_back, self.classes, given)
        on_gpu = self._on_gpu and self._on_gpu.with_promise(found)
        self.learned, self.seen = self.learned.promising(found, held_back), seen
        self._on_gpu = on_gpu
        return found

    def test(self, prepared: Prepared, emit: Emit, *, robustness: bool = False) -> Tested:
        """Evaluate on the test set of prepared images, with what was predicted for each; `metrics` gets the result.

        Args:
            prepared: The images.
            emit: Receives the progress.
            robustness: Whether to measure the accuracy on up to 500 of the images with mild corruptions, at two
                severities; else it is measured at one, on as many as the time of the training affords.
        """
        predictor, report = self._on_gpu or self.predictor, reporting(emit)
        found = evaluate_new(predictor, prepared, prepared.indices("test"), self.seen, report=report)
        most = MOST if robustness else self._affordable(prepared)
        if most:
            severities = SEVERITIES if robustness else SEVERITIES[-1:]
            found = with_robustness(predictor, prepared, found, most=most, severities=severities, report=report)
        metrics = {**self.metrics, "test": found.evaluation}
        self._learned = msgspec.structs.replace(self.learned, metrics=metrics)
        return found

    def _affordable(self, prepared: Prepared) -> int:
        """How many images may be corrupted at the end of the training; none within a budget of time."""
        return 0 if self.settings.minutes else affordable(len(prepared.labels), sum(self.history.pictures))

    def score(self, pictures: Dataset | Part | NDArray[Any] | Sequence[NDArray[Any]], labels: Any = None) -> float:
        """The accuracy alone, as in scikit-learn; the rest is as in `evaluate`."""
        return self.evaluate(pictures, labels, verbose=False).accuracy

    @overload
    def predict(self, pictures: ImageFile) -> Prediction: ...
    @overload
    def predict(self, pictures: list[Any]) -> list[Prediction]: ...
    @overload
    def predict(self, pictures: NDArray[Any]) -> Any: ...
    def predict(self, pictures: ImageInput | list[Any]) -> Prediction | list[Prediction] | NDArray[np.float32]:
        """The most probable class of an image, and its calibrated probability.

        Args:
            pictures: A path, the bytes of a file, an open file, an image of Pillow, pixels `(H, W)` or
                `(H, W, channels)`; or a list of these. Or a batch of pixels, `(N, H, W)` or `(N, H, W, channels)`.

        Returns:
            A prediction; of a list, a list of them. Of a batch, the probabilities `(N, classes)` as in Keras.

        Raises:
            PictureError: When an image cannot be opened.
        """
        if isinstance(pictures, list):
            return [self.predictor.predict(picture) for picture in pictures]
        if is_batch(pictures, self.preparation.channels):
            return self.predictor.predict_batch(as_images(pictures, PictureError))
        return self.predictor.predict(pictures)

    def predict_proba(self, pictures: NDArray[Any] | Sequence[ImageInput]) -> NDArray[np.float32]:
        """The calibrated probabilities of many images, `(N, classes)`, in the order of `classes_`.

        Args:
            pictures: A list of images or a batch of pixels, as in `predict`.
        """
        batch = as_images(pictures, PictureError) if is_array(pictures) else pictures
        return self.predictor.predict_batch(batch)

    @overload
    def explain(self, pictures: ImageInput, label: str | None = None) -> Explanation: ...
    @overload
    def explain(self, pictures: list[Any], label: str | None = None) -> list[Explanation]: ...
    def explain(self, pictures: ImageInput | list[Any], label: str | None = None) -> Explanation | list[Explanation]:
        """Which parts of an image matter for a class; a notebook shows them over the image.

        Args:
            pictures: An image as `predict` takes it, or a list of images.
            label: The class to explain; for each image its most probable one unless given.

        Returns:
            An explanation with the map `importance` `(height, width)`; of a list, a list of them.

        Raises:
            ModelError: When there is no class of this name.
            PictureError: When an image cannot be opened.
        """
        if isinstance(pictures, list):
            return [explain_image(self.predictor, picture, label) for picture in pictures]
        return explain_image(self.predictor, pictures, label)

    @property
    def classes_(self) -> NDArray[np.str_]:
        """The names of the classes as an array, as in scikit-learn."""
        return np.array(self.classes)

    @cached_property
    def predictor(self) -> Predictor:
        """What predicts: the classifier's ONNX graph, compiled."""
        engine = Engine.of_bytes(self.to_onnx())
        return Predictor(engine, self.classes, self.preparation, promise=self.learned.promise)

    def to_onnx(self) -> bytes:
        """The ONNX graph, from uint8 `(N, height, width, channels)` to probabilities and answers.

        Its outputs are calibrated "probabilities" `(N, classes)`, after a training "unfamiliarity" `(N,)`, and "answer"
        `(N,)`; docs/model-format.md describes them.
        """
        return self._graph

    @cached_property
    def _graph(self) -> bytes:
        return onnx_graph(self.network, self._weights, answering=self.learned.answering)

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Replace every tensor; what was found out about the weights before (temperature, metrics) is forgotten.

        Raises:
            NetworkError: When a tensor is missing, unexpected, of another shape or not numeric; then nothing changes.
        """
        super().set_weights(weights)
        self.learned = Learned()

    @property
    def learned(self) -> Learned:
        """What was found out about the weights; assign another value to answer by it."""
        return self._learned

    @learned.setter
    def learned(self, learned: Learned) -> None:
        self._learned, self._on_gpu = learned, None
        self._forget_graph()

    def adopt(self, assessed: Assessment) -> None:
        """Answer by what was measured on the weights."""
        self.learned, self._on_gpu = assessed.learned, assessed.on_gpu
        self.__dict__ |= {"_graph": assessed.graph, "predictor": assessed.predictor}

    @property
    def metrics(self) -> Mapping[str, Evaluation]:
        """The evaluations: "validation" and, if there was one, "test"."""
        return self.learned.metrics

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the figures of the training show, most important first."""
        return self.learned.verdicts

    @property
    def history(self) -> History:
        """Losses and accuracies of each epoch."""
        return self.learned.history

    @property
    def calibration(self) -> Calibration:
        """The temperature of the softmax and its effect."""
        return self.learned.calibration

    def save(self, path: str | Path, *, overwrite: bool = False) -> ModelCard:
        """Write the model folder; docs/model-format.md describes it.

        Raises:
            OutputError: When the folder exists (and `overwrite` is not set), or cannot be written.
        """
        return save_model(self, Path(path), overwrite=overwrite)

    def export(
        self,
        to: str,
        folder: str | Path,
        pictures: Dataset | Part | Prepared | NDArray[Any] | Sequence[NDArray[Any]] | None = None,
        labels: NDArray[Any] | Sequence[Any] | None = None,
        *,
        precision: str = "",
        tolerance: float = 0.01,
        overwrite: bool = False,
        verbose: bool = True,
        callbacks: Iterable[Callable[[Event], None]] = (),
    ) -> "Proof":
        """Write the model in a format of another program, and prove that it answers as here; see docs/exporting.md.

        Args:
            to: The format, such as "onnx"; docs/exporting.md lists all.
            folder: The folder to write.
            pictures: Images to prove it on, as for `evaluate`; of prepared images the validation set. Synthetic ones
                unless given.
            labels: For images in arrays, the class of each, as its name or its position in `classes`.
            precision: "float32", "float16", "bfloat16" or "int8", as far as the format has them.
            tolerance: How much accuracy fewer bits than float32 may lose, 0 to 1.
            overwrite: Replace an export that exists.
            verbose: Whether to show a bar while it takes time.
            callbacks: Receive the progress.

        Returns:
            On which images the two were compared, and how far they differ.

        Raises:
            MissingExtraError: When the runtime of the format is not installed.
            ModelError: When the export answers differently.
            OutputError: When the folder exists (and `overwrite` is not set), or cannot be written.
        """
        from eyebright.model.export.classifier import export_classifier

        given = None if pictures is None else evaluation_set(pictures, labels, self.classes)
        with shown(callbacks, verbose=verbose) as emit:
            return export_classifier(
                self, to, Path(folder), given, precision=precision, tolerance=tolerance, overwrite=overwrite, emit=emit
            )[1]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model folder, or the model of a run.

        Raises:
            ModelError: When it is missing, incomplete, altered, of a newer format, or not valid.
        """
        stored = read_model(files.as_path(path, "the folder of a model or of a run", ModelError))
        card = stored.card
        loaded = cls(stored.network, card.classes, weights=stored.weights(), resize=card.preparation.fit)
        loaded.settings, loaded.seen = settings_of(stored), card.seen
        loaded.learned = Learned.of_model(stored)
        loaded.__dict__["predictor"] = Predictor.of_model(stored)
        return loaded

    def _forget_graph(self) -> None:
        self.__dict__.pop("predictor", None)
        self.__dict__.pop("_graph", None)
