"""The events of a run: what happened, as typed records.

A training sends them to receivers, see `receivers`, and they are its log. The classes stand in the order of a run: its
start, the training, the results. Fields called `pictures` count images.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from eyebright.data.corrections import Applied
from eyebright.data.pictures import Fit
from eyebright.data.split import Leaks
from eyebright.training.event import Event, Progress, StepDone
from eyebright.training.settings import ChosenPrecision
from eyebright.trust.calibration import ErrorByChance
from eyebright.trust.intervals import Difference, Share, apart
from eyebright.trust.metrics import Evaluation
from eyebright.trust.promise import Promised
from eyebright.trust.verdict import Verdict

Reason: TypeAlias = Literal["finished", "patience", "interrupted", "budget"]
"""Why a training ends."""
Measure: TypeAlias = Literal["accuracy", "mAP50"]
"""What "accuracy" means in a training: the share of images with the correct class, or a detector's mean average
precision at an overlap of 0.5."""


class RunStarted(Event, frozen=True):
    """A run starts: its images, their split, and its network.

    `left_out` names the images that cannot be opened. `leaking` counts images left out because an exact duplicate is in
    the validation or test set. `naive_leak` is the share of test images that would have a near-duplicate in the
    training set with a random split. `leaks` counts images that have one in another set with the split that is used.
    `absent` names the classes without validation images. `held_back` counts images that are held back for a promise.
    `data_sha256` identifies the images and boxes of a detector.
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
    leaks: tuple[Leaks, ...] = ()
    absent: tuple[str, ...] = ()
    held_back: int = 0
    data_sha256: str = ""


class BoxesChecked(Event, frozen=True):
    """Boxes that a training does not use: how many by reason, with up to three `examples` of each.

    `clipped` counts boxes that went a little over the edge. `notices` are sentences about the files with the labels.
    """

    unused: dict[str, int]
    examples: dict[str, tuple[str, ...]]
    clipped: int = 0
    notices: tuple[str, ...] = ()


class SidesNamed(Event, frozen=True):
    """Images are not mirrored, because the names of these classes say left or right."""

    classes: tuple[str, ...]


class SizeChosen(Event, frozen=True):
    """The size of a detector's images: larger than `usual` where objects are small, `wanted` if the time allowed it.

    `object_px` is the side of a typical object in images of the usual size.
    """

    size: int
    wanted: int
    object_px: float
    usual: int


class ViewsKept(Event, frozen=True):
    """How many views of each training image a detector learns from, and the size of them in the cache.

    Fewer than `wanted` where the disk has no room for them; without room for one, none is kept.
    """

    views: int
    wanted: int
    kept: bool
    size_bytes: int


class Corrected(Event, frozen=True):
    """Corrections were applied to so many images; `missing` and `changed` name those to which they could not be.

    `duplicates` of the relabelled images had no decision of their own, but the pixels of one.
    """

    path: str
    relabelled: int
    excluded: int
    kept: int
    duplicates: int = 0
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    @classmethod
    def of(cls, applied: Applied) -> "Corrected":
        """The event of corrections that were applied."""
        return cls(
            path=str(applied.path), relabelled=len(applied.names("relabel")), excluded=len(applied.names("exclude")),
            kept=len(applied.names("keep")), duplicates=applied.duplicates, missing=applied.missing,
            changed=applied.changed,
        )  # fmt: skip


class FitChosen(Event, frozen=True):
    """How images with another aspect ratio are resized; `lost` is the share of a typical image that is cropped."""

    fit: Fit
    lost: float


class Streaming(Event, frozen=True):
    """The disk has no room for the prepared images, so each is opened again whenever it is needed.

    `size_bytes` is the size of all prepared images.
    """

    pictures: int
    size_bytes: int


class Resumed(Event, frozen=True):
    """A run is resumed after so many complete epochs, and so many images of the next one."""

    epoch: int
    pictures: int = 0


class Extended(Event, frozen=True):
    """More epochs than `planned` are requested; after those, the learning rate starts again at `learning_rate`."""

    planned: int
    epochs: int
    learning_rate: float


class SharedOut(Event, frozen=True):
    """Several processes train together; each has its share of every batch.

    `norms` is true if batch norms use the statistics of a process's own share. `group` identifies what the launcher
    started, see `processes.launch_id`.
    """

    processes: int
    batch_size: int
    norms: bool
    group: str


class PicturesGone(Event, frozen=True):
    """Images that were removed, or can no longer be opened, since the run started; they are left out from now on."""

    names: tuple[str, ...]


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


class MirroringJudged(Event, frozen=True):
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


class StartJudged(Event, frozen=True):
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


class Calibrated(Event, frozen=True):
    """A temperature was fitted on the validation images; the errors are expected calibration errors on them."""

    temperature: float
    error_before: float
    error_after: float


class LimitSet(Event, frozen=True):
    """Images unlike the training images get no answer; the limit is set by `pictures` validation images.

    A share `kept` of images like the training images is expected to stay below it, 0 to 1.
    """

    pictures: int
    kept: float


class PromiseMade(Event, frozen=True):
    """The model promises something from now on; `text` says it in a sentence. `promised` is what a classifier needs."""

    text: str
    promised: Promised | None = None


class PromiseRefused(Event, frozen=True):
    """The held-back images do not prove what was to be promised, so nothing is."""

    promise: str
    reason: str


class Judged(Event, frozen=True):
    """The verdict on a training: the most important finding, and the `others`.

    `remedy` has the settings that try the advice.
    """

    kind: str
    text: str
    advice: str
    remedy: dict[str, Any] = msgspec.field(default_factory=dict)
    others: tuple[Verdict, ...] = ()

    @classmethod
    def of(cls, verdicts: Sequence[Verdict]) -> "Judged":
        """The event of at least one verdict, the most important first."""
        first = verdicts[0]
        return cls(
            kind=first.kind, text=first.text, advice=first.advice, remedy=first.remedy, others=tuple(verdicts[1:])
        )


class Evaluated(Event, frozen=True):
    """The model was evaluated on images that it was not trained on. Each use of the test set is written to the log.

    `seen` counts images that were left out because the model was trained or selected with them; `absent` names the
    classes without images. `calibration_error` is the expected one, and `error_by_chance` what a perfectly calibrated
    model shows; both are None in logs of older versions. `apart` is how far the accuracy lies above that on the
    validation set, where the intervals of the two have no value in common. `answered` images got an answer, and
    `answered_correctly` of them a correct one; None in logs of older versions. `promise` says in a sentence whether a
    promise was kept; empty where there is none. `measure` says what the accuracy is; the loss of a detector is None.
    """

    side: str
    pictures: int
    accuracy: float
    low: float
    high: float
    loss: float | None
    seen: int = 0
    absent: tuple[str, ...] = ()
    calibration_error: float | None = None
    error_by_chance: ErrorByChance | None = None
    apart: Difference | None = None
    answered: int | None = None
    answered_correctly: int | None = None
    promise: str = ""
    measure: Measure = "accuracy"

    @classmethod
    def of(cls, side: str, found: Evaluation, validation: Evaluation | None = None) -> "Evaluated":
        """The event of an evaluation on a set, or on images of which `side` says where they are.

        Args:
            side: The set.
            found: The evaluation.
            validation: That on the validation set, to compare with.
        """
        low, high = found.interval
        return cls(
            side=side, pictures=found.pictures, accuracy=found.accuracy, low=low, high=high, loss=found.loss,
            seen=found.seen, absent=found.absent, calibration_error=found.calibration_error,
            error_by_chance=found.error_by_chance,
            apart=None if validation is None else apart(found.share, validation.share),
            answered=found.answered, answered_correctly=found.answered_correctly,
            promise="" if found.promise is None else found.promise.text,
        )  # fmt: skip


class HealingBegun(Event, frozen=True):
    """The advice of the verdict `kind` is tried: a run in the folder `path` with these changes, for about so long."""

    kind: str
    changes: dict[str, Any]
    path: str
    seconds: float


class Healed(Event, frozen=True):
    """The accuracy on the same validation images before and after; the run in the folder `kept` is the better one.

    `difference` compares the predictions in pairs; the second run is kept if its interval is above 0.
    """

    pictures: int
    before: Share
    after: Share
    difference: Difference
    kept: str


class Drawn(Event, frozen=True):
    """Pictures of the result were drawn; of `mistakes` on the test set, which are a `what`, the sheet shows `shown`."""

    paths: tuple[str, ...]
    mistakes: int
    shown: int
    what: str = "wrong prediction"


class ModelSaved(Event, frozen=True):
    """The model was saved in the run's folder."""

    path: str
    weights_sha256: str


class Reported(Event, frozen=True):
    """The report of the run was written: an HTML file."""

    path: str


AnyEvent: TypeAlias = (
    RunStarted
    | BoxesChecked
    | SidesNamed
    | SizeChosen
    | ViewsKept
    | Corrected
    | FitChosen
    | Streaming
    | Resumed
    | Extended
    | SharedOut
    | PicturesGone
    | PrecisionChosen
    | DeviceChanged
    | BatchLowered
    | Unavailable
    | MirroringJudged
    | Tried
    | HeadFitted
    | CrossValidated
    | LabelsSuspected
    | Planned
    | StartJudged
    | EpochEnded
    | Stopped
    | Progress
    | StepDone
    | Calibrated
    | LimitSet
    | PromiseMade
    | PromiseRefused
    | Judged
    | Evaluated
    | HealingBegun
    | Healed
    | Drawn
    | ModelSaved
    | Reported
)
Emit: TypeAlias = Callable[[AnyEvent], None]
