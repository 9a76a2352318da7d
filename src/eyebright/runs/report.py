"""report(): the page of a finished run, made again from its model and its images."""

from collections.abc import Callable, Iterable
from pathlib import Path

from eyebright.data.dataset import Dataset
from eyebright.model.classifier import Classifier
from eyebright.runs.collect import write_report
from eyebright.runs.folder import Run
from eyebright.runs.gallery import WORST
from eyebright.runs.resume import reopen_prepared
from eyebright.training.events.event import Event
from eyebright.training.receivers import to_all


def report(
    path: str | Path,
    *,
    pictures: Dataset | None = None,
    robustness: bool = False,
    callbacks: Iterable[Callable[[Event], None]] = (),
) -> Path:
    """Write the report of a finished run again; it replaces the one that is there.

    The model is evaluated on the same test images as before, and gives the same result. All of the worst mistakes get a
    map of what speaks for the predicted class; in the report of a training, only the first ones have the time for it.

    Args:
        path: The run's folder.
        pictures: The images of the run, where it was trained on images in memory.
        robustness: Whether to measure the accuracy on up to 500 of the test images with mild corruptions too.
        callbacks: Receive the progress.

    Returns:
        The path of the page.

    Raises:
        SettingsError: When there is no run with a model.
        DataError: When the images are no longer those that the run was trained on.
        ModelError: When the model is damaged.
        OutputError: When the page cannot be written.
    """
    run, emit = Run(path), to_all(callbacks)
    request, _ = run.read()
    run.require_model()
    classifier = Classifier.load(run.path)
    prepared = reopen_prepared(run, request, classifier, emit, pictures)
    tested = classifier.test(prepared, emit, robustness=robustness)
    return write_report(run, run.read_events(), classifier, prepared, tested, mapped=WORST)
