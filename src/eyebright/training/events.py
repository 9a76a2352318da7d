"""What is common to all events.

What a run begins, or goes on, with: its pictures, its processes, precision and memory.

What happens while something is learned: what is tried and planned, each epoch, the end.

What moves a bar and is not written down.

What came of it: confidence, the verdict and what it healed, figures, the model.

All events there are, and who receives them.

The file of a run's events, one a line; only ever appended to.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from eyebright.system import records
from eyebright.system.errors import OutputError
from eyebright.system.progress import Report, Stage
from eyebright.trust.intervals import Difference, Share
from eyebright.trust.verdict import Verdict


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="event"):
    """Something that happened. `time_s` is seconds since 1970, for people; nothing is computed from it."""

    time_s: float = msgspec.field(default_factory=lambda: round(time.time(), 3))


class Transient(Event, frozen=True):
    """Something for displays only; it is not written down."""


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


class Progress(Transient, frozen=True):
    """So many units of a stage are done, of so many in all (None where that is not known).

    `note` says what else is worth showing beside the bar.
    """

    stage: Stage
    done: int
    of: int | None
    note: str = ""


class StepDone(Transient, frozen=True):
    """A batch was learned."""

    epoch: int
    epochs: int
    pictures: int
    of: int
    loss: float
    accuracy: float


AnyPassing: TypeAlias = Progress | StepDone


class Calibrated(Event, frozen=True):
    """A temperature was fitted on the validation pictures; errors are expected calibration errors on them."""

    temperature: float
    error_before: float
    error_after: float


class Judged(Event, frozen=True):
    """The verdict on the training: the most important thing that its figures show, and what else they show.

    `remedy` holds the settings by which the advice may be tried.
    """

    kind: str
    text: str
    advice: str
    remedy: dict[str, Any] = msgspec.field(default_factory=dict)
    others: tuple[Verdict, ...] = ()

    @classmethod
    def of(cls, verdicts: Sequence[Verdict]) -> "Judged":
        """The event that tells of these verdicts, at least one, most important first."""
        first = verdicts[0]
        return cls(
            kind=first.kind, text=first.text, advice=first.advice, remedy=first.remedy, others=tuple(verdicts[1:])
        )


class Evaluated(Event, frozen=True):
    """Somebody looked at pictures that were not learned from. Each look at the test side is written down.

    `seen` counts those that did not count, since the model had learned from them or was chosen by them.
    """

    side: str
    pictures: int
    accuracy: float
    low: float
    high: float
    loss: float
    seen: int = 0


class HealingBegun(Event, frozen=True):
    """What the verdict `kind` advises is tried: a run in the folder `path` with these changes, of about so long."""

    kind: str
    changes: dict[str, Any]
    path: str
    seconds: float


class Healed(Event, frozen=True):
    """On the same validation pictures so many were told right before and after; the run in the folder `kept` is better.

    `difference` is of paired answers; the second run is kept where its interval lies above 0.
    """

    pictures: int
    before: Share
    after: Share
    difference: Difference
    kept: str


class ModelSaved(Event, frozen=True):
    """The model stands in the run's folder."""

    path: str
    weights_sha256: str


AnyResult: TypeAlias = Calibrated | Judged | Evaluated | HealingBegun | Healed | ModelSaved


AnyEvent: TypeAlias = AnyBeginning | AnyLearning | AnyPassing | AnyResult
Emit: TypeAlias = Callable[[AnyEvent], None]


def reporting(emit: Emit) -> Report:
    """What passes reports of progress on as events."""
    return lambda stage, done, of: emit(Progress(stage=stage, done=done, of=of))


def to_all(callbacks: Iterable[Emit]) -> Emit:
    """One receiver that passes events on to many."""
    receivers = list(callbacks)

    def emit(event: AnyEvent) -> None:
        for receiver in receivers:
            receiver(event)

    return emit


class EventLog:
    """Appends events to a file; call it like any other receiver of events."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._separator = (
            b"\n" if path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n") else b""
        )  # after a crash

    def __call__(self, event: AnyEvent) -> None:
        if isinstance(event, Transient):
            return
        try:
            with self.path.open("ab") as file:
                file.write(self._separator + records.to_json(event, indent=None).encode() + b"\n")
                self._separator = b""
        except OSError as problem:
            raise OutputError(f"{self.path} cannot be written: {problem.strerror}") from problem


def read_events(path: Path) -> list[AnyEvent]:
    """The events of a run; lines that a crash cut off are passed over."""
    decoder = msgspec.json.Decoder(AnyEvent)
    events: list[AnyEvent] = []
    if path.exists():
        for line in path.read_bytes().splitlines():
            try:
                events.append(decoder.decode(line))
            except msgspec.DecodeError:
                continue
    return events
