"""What an event is, and the events that only move a progress bar: they are not written to the log of a run.

A training sends events to receivers, see `training.receivers`; the log of a run is one of them.
"""

import time
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from eyebright.system.progress import Stage


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="event"):
    """Something that happened; `time_s`, in seconds since 1970, is only for people."""

    time_s: float = msgspec.field(default_factory=lambda: round(time.time(), 3))


Emit: TypeAlias = Callable[[Event], None]
"""A receiver of events."""


class Transient(Event, frozen=True):
    """Something that is only displayed and not written to the log."""


class Progress(Transient, frozen=True):
    """So many units of a stage are done, of so many in all (None if that is not known).

    `note` is a text to show beside the bar.
    """

    stage: Stage
    done: int
    of: int | None
    note: str = ""


class StepDone(Transient, frozen=True):
    """A step was made; `pictures` images of the epoch are done, loss and accuracy are means over them.

    A detector has no accuracy: whether an image is correct cannot be said.
    """

    epoch: int
    epochs: int
    pictures: int
    of: int
    loss: float
    accuracy: float | None
