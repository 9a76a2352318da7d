"""A session of training in the folder of a run: it is locked, and everything that happens goes to its log."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from eyebright.network import BatchNorm, Network
from eyebright.report import sinks
from eyebright.runs.folder import Run
from eyebright.runs.request import Request
from eyebright.system import files
from eyebright.system.errors import OutputError
from eyebright.training import processes
from eyebright.training.events.event import Emit, Event
from eyebright.training.events.fitting import SharedOut
from eyebright.training.receivers import EventLog, to_all
from eyebright.training.settings import Settings


@contextmanager
def session(
    run: Run, request: Request, network: Network, emit: Emit, earlier: Sequence[Event] | None = None
) -> Iterator[Emit]:
    """Train in the folder of a run during the block; a run that it replaced is removed at the end.

    Args:
        run: The run, whose folder exists.
        request: Its resolved request.
        network: What is trained.
        emit: Receives every event.
        earlier: The events of a training that was interrupted.

    Yields:
        What receives the events of the run: its log, the sinks, and `emit`.

    Raises:
        OutputError: When the disk is full, for example; what was trained before is kept.
        SettingsError: When another process trains in the run's folder.
    """
    try:
        with run.locked(), sinks.opened(request.log, run.path, earlier or ()) as receivers:
            to_run = to_all([emit, EventLog(run.events), *receivers])
            if processes.place().size > 1:
                to_run(shared_out(request.training, network))
            yield to_run
    except OutputError as problem:
        raise OutputError(
            f"{problem}. What was trained before is kept; continue with: eyebright train --resume {run.path}"
        ) from problem
    files.forget_aside(run.path)


def shared_out(training: Settings, network: Network) -> SharedOut:
    """The event that several processes train a network."""
    norms = training.norm_statistics == "batch" and any(
        isinstance(place.layer, BatchNorm) for place in network.places.values()
    )
    return SharedOut(
        processes=processes.place().size, batch_size=training.batch_size, norms=norms, group=processes.launch_id()
    )


def started_by_this_group(path: str | Path) -> bool:
    """Whether the launcher of these processes started this run before, and starts them again since one had died."""
    if not processes.restarts():
        return False
    shared = [event for event in Run(path).read_events() if isinstance(event, SharedOut)]
    return bool(shared) and shared[-1].group == processes.launch_id()
