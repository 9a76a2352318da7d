"""promise(): what a saved model answers from now on, by its held-back images or by others."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from eyebright.model.classifier import Classifier
from eyebright.model.folder import read_model
from eyebright.model.learned import save_promise
from eyebright.model.promise import require_held_back
from eyebright.runs.checks import require_corrections
from eyebright.runs.folder import Run
from eyebright.runs.new_images import open_alike
from eyebright.runs.request import Request
from eyebright.system import files
from eyebright.system.errors import OutputError
from eyebright.training.events.event import Event
from eyebright.training.events.results import PromiseMade
from eyebright.training.receivers import EventLog, to_all
from eyebright.trust.promise import Promise, Promised


class PromiseResult(NamedTuple):
    """A promise that was written into a model.

    Args:
        path: The folder of the model.
        promised: The promise.
        classes: The classes of the model.
    """

    path: Path
    promised: Promised
    classes: tuple[str, ...]


def promise(
    model: str | Path,
    promise: str,
    pictures: str | Path | None = None,
    *,
    callbacks: Iterable[Callable[[Event], None]] = (),
) -> PromiseResult:
    """Let a model, or the model of a run, answer so that a promise is kept; its folder is written again as a whole.

    Args:
        model: A model's folder, or a run.
        promise: Such as "accuracy=0.99".
        pictures: Images that the promise is to rest on: whatever `Dataset.open` takes; those that the model was trained
            on or selected by are left out. Unless given, the images that were held back before.
        callbacks: Receive every event as it happens.

    Raises:
        ModelError: When there is no valid model.
        SettingsError: When the promise is not one.
        DataError: When no images were held back, they are too few, or too many of them are predicted wrongly.
        OutputError: When the model cannot be written.
    """
    Promise.of(promise)  # before anything is read
    for place in (Path(model), Path(model) / "model"):  # as a kill may have left it, just before it was replaced
        files.bring_back(place)
    emit, stored = to_all(callbacks), read_model(Path(model))
    run, classifier = Run(stored.path.parent), Classifier.load(stored.path)
    dataset = None
    if pictures is None:
        require_held_back(promise, classifier.learned.reference.held_back, model)
    else:
        dataset = open_alike(Request(pictures=str(pictures)), run, emit)
        require_corrections(dataset, emit)
    found = classifier.promise(promise, dataset, verbose=False, callbacks=[emit])
    with ExitStack() as stack:
        if run.config.exists():
            stack.enter_context(run.locked())
        save_promise(classifier, stored)
    made = PromiseResult(stored.path, found, classifier.classes)
    if run.events.exists():
        with suppress(OutputError):
            EventLog(run.events)(PromiseMade(promised=found, text=found.text))
    return made
