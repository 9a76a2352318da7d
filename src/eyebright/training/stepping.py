"""The steps of an epoch: which batches they are made of, and what goes wrong with them.

Where a GPU's memory refuses a batch, half of it is tried, and twice as many make the same step.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from eyebright.errors import SettingsError
from eyebright.files import printable
from eyebright.training import device, processes, room
from eyebright.training.events import Emit
from eyebright.training.material import Feed
from eyebright.training.settings import Settings
from eyebright.training.step import Learned, Learner

T = TypeVar("T")
_NAMED = 8  # pictures in a message


class _Last(NamedTuple):
    """The step made last: which it was, which pictures of the epoch it had, and its rate."""

    epoch: int = 1
    start: int = 0
    size: int = 0
    step: int = 0
    rate: float = 0.0


class Stepping:
    """Leads the pictures of an epoch to the learner, step by step.

    Args:
        feed: The pictures.
        learner: What learns.
        settings: How large batches and steps are.
        emit: Receives what is changed about that.
    """

    def __init__(self, feed: Feed, learner: Learner, settings: Settings, emit: Emit) -> None:
        self.feed, self.learner, self.settings, self.emit = feed, learner, settings, emit
        self._last = _Last(rate=settings.learning_rate)
        self._coming: Iterator[tuple[Tensor, Tensor]] = iter(())

    def begin(self, epoch: int, start: int) -> None:
        """Read the pictures of an epoch from some place on."""
        self._coming = self.feed.batches(epoch, start)

    def learn(self, epoch: int, start: int, count: int, *, step: int, rate: float) -> Learned:
        """Learn as many of the coming batches as make a step; see `Learner.learn`.

        Batch norms may see a batch that did not fit once more in its parts; else a step is as if it had fitted.

        Raises:
            SettingsError: When not even the smallest batch fits.
        """
        self._last = _Last(epoch, start, count, step, rate)

        def attempt() -> Learned:
            try:
                parts = islice(self._coming, self.settings.accumulation)
                return self.learner.learn(parts, count, step=step, rate=rate)
            except torch.OutOfMemoryError:
                self.begin(epoch, start)
                raise

        return self.in_memory(attempt)

    def in_memory(self, work: Callable[[], T]) -> T:
        """Do something again, with smaller batches, until there is memory for it; errors as in `learn`."""
        while True:
            try:
                return work()
            except torch.OutOfMemoryError as problem:
                self._halve(problem)

    def diverged(self, what: str, kept: Path | None) -> SettingsError:
        """The error that says what happened, where, on which pictures, and where the last good state is kept."""
        last = self._last
        names = self.feed.names(last.epoch, last.start, min(last.size, _NAMED))
        more = f" and {last.size - _NAMED:,} more" if last.size > _NAMED else ""
        left = f"; the last good state is kept in {kept}" if kept else ""
        return SettingsError(
            f"{what} in epoch {last.epoch}, step {last.step}, on {', '.join(map(printable, names))}{more}: try a "
            f"learning rate below {last.rate:.2g}, or clip_norm=1{left}"
        )

    def _halve(self, problem: torch.OutOfMemoryError) -> None:
        if self.settings.batch_size == 1 or processes.place().of > 1:
            raise SettingsError(
                f"the GPU has too little memory for {self.feed.batch_size} pictures at once: give a smaller "
                "batch_size, a smaller network or smaller pictures"
            ) from problem
        event = room.halved(self.settings)
        smaller = {"batch_size": event.batch_size, "accumulation": event.accumulation}
        self.settings = self.feed.settings = self.settings.changed(smaller)
        self.learner.optimizer.zero_grad(set_to_none=True)
        device.forget(self.learner.device)
        self.emit(event)
