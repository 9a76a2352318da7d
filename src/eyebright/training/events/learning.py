"""What happens while something is learned: what is tried and planned, each epoch, the end."""

from typing import Literal, TypeAlias

from eyebright.training.events.base import Event


class Unavailable(Event, frozen=True):
    """Published weights cannot be had; something else is done."""

    reason: str


class MirroringJudged(Event, frozen=True):
    """Whether mirrored pictures show the same: how many of so many validation pictures a plain classifier tells as they
    are, and mirrored.
    """

    same: bool
    pictures: int
    accuracy: float
    mirrored_accuracy: float


class Tried(Event, frozen=True):
    """Something was tried by `--network auto`: what, how good it was on validation pictures, how long it took."""

    what: str
    validation_loss: float
    validation_accuracy: float
    seconds: float


class CrossValidated(Event, frozen=True):
    """How good a head of a frozen network is on all pictures, each judged by one that had not seen it."""

    pictures: int
    accuracy: float
    low: float
    high: float


class Planned(Event, frozen=True):
    """So many steps, and epochs, are to be made, in so many seconds: those left of a budget, or as a few steps tell."""

    steps: int
    epochs: float
    seconds: float


class StartJudged(Event, frozen=True):
    """How good the weights are that the training starts from."""

    validation_loss: float
    validation_accuracy: float


class EpochEnded(Event, frozen=True):
    """All training pictures were seen once more and the validation pictures judged.

    Losses and accuracies in training are means over the epoch, as the pictures were learned: augmented, with dropout.
    `pictures` is how many that were, fewer where a budget cut the epoch short; 0 in logs that do not tell.
    """

    epoch: int
    epochs: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    best: bool
    seconds: float
    cpu_seconds: float
    pictures_per_second: float
    pictures: int = 0


class Stopped(Event, frozen=True):
    """Training ended; the weights of epoch `best_epoch` are kept, 0 being those that it started from."""

    reason: Literal["finished", "patience", "interrupted", "budget"]
    epoch: int
    best_epoch: int


AnyLearning: TypeAlias = (
    Unavailable | MirroringJudged | Tried | CrossValidated | Planned | StartJudged | EpochEnded | Stopped
)
