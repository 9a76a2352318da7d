"""When a checkpoint is written: after each epoch, and within one as soon as that costs little beside the training."""

import time
from pathlib import Path

import numpy as np

from eyebright.network import Weights
from eyebright.training.schedule import Position
from eyebright.training.torch import checkpoint
from eyebright.training.torch.checkpoint import Checkpoint
from eyebright.training.torch.learner import Learner

_SHARE = 50  # times as long is trained between checkpoints as they take


class Keeper:
    """Keeps the state of a training.

    Attributes:
        kept: Where there is a checkpoint; None as long as there is none.

    Args:
        folder: Where to keep it; None keeps nothing.
        learner: What learns.
        pause_s: Seconds between checkpoints within an epoch, at least; 0 for one after each step.
    """

    def __init__(self, folder: Path | None, learner: Learner, pause_s: float) -> None:
        self.folder, self.learner, self.pause_s = folder, learner, pause_s
        self.kept: Path | None = None
        self._due_at = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether a checkpoint within an epoch is due."""
        return time.monotonic() >= self._due_at

    def begin(self) -> None:
        """Count the time from now on."""
        self._due_at = time.monotonic() + self.pause_s

    def restore(self) -> Checkpoint | None:
        """Give the learner the state that was kept; None where nothing is kept."""
        if self.folder is None:
            return None
        found = checkpoint.load(self.folder, self.learner.module.network, self.learner.moved)
        self.learner.restore(found)
        self.kept = self.folder
        return found

    def keep(self, progress: Position, best: Weights) -> bool:
        """Write a checkpoint; False, and none is written, where weights are no numbers any more."""
        if self.folder is None:
            return True
        start = time.monotonic()
        weights = self.learner.module.get_weights()
        if not all(np.isfinite(values).all() for values in weights.values()):
            return False
        average = self.learner.average.module.get_weights() if self.learner.average else {}
        checkpoint.save(self.folder, progress, weights, best, average, self.learner.optimizer)
        self.kept = self.folder
        end = time.monotonic()
        self._due_at = end + (max(self.pause_s, _SHARE * (end - start)) if self.pause_s else 0)
        return True
