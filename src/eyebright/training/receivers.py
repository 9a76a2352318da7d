"""Who receives the events of a run: functions of the user, several receivers as one, and the log on the disk."""

import re
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TypeVar

import msgspec

from eyebright.system import records
from eyebright.system.errors import OutputError, SettingsError
from eyebright.system.progress import Report
from eyebright.system.text import kind_of
from eyebright.training.events import fitting, results, starting
from eyebright.training.events.event import Emit, Event, Progress, Transient

Kind = TypeVar("Kind", bound=Event)
LOGGED = reduce(or_, (
    kind for module in (starting, fitting, results) for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
))  # fmt: skip
"""Every event that a log may contain."""
_RENAMED = {b"Judged": b"VerdictReached", b"StartJudged": b"StartValidated", b"MirroringJudged": b"MirroringChecked"}
_RENAMED_TAG = re.compile(rb'(?m)(?<=^{"event":")(?:%s)(?=")' % b"|".join(_RENAMED))


def reporting(emit: Emit) -> Report:
    """A function that sends reports of progress as events."""
    return lambda stage, done, of: emit(Progress(stage=stage, done=done, of=of))


def to_all(callbacks: Iterable[Emit]) -> Emit:
    """One receiver that passes events on to several.

    Raises:
        SettingsError: When one of them cannot be called, as the callbacks of Keras.
    """
    receivers = list(callbacks)
    for receiver in receivers:
        if not callable(receiver):
            raise SettingsError(
                f"a callback must be a function that takes an event, got {kind_of(receiver)}: the best epoch "
                "is kept in any case, patience=10 stops early, and schedule='cosine' lowers the learning rate"
            )

    def emit(event: Event) -> None:
        for receiver in receivers:
            receiver(event)

    return emit


class EventLog:
    """A receiver that appends events to a file, one per line.

    Args:
        path: The file; it need not exist.

    Raises:
        OutputError: When called, and the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._separator = (
            b"\n" if path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n") else b""
        )  # a crash may have cut off the last line

    def __call__(self, event: Event) -> None:
        if isinstance(event, Transient):
            return
        try:
            with self.path.open("ab") as file:
                file.write(self._separator + records.to_json(event, indent=None).encode() + b"\n")
                self._separator = b""
        except OSError as problem:
            raise OutputError(f"{self.path} cannot be written: {problem.strerror}") from problem


def read_events(path: Path) -> list[Event]:
    """The events in a log, also of older versions; a line that a crash cut off is skipped."""
    decoder = msgspec.json.Decoder(LOGGED)
    events: list[Event] = []
    content = path.read_bytes() if path.exists() else b""
    for line in _RENAMED_TAG.sub(lambda found: _RENAMED[found[0]], content).splitlines():
        try:
            events.append(decoder.decode(line))
        except msgspec.DecodeError:
            continue
    return events


def last_event(events: Sequence[Event], kind: type[Kind]) -> Kind | None:
    """The last event of a kind; None if there is none."""
    return next((event for event in reversed(events) if isinstance(event, kind)), None)
