"""`--network auto`: which network a run trains and from what weights, found by trying on its own pictures.

First a published network is given a head of its own, learned on its features: these are kept, so that it takes seconds.
Where there is a budget of time, its top is tuned further. Small pictures, of which published networks know less, are
also given to a compact network from scratch, and validation decides which of the two has the rest of the time. The test
side is never looked at.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from eyebright.data import prepare
from eyebright.data.batches import content_order
from eyebright.data.dataset import Dataset
from eyebright.data.digests import Digests
from eyebright.data.pack import Pack
from eyebright.data.pictures import Fit, Preparation
from eyebright.model.backbone import Backbone
from eyebright.model.features import features
from eyebright.network import Network, Weights, initial_weights, zoo
from eyebright.runs import audit
from eyebright.runs.start import mirrored_by_evidence
from eyebright.system.errors import DownloadError, MissingExtraError, SettingsError
from eyebright.training import trainer
from eyebright.training.budget import Deadline
from eyebright.training.events import (
    AnyEvent,
    CrossValidated,
    Emit,
    EpochEnded,
    Progress,
    StartJudged,
    StepDone,
    Tried,
    Unavailable,
)
from eyebright.training.head import cross_validated, fit_head, score
from eyebright.training.settings import Settings
from eyebright.trust.intervals import share_of

AUTO = "auto"
BACKBONE, FROM_SCRATCH = "efficientnet_lite0", "compact"
SMALL_PX = 64  # typical side up to which pictures are small
BACKBONE_SIZES = range(128, 225, 32)  # pixels a side at which the backbone may see pictures
FEW = 500  # pictures below which the accuracy is told by cross-validation
_TRIAL_SHARE = 0.2  # of the time that is left, for each of two that are tried
_FROZEN = ("_conv_stem", *(f"_blocks.{number}" for number in range(5)))  # of the backbone: edges and textures
_ANYWAY = {"epochs", "seed", "threads", "device", "precision", "checkpoint_s", "batch_size", "flip"}
_TUNING = {
    "learning_rate": 1e-3, "stage_decay": 0.8, "weight_decay": 0.05, "frozen": _FROZEN, "judge_start": True,
    "norm_statistics": "kept",
}  # fmt: skip


class Choice(NamedTuple):
    """What to train: a network of the zoo, its first weights, how pictures are fitted, and with what settings."""

    name: str
    network: Network
    weights: Weights
    settings: Settings


def choose(
    dataset: Dataset, fit: Fit, size: int | None, settings: Settings, emit: Emit, *, begun_at: float, mirror: bool
) -> Choice:
    """Find what to train.

    Args:
        dataset: The pictures.
        fit: How they are brought to size.
        size: Pixels a side at which the published network sees them; chosen by their own unless given.
        settings: What is asked for; the rest is chosen. Without a budget of time only the head is learned.
        emit: Receives the progress and what was tried.
        begun_at: When the budget began, on `time.monotonic`.
        mirror: Whether pictures are mirrored where the settings say so; else only where that is found to do no harm.

    Raises:
        SettingsError: When only a head is to be learned, and settings say how to train a network.
    """
    if not (settings.minutes or settings.epochs):
        _require_no_training(settings)
    side = dataset.typical_side()
    try:
        tuned = _with_head(dataset, fit, size or backbone_px(side), settings, emit, mirror=mirror)
    except (DownloadError, MissingExtraError) as problem:
        emit(Unavailable(reason=str(problem)))
        return _from_scratch(dataset, size or side, settings)
    if not settings.minutes or side > SMALL_PX:
        return tuned
    scratch = _from_scratch(dataset, size or side, settings.changed({"flip": tuned.settings.flip}))
    ends = begun_at + 60 * settings.minutes
    share_s = _TRIAL_SHARE * (ends - time.monotonic())
    best, reached = tuned, 0.0
    for choice in (tuned, scratch):
        try:
            accuracy, trained = _trial(dataset, fit, choice, emit, share_s)
        except SettingsError:  # no time for it, or its loss is no number
            return best
        best, reached = max((best, reached), (trained, accuracy), key=lambda one: one[1])
    return best


def _require_no_training(settings: Settings) -> None:
    """Refuse settings that would have no effect on a head, which has one best solution."""
    usual = Settings()
    for name in usual.__struct_fields__:
        value = getattr(settings, name)
        if name not in _ANYWAY and value != getattr(usual, name):
            raise SettingsError(
                f"{name} = {value} has no effect where only the head of a published network is learned: give minutes "
                "or epochs, in which more of it is trained, or name a network"
            )


def backbone_px(side: int) -> int:
    """How large the backbone sees pictures: half as large again as they are, which its weights were made for, within
    reason.
    """
    return min(
        max(round(1.5 * side / BACKBONE_SIZES.step) * BACKBONE_SIZES.step, BACKBONE_SIZES.start), BACKBONE_SIZES[-1]
    )


def _with_head(dataset: Dataset, fit: Fit, size: int, settings: Settings, emit: Emit, *, mirror: bool) -> Choice:
    """The published network with a head learned on its features; with a budget, to be tuned further."""
    start = time.monotonic()
    backbone = Backbone(name=BACKBONE, size_px=size, fit=fit)
    with ThreadPoolExecutor(1) as aside:
        graph = aside.submit(backbone.graph)  # the first time a process of its own has to read published weights
        pack, train, validation = _sides(dataset, backbone.preparation, emit)
    graph.result()
    known = np.flatnonzero(dataset.split(pack) >= 0)  # not those left out since the test has their like
    train, usable = (content_order(pack, dataset.labels, these) for these in (train, known))
    wanted = usable if len(usable) < FEW else np.sort(np.concatenate([train, validation]))
    values = _features(pack, wanted, backbone, emit)
    num_classes = len(dataset.classes)
    head = fit_head(values(train), dataset.labels[train], num_classes, _groups(dataset, train))
    loss, accuracy = score(head.logits(values(validation)), dataset.labels[validation])
    emit(
        Tried(
            what=f"{BACKBONE} as it was published, with a new head",
            validation_loss=loss,
            validation_accuracy=accuracy,
            seconds=time.monotonic() - start,
        )
    )
    if len(usable) < FEW:
        among = _groups(dataset, usable)
        emit(_cross_validated(values(usable), dataset.labels[usable], num_classes, head.strength, among))
    network = zoo.build(BACKBONE, num_classes=num_classes, input_size=backbone.preparation.width)
    weights = zoo.published_weights(BACKBONE) | {"_fc.weight": head.weight, "_fc.bias": head.bias}
    weights = {name: weights[name] for name in network.tensors}
    usual = Settings()
    tuning = {name: value for name, value in _TUNING.items() if getattr(settings, name) == getattr(usual, name)}
    if (settings.minutes or settings.epochs) and not mirror:
        settings = mirrored_by_evidence(dataset, pack, dataset.split(pack), settings, emit)
    return Choice(BACKBONE, network, weights, settings.changed(tuning))


def _features(
    pack: Pack, wanted: NDArray[np.int64], backbone: Backbone, emit: Emit
) -> Callable[[NDArray[np.int64]], NDArray[np.float32]]:
    """What gives the features of pictures, which are computed or found."""
    digests = np.zeros(len(pack.rows), pack.digests.values.dtype)
    digests[wanted] = pack.digests.values[wanted]
    seen = features(
        lambda index: pack.read([index])[0],
        Digests(digests),
        backbone,
        progress=lambda done, of: emit(Progress(stage="computing features", done=done, of=of)),
    )
    return seen.read


def _groups(dataset: Dataset, indices: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The groups of pictures, numbered as they come: so folds do not depend on how pictures are listed."""
    if dataset.group_numbers is None:
        return None
    _, first, group = np.unique(dataset.group_numbers[indices], return_index=True, return_inverse=True)
    return np.asarray(first[group])


def _cross_validated(
    values: NDArray[np.float32],
    labels: NDArray[np.int64],
    num_classes: int,
    strength: float,
    groups: NDArray[np.int64] | None,
) -> CrossValidated:
    """How good the head is, told by all pictures: the few of a test side alone would leave a wide interval."""
    right = cross_validated(values, labels, num_classes, strength, groups, folds=10).argmax(axis=1) == labels
    share = share_of(right, groups)
    return CrossValidated(pictures=len(right), accuracy=share.value, low=share.low, high=share.high)


def _from_scratch(dataset: Dataset, side: int, settings: Settings) -> Choice:
    """A compact network for pictures of this side."""
    size = min(max(side, 16), 2 * SMALL_PX)
    if not (settings.minutes or settings.epochs):
        settings = settings.changed({"epochs": Settings().epochs})
    network = zoo.build(FROM_SCRATCH, num_classes=len(dataset.classes), input_size=size)
    return Choice(FROM_SCRATCH, network, initial_weights(network, settings.seed), settings)


def _trial(dataset: Dataset, fit: Fit, choice: Choice, emit: Emit, share_s: float) -> tuple[float, Choice]:
    """Train something for a share of the time: its accuracy on validation, and the same to be trained further."""
    start = time.monotonic()
    shape = choice.network.input_shape
    pack, train, validation = _sides(dataset, Preparation(width=shape[2], height=shape[1], fit=fit), emit)
    scores: list[tuple[float, float]] = []
    epochs = 0

    def listen(event: AnyEvent) -> None:
        nonlocal epochs
        if isinstance(event, EpochEnded | StartJudged):
            scores.append((event.validation_accuracy, -event.validation_loss))
            epochs += isinstance(event, EpochEnded)
        elif isinstance(event, StepDone):
            emit(event)

    fitting = trainer()
    material = fitting.Material(pack, dataset.labels, train, validation, dataset.source.names)
    deadline = Deadline(share_s / 60, time.monotonic(), 0, saving_s=0.0)
    outcome = fitting.fit(choice.network, choice.weights, material, choice.settings, emit=listen, deadline=deadline)
    if outcome.reason == "interrupted":
        raise KeyboardInterrupt
    if not scores:
        raise SettingsError("there is no time to try it")
    accuracy, negative_loss = max(scores)
    emit(
        Tried(
            what=f"{choice.name}, trained for {epochs} epoch{'' if epochs == 1 else 's'}",
            validation_loss=-negative_loss,
            validation_accuracy=accuracy,
            seconds=time.monotonic() - start,
        )
    )
    return accuracy, choice._replace(weights=outcome.weights, settings=replace(choice.settings, judge_start=True))


def _sides(dataset: Dataset, preparation: Preparation, emit: Emit) -> tuple[Pack, NDArray[np.int64], NDArray[np.int64]]:
    """The prepared pictures, and which of them are to train and to validate with, in the order of their content."""
    pack = prepare.packed(dataset, preparation, emit)
    audit.keep_together(dataset, pack, emit)
    sides = dataset.split(pack)
    train, validation = (content_order(pack, dataset.labels, np.flatnonzero(sides == side)) for side in (0, 1))
    return pack, train, validation
