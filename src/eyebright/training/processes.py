"""The processes that train one network together, as a launcher such as `torchrun` starts them. Needs no torch.

Rank 0 runs the command: it prepares the images, evaluates, prints and writes. The other ranks wait, and make the same
training steps on their shares of each batch; `training/torch/distributed.py` has what they send each other.

Ctrl-C reaches every process, and `torchrun` sends it to each of them once more, as it does with SIGTERM. Before the
processes have joined, it ends each of them at once. Afterwards only rank 0 reacts, and only once: what the launcher
sends must not stop it from saving its best weights. While all ranks train, rank 0 only notes it, and informs the others
at the end of the step.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from eyebright.system import interrupts, machine

_START_TIME = 19  # the field of /proc/PID/stat, counted after the process's name


class ProcessPlace(NamedTuple):
    """A process's place among those that train together.

    Args:
        rank: Its number, from 0.
        size: How many processes there are.
        local_size: How many of them run on this machine.
    """

    rank: int = 0
    size: int = 1
    local_size: int = 1


_place = ProcessPlace()


def launched() -> ProcessPlace:
    """The place that the launcher gave to this process, whether it has joined the others or not."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    return ProcessPlace(int(os.environ.get("RANK", "0")), size, int(os.environ.get("LOCAL_WORLD_SIZE", size)))


def place() -> ProcessPlace:
    """The place of this process: alone, unless it has joined others.

    A script that is started by a launcher but does not call `training.torch.fit.run_together` trains alone.
    """
    return _place


@contextmanager
def joined(taken: ProcessPlace) -> Iterator[None]:
    """Be one of several processes inside the block."""
    global _place  # noqa: PLW0603  # a process has one place
    before, _place = _place, taken
    try:
        yield
    finally:
        _place = before


def threads() -> int:
    """Threads that this process may use: the machine's cores, divided among the processes on it."""
    return max(machine.cores() // _place.local_size, 1)


def launch_id() -> str:
    """Identifies all processes that one launcher starts, also when it starts them again after a failure."""
    given = os.environ.get("TORCHELASTIC_RUN_ID", "none")
    return given if given != "none" else f"process {os.getppid()}, started at {_start_time(os.getppid())}"


def restarts() -> int:
    """How often the launcher has started these processes again because one of them died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def _start_time(process: int) -> str:
    """In ticks since the machine started; process numbers alone are used again."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[_START_TIME]
    except OSError:
        return "an unknown time"


def interrupt_only_rank_0() -> None:
    """What the signals do once the processes have joined: rank 0 is interrupted once, the other ranks ignore them."""
    if _place.rank:
        interrupts.ignore()
    else:
        interrupts.handle(once=True)
