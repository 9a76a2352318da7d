"""Ctrl-C where several processes train together: it reaches all of them, and `torchrun` sends it to each once more.

Until they have joined, it ends each at once: nothing is lost, and none waits for one that is gone. Then the first
process decides what comes of it, and the others ignore it. The first is interrupted once, so that what the launcher
sends does not stop it from keeping its best weights; and never in the middle of what all do together, where the
others would be left waiting. Needs no torch.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


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
