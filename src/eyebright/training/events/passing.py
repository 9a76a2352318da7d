"""What moves a bar and is not written down."""

from typing import TypeAlias

from eyebright.training.events.base import Transient


class Scanning(Transient, frozen=True):
    """So many files have been found so far."""

    found: int


class Preparing(Transient, frozen=True):
    """So many pictures of all are prepared."""

    done: int
    of: int


class Looking(Transient, frozen=True):
    """Of so many pictures of all there are features."""

    done: int
    of: int


class Comparing(Transient, frozen=True):
    """So many pictures of all are compared with the others, to find those that must stay on one side of the split."""

    done: int
    of: int


class Downloading(Transient, frozen=True):
    """So many bytes of all have come, where it is known how many there are."""

    done: int
    of: int | None


class StepDone(Transient, frozen=True):
    """A batch was learned."""

    epoch: int
    epochs: int
    pictures: int
    of: int
    loss: float
    accuracy: float


class RateTried(Transient, frozen=True):
    """A learning rate was tried for one step; the loss is smoothed over the steps so far."""

    step: int
    of: int
    rate: float
    loss: float


AnyPassing: TypeAlias = Scanning | Preparing | Looking | Comparing | Downloading | StepDone | RateTried
