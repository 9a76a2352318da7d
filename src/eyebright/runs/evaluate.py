"""evaluate(): how good a model is on a folder of images; a run's log records it."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from eyebright.data.sources.ranged import without_token
from eyebright.model.classifier import Classifier
from eyebright.model.folder import find_model
from eyebright.model.promise import require_held_back
from eyebright.runs.checks import require_corrections
from eyebright.runs.folder import Run
from eyebright.runs.new_images import open_alike
from eyebright.runs.request import Request
from eyebright.system.errors import OutputError
from eyebright.system.text import printable
from eyebright.training.events.event import Event
from eyebright.training.events.results import Evaluated
from eyebright.training.receivers import EventLog, to_all
from eyebright.trust.metrics import Evaluation


def evaluate(
    model: str | Path,
    pictures: str | Path,
    *,
    corrections: str | Path = "",
    promise: str = "",
    tta: bool = False,
    robustness: bool = False,
    callbacks: Iterable[Callable[[Event], None]] = (),
) -> Evaluation:
    """Evaluate a model, or the model of a run, on a folder of images; a run's log records it.

    Args:
        model: A model's folder, or a run.
        pictures: Whatever `Dataset.open` takes.
        corrections: A corrections file: its decisions about these images are applied.
        promise: As for `Classifier.evaluate`.
        tta: Use the mean over each image and its mirror image (test-time augmentation).
        robustness: Whether to measure the accuracy on up to 500 of the images with mild corruptions too.
        callbacks: Receive every event as it happens.

    Raises:
        ModelError: When there is no valid model.
        DataError: When the images have a class that the model does not know, or none that is new to it, or the
            corrections belong to others.
    """
    emit = to_all(callbacks)
    classifier = Classifier.load(model)
    if promise:
        require_held_back(promise, classifier.learned.reference.held_back, model)
    run = Run(find_model(Path(model)).parent)
    dataset = open_alike(Request(pictures=str(pictures), corrections=str(corrections)), run, emit)
    require_corrections(dataset, emit)
    evaluation = classifier.evaluate(
        dataset, promise=promise, tta=tta, robustness=robustness, verbose=False, callbacks=[emit]
    )
    if run.events.exists():
        with suppress(OutputError):  # a run that may only be read can be evaluated too
            EventLog(run.events)(Evaluated.of(printable(without_token(str(pictures))), evaluation))
    return evaluation
