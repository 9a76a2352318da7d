"""What a run begins, or goes on, with: its pictures, its processes, precision and memory."""

from typing import Literal, TypeAlias

from eyebright.training.events.base import Event


class RunStarted(Event, frozen=True):
    """The work begins: how many pictures there are on each side, and with what they are learned.

    `left_out` tells the pictures that could not be opened, `leaking` counts those left out since a later side has them
    too. `naive_leak` is the share of the test pictures of a random split whose like would have been in training.
    """

    pictures: str
    network: str
    size: int
    seed: int
    epochs: int
    classes: tuple[str, ...]
    train: int
    validation: int
    test: int
    left_out: tuple[str, ...]
    leaking: int
    parameters: int
    versions: dict[str, str]
    naive_leak: float = 0.0


class FitChosen(Event, frozen=True):
    """How pictures of other proportions are brought to size.

    `lost` is the share of a typical picture's detail that cropping leaves out.
    """

    fit: Literal["crop", "pad", "stretch"]
    lost: float


class Streaming(Event, frozen=True):
    """The disk has no room for the prepared pictures: each is opened anew whenever it is needed.

    `size_bytes` is what all of them would have taken.
    """

    pictures: int
    size_bytes: int


class Resumed(Event, frozen=True):
    """The run goes on after this many complete epochs, and so many pictures of the next one."""

    epoch: int
    pictures: int = 0


class Extended(Event, frozen=True):
    """More epochs were asked for than the `planned` ones: the learning rate falls anew, from `learning_rate`."""

    planned: int
    epochs: int
    learning_rate: float


class SharedOut(Event, frozen=True):
    """So many processes train together, of whose `group` the launcher knows; each has its share of every batch.

    `norms` tells whether there are batch norms that take the statistics of a process's own share.
    """

    processes: int
    batch_size: int
    norms: bool
    group: str


class PicturesGone(Event, frozen=True):
    """Pictures that have vanished, or can no longer be opened, since the run began: from now on it goes without."""

    names: tuple[str, ...]


class PrecisionChosen(Event, frozen=True):
    """The precision of the convolutions and products, where, and why; times are of one training step."""

    precision: Literal["float32", "bfloat16"]
    reason: str
    threads: int
    device: Literal["cpu", "cuda", "mps"] = "cpu"


class BatchLowered(Event, frozen=True):
    """A batch did not fit into memory: smaller ones are added into steps of the same size.

    `needed_bytes` is what the batch that was asked for would take, where that is known, `free_bytes` what there was.
    """

    batch_size: int
    accumulation: int
    needed_bytes: int = 0
    free_bytes: int = 0


AnyBeginning: TypeAlias = (
    RunStarted | FitChosen | Streaming | Resumed | Extended | SharedOut | PicturesGone | PrecisionChosen | BatchLowered
)
