"""The file of a run's events, one a line; only ever appended to."""

from pathlib import Path

import msgspec

from eyebright import codec
from eyebright.errors import OutputError
from eyebright.training.events.base import Transient
from eyebright.training.events.receiving import AnyEvent


class EventLog:
    """Appends events to a file; call it like any other receiver of events."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._separator = (
            b"\n" if path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n") else b""
        )  # after a crash

    def __call__(self, event: AnyEvent) -> None:
        if isinstance(event, Transient):
            return
        try:
            with self.path.open("ab") as file:
                file.write(self._separator + codec.to_json(event, indent=None).encode() + b"\n")
                self._separator = b""
        except OSError as problem:
            raise OutputError(f"{self.path} cannot be written: {problem.strerror}") from problem


def read_events(path: Path) -> list[AnyEvent]:
    """The events of a run; lines that a crash cut off are passed over."""
    decoder = msgspec.json.Decoder(AnyEvent)
    events: list[AnyEvent] = []
    if path.exists():
        for line in path.read_bytes().splitlines():
            try:
                events.append(decoder.decode(line))
            except msgspec.DecodeError:
                continue
    return events
