"""Trainings that are watched, or killed."""

from pathlib import Path

import numpy as np
import pytest

from eyebright.network import Weights
from eyebright.training.events.event import Event, StepDone
from eyebright.training.torch.fit import fit


def same(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def nothing(event: Event) -> None:
    del event


class KilledAfter:
    """A receiver of events that ends the training after a number of steps, as a kill does."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self.left -= isinstance(event, StepDone)
        if self.left < 0:
            raise RuntimeError("killed")


def kill(job, folder: Path, steps: int) -> list[Event]:
    """Train, and kill the training after so many steps; its events."""
    receiver = KilledAfter(steps)
    with pytest.raises(RuntimeError, match="killed"):
        fit(*job, emit=receiver, checkpoint_folder=folder)
    return receiver.events
