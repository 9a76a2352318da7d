"""resume_detector(): continue the training of a detector that was stopped, to the same weights.

The images and their boxes must still be those that the run started with.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from eyebright.runs.folder import Run
from eyebright.runs.request import Request
from eyebright.runs.resume import can_continue
from eyebright.system.errors import DataError, SettingsError
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.runs.opening import digest_of, open_boxes, prepared_boxes
from eyebright.tasks.detection.runs.recipe import SIZE
from eyebright.tasks.detection.runs.train import DetectionResult, finish
from eyebright.training.events.event import Emit, Event
from eyebright.training.events.starting import RunStarted
from eyebright.training.receivers import to_all


def resume_detector(
    path: str | Path,
    *,
    callbacks: Iterable[Callable[[Event], None]] = (),
) -> DetectionResult:
    """Continue a run that was stopped, to the same weights as if it had not been stopped.

    Args:
        path: The run's folder.
        callbacks: Receive every event as it happens.

    Raises:
        SettingsError: When there is no such run, or it is complete.
        DataError: When the images or their boxes are no longer those that the run started with.
    """
    started_at, run, emit = time.monotonic(), Run(path), to_all(callbacks)
    request, network = run.read()
    if run.is_complete:
        raise SettingsError(f"{path} is complete: its detector is in {run.model}. To train longer, start a new run")
    events = run.read_events()
    continues = can_continue(run, events)
    prepared = reopen(run, request, events, emit)
    earlier = events if continues else None
    return finish(run, request, network, prepared, emit, started_at=started_at, earlier=earlier)


def reopen(run: Run, request: Request, events: Sequence[Event], emit: Emit) -> PreparedBoxes:
    """The images of a run in its split.

    Raises:
        DataError: When the images or their boxes are no longer those that the run started with.
    """
    started = next((event for event in events if isinstance(event, RunStarted)), None)
    if started is not None:
        request = request.changed(split=str(run.split))
    prepared = prepared_boxes(open_boxes(request, emit), request, request.size or SIZE, emit)
    if started is not None and started.data_sha256 != digest_of(prepared):
        raise DataError(
            f"the images, their labels or their boxes in {request.pictures} are no longer those that {run.path} "
            "started with: put them back, or start a new run"
        )
    return prepared
