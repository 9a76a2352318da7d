"""report(): the page of the finished run of a detector, made again from its model and its images."""

from collections.abc import Callable, Iterable
from pathlib import Path

from eyebright.runs.folder import Run
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.evaluate import evaluate_detector
from eyebright.tasks.detection.report.collect import write_report
from eyebright.tasks.detection.runs.resume import reopen
from eyebright.training.events.event import Event
from eyebright.training.receivers import reporting, to_all


def report(path: str | Path, *, callbacks: Iterable[Callable[[Event], None]] = ()) -> Path:
    """Write the report of a finished run again; it replaces the one that is there.

    Args:
        path: The run's folder.
        callbacks: Receive the progress.

    Returns:
        The path of the page.

    Raises:
        SettingsError: When there is no run with a detector.
        DataError: When the images or their boxes are no longer those that the run was trained on.
        ModelError: When the detector is damaged.
        OutputError: When the page cannot be written.
    """
    run, emit = Run(path), to_all(callbacks)
    request, _ = run.read()
    run.require_model()
    events, detector = run.read_events(), Detector.load(run.path)
    prepared = reopen(run, request, events, emit)
    return write_report(
        run, events, detector, prepared, evaluate_detector(detector, prepared, "test", report=reporting(emit))
    )
