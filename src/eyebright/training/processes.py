"""Which of several processes that train together this one is; a launcher such as `torchrun` says so in the environment.

The first does the whole work of the command. The others follow it, see `training/following.py`: they read their share
of each batch, and write nothing. Needs no torch.

Ctrl-C where several processes train together: it reaches all of them, and `torchrun` sends it to each once more.

Until they have joined, it ends each at once: nothing is lost, and none waits for one that is gone. Then the first
process decides what comes of it, and the others ignore it. The first is interrupted once, so that what the launcher
sends does not stop it from keeping its best weights; and never in the middle of what all do together, where the
others would be left waiting. Needs no torch.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from eyebright.system import machine

_STARTED_AT = 19  # which field of /proc/PID/stat, after the name, tells when a process started


class Place(NamedTuple):
    """One of several processes: which (from 0), of how many, and how many of them are on this machine."""

    rank: int
    of: int
    here: int


_ALONE = Place(0, 1, 1)
_place = _ALONE


def started() -> Place:
    """The place that the launcher gave this process, whether it has taken it or not."""
    of = int(os.environ.get("WORLD_SIZE", "1"))
    return Place(int(os.environ.get("RANK", "0")), of, int(os.environ.get("LOCAL_WORLD_SIZE", of)))


def place() -> Place:
    """The place of this process among those that train together: alone, unless it has taken another."""
    return _place


@contextmanager
def taking(taken: Place = _ALONE) -> Iterator[None]:
    """Take a place; afterwards it is as before."""
    global _place  # noqa: PLW0603  # a process has one place
    before, _place = _place, taken
    try:
        yield
    finally:
        _place = before


def is_first() -> bool:
    """Whether this process does the work of the command: all but the sharing of batches is its own."""
    return started().rank == 0


def threads() -> int:
    """How many threads may compute here: the machine's cores, shared with the other processes on it."""
    return max(machine.cores() // _place.here, 1)


def group() -> str:
    """What tells the processes that one launcher has started, also when it starts them again, from all others."""
    name = os.environ.get("TORCHELASTIC_RUN_ID", "none")
    return name if name != "none" else f"process {os.getppid()}, started at {_started_at(os.getppid())}"


def restarts() -> int:
    """How often the launcher has started these processes again, since one of them had died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def _started_at(process: int) -> str:
    """In ticks since the machine started; a number alone may be given to another process later."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[_STARTED_AT]
    except OSError:
        return "an unknown time"


class _First:
    """What becomes of Ctrl-C in the first process."""

    held, came, raised = 0, False, False

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        self.came = True
        self.let()

    def let(self) -> None:
        """Interrupt, if that was asked for and not done yet."""
        if self.came and not self.raised and not self.held:
            self.raised = True
            raise KeyboardInterrupt


_first = _First()


def ends_at_once() -> None:
    """Before the processes have joined."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupts_once() -> None:
    """In the first process."""
    signal.signal(signal.SIGINT, _first)


def is_ignored() -> None:
    """In the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def held() -> Iterator[None]:
    """Finish what is done in the block before an interruption."""
    _first.held += 1
    try:
        yield
    finally:
        _first.held -= 1
    _first.let()
