"""Events of a training: what it computes with, what is tried and planned, and each epoch. `pictures` counts images."""

from typing import Literal, TypeAlias

from eyebright.training.events.event import Event
from eyebright.training.settings import ChosenPrecision

Reason: TypeAlias = Literal["finished", "patience", "interrupted", "budget"]
"""Why a training ends."""


Measure: TypeAlias = Literal["accuracy", "mAP50"]
"""What "accuracy" means in a training: the share of images with the correct class, or a detector's mean average
precision at an overlap of 0.5."""


class SharedOut(Event, frozen=True):
    """Several processes train together; each has its share of every batch.

    `norms` is true if batch norms use the statistics of a process's own share. `group` identifies what the launcher
    started, see `processes.launch_id`.
    """

    processes: int
    batch_size: int
    norms: bool
    group: str


class PrecisionChosen(Event, frozen=True):
    """The precision of convolutions and matrix products, the device and threads, and the reason for the choice."""

    precision: ChosenPrecision
    reason: str
    threads: int
    device: Literal["cpu", "cuda", "mps"] = "cpu"


class DeviceChanged(Event, frozen=True):
    """A run was begun on another device and continues on this one."""

    before: str
    device: str


class BatchLowered(Event, frozen=True):
    """A batch does not fit into memory: smaller batches are added up for steps of the same size.

    `needed_bytes` is the memory for the batch of the settings, `free_bytes` the free memory; 0 if they are not known.
    """

    batch_size: int
    accumulation: int
    needed_bytes: int = 0
    free_bytes: int = 0


class Unavailable(Event, frozen=True):
    """Published weights are not available; a network is trained from scratch."""

    reason: str


class MirroringChecked(Event, frozen=True):
    """Whether mirrored images show the same: the accuracy of a simple classifier on validation images as they are, and
    mirrored.
    """

    same: bool
    pictures: int
    accuracy: float
    mirrored_accuracy: float


class Tried(Event, frozen=True):
    """A candidate of `--network auto`: what was tried, its validation loss and accuracy, and the time it took."""

    what: str
    validation_loss: float
    validation_accuracy: float
    seconds: float


class HeadFitted(Event, frozen=True):
    """The head of a frozen network was fitted: cross-validated losses and accuracies of the penalties that were tried,
    the strongest first, and the `strength` that was chosen.
    """

    strengths: tuple[float, ...]
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]
    strength: float


class CrossValidated(Event, frozen=True):
    """Cross-validated accuracy of the head of a frozen network, with its 95% interval."""

    pictures: int
    accuracy: float
    low: float
    high: float


class LabelsSuspected(Event, frozen=True):
    """Labels that are probably wrong, by heads that were not fitted on their images.

    `pictures` training and validation images were checked; `count` labels are suspected. Of the most suspicious ones
    there are the `names`, the classes that are predicted instead, and the probabilities of these.
    """

    pictures: int
    count: int
    names: tuple[str, ...]
    suggested: tuple[str, ...]
    probabilities: tuple[float, ...]


class Planned(Event, frozen=True):
    """So many steps and epochs are planned. `seconds` is the time left of a budget, or an estimate from a few steps."""

    steps: int
    epochs: float
    seconds: float


class StartValidated(Event, frozen=True):
    """The weights at the start were validated; `measure` says what the accuracy is."""

    validation_loss: float
    validation_accuracy: float
    measure: Measure = "accuracy"


class EpochEnded(Event, frozen=True):
    """An epoch of training and its validation.

    After the epoch, the loss and the accuracy of the training set are measured as those of the validation set are,
    without augmentation, dropout, class weights and label smoothing: on `sample` training images, the same ones in
    every epoch. The running ones are means over the steps of the epoch, with all of these. `pictures` images were
    trained on, fewer if a budget cut the epoch short. `measure` says what the accuracies are; a detector has no running
    one, which is None.

    In logs of older versions `pictures` may be 0; where `sample` is 0, the training loss and accuracy are running ones.
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
    sample: int = 0
    running_loss: float = 0.0
    running_accuracy: float | None = 0.0
    measure: Measure = "accuracy"


class Stopped(Event, frozen=True):
    """The training ended; the weights of epoch `best_epoch` are kept, where 0 means those of the start."""

    reason: Reason
    epoch: int
    best_epoch: int


class Blended(Event, frozen=True):
    """The weights of an epoch were averaged with those of the start, since the mean has a lower validation loss.

    `share` is that of the epoch, 0 to 1; `measure` says what the accuracy is.
    """

    share: float
    epoch: int
    validation_loss: float
    validation_accuracy: float
    measure: Measure = "accuracy"
