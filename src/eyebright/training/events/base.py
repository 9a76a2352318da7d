"""What is common to all events."""

import time

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="event"):
    """Something that happened. `time_s` is seconds since 1970, for people; nothing is computed from it."""

    time_s: float = msgspec.field(default_factory=lambda: round(time.time(), 3))


class Transient(Event, frozen=True):
    """Something for displays only; it is not written down."""
