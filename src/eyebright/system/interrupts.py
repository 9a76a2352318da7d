"""Ctrl-C, SIGTERM and SIGHUP stop a command in the same way: it keeps what is done, and says how to continue.

SIGTERM comes from `kill`, `docker stop` and Slurm, SIGHUP from a terminal that is closed. The first signal raises
`KeyboardInterrupt`, wherever the work is, and the command ends with 128 plus its number, as shells do: 130, 143 or 129.
A second one stops what is still being kept, a third one ends the process at once. A signal that follows within a second
is the same one: a shell and the kernel both send SIGHUP when a terminal is closed. A signal that was ignored before, as
`nohup` does with SIGHUP, stays ignored.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_SAME_S = 1.0
_STREAMS = 1, 2


class _Interrupt:
    """What has come so far, and the handler of all signals."""

    def __init__(self, *, once: bool = False) -> None:
        self.once = once
        self.number = 0
        self.deferred = self.pending = False
        self._came_at = 0.0
        self._terminals = [stream for stream in _STREAMS if os.isatty(stream)]

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        again, now = bool(self.number), time.monotonic()
        if again and (self.once or now - self._came_at < _SAME_S):
            return
        self._came_at = now
        if again:
            by_default()
        else:
            self.number = number
        if signal.Signals(number).name == "SIGHUP":
            self._leave_terminal()
        self.pending = self.deferred
        if not self.deferred:
            raise KeyboardInterrupt

    def _leave_terminal(self) -> None:
        """Write nowhere from now on: writing to a terminal that is closed is an error."""
        for stream in self._terminals:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


_interrupt = _Interrupt()


@contextmanager
def handled() -> Iterator[None]:
    """In the block the signals stop the work as described above; afterwards they do what they did before."""
    global _interrupt  # noqa: PLW0603  # a process has one set of handlers
    if threading.current_thread() is not threading.main_thread():  # only that one can set handlers
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        handle()
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _interrupt = _Interrupt()


def handle(*, once: bool = False) -> None:
    """From now on the signals stop the work, except those that are ignored; with `once` only the first one does."""
    global _interrupt  # noqa: PLW0603
    _interrupt = _Interrupt(once=once)
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def ignore() -> None:
    """From now on the signals are ignored."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def by_default() -> None:
    """From now on the signals end the process at once, except those that are ignored."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def deferred() -> Iterator[None]:
    """In the block a signal does not raise; `pending` reports it. If nobody asks in time, it raises at the end."""
    _interrupt.deferred = True
    try:
        yield
    finally:
        _interrupt.deferred = False
    if pending():
        raise KeyboardInterrupt


def pending() -> bool:
    """Whether a signal came in a block that defers it; says so once."""
    came, _interrupt.pending = _interrupt.pending, False
    return came


def exit_code() -> int:
    """The exit code of a command that was interrupted: 128 plus the number of the first signal."""
    return 128 + (_interrupt.number or signal.SIGINT)
