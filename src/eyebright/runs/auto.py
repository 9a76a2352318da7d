"""`--network auto`: which network a run trains and from what weights, found by trying on its own images.

First a published network gets a new head, trained on its features: these are kept, so that it takes seconds. The head
also reads the means of maps in the middle of the network where cross-validation says that this helps. Where there is a
budget of time or of epochs, the top of the network is tuned further. Small images, for which published networks are
worse, are also given to a compact network from scratch, and validation decides which of the two gets the rest of the
time. The test set is never used.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.labels import wrong_labels
from eyebright.data.batches import content_order
from eyebright.data.dataset import Dataset
from eyebright.data.digests import Digests
from eyebright.data.pack import Pack
from eyebright.data.pictures import Fit
from eyebright.data.prepare import Prepared, prepare
from eyebright.model.backbone import Backbone
from eyebright.model.engine import layers_engine
from eyebright.model.features import features
from eyebright.network import initial_weights, zoo
from eyebright.runs.checks import require_effect
from eyebright.runs.request import Request
from eyebright.runs.start import Start, mirrored_by_evidence
from eyebright.system.errors import DownloadError, MissingExtraError, SettingsError
from eyebright.system.text import printable
from eyebright.training import trainer
from eyebright.training.budget import Deadline
from eyebright.training.events.event import Emit, Event, StepDone
from eyebright.training.events.fitting import (
    CrossValidated,
    EpochEnded,
    HeadFitted,
    LabelsSuspected,
    StartValidated,
    Tried,
    Unavailable,
)
from eyebright.training.head import Head, cross_validated, fit_head, score
from eyebright.training.receivers import reporting
from eyebright.training.settings import DeviceName, Settings
from eyebright.trust.calibration import fit_temperature
from eyebright.trust.intervals import share_of
from eyebright.trust.metrics import softmax

BACKBONE, FROM_SCRATCH = "efficientnet_lite0", "compact"
MIDDLE = "_blocks.4._add", "_blocks.7._add", "_blocks.10._add", "_blocks.14._add", "_blocks.15._bn2"
"""The ends of the stages of the backbone whose maps have means that a head may read too."""
SMALL_PX = 64
"""Typical side up to which images are small."""
BACKBONE_SIZES = range(128, 225, 32)
"""Sides in pixels at which the backbone may see images."""
FEW = 500
"""Images below which the accuracy is estimated by cross-validation."""
_MOST_SUSPECTED = 24  # labels that are named
_TRIAL_SHARE = 0.2  # of the time that is left, for each of two that are tried
_TUNED, _TUNED_SMALL = 5, 11  # of the 16 blocks of the backbone; small images, enlarged, differ in their details too
_TUNING = {
    "learning_rate": 1e-3, "stage_decay": 0.8, "weight_decay": 0.05, "keep_start_if_better": True,
    "norm_statistics": "kept", "label_smoothing": 0.0, "rotation": 0.03, "ema": 0.98,
}  # fmt: skip
_TUNING_SMALL = {  # more layers are tuned, which learn small training sets by heart
    "label_smoothing": 0.1, "zoom": 0.3, "shift": 0.1, "brightness": 0.4, "contrast": 0.4, "saturation": 0.4,
}  # fmt: skip


def choose(dataset: Dataset, fit: Fit, request: Request, emit: Emit, *, started_at: float) -> tuple[Start, Prepared]:
    """Find what to train, and prepare the images for it.

    Args:
        dataset: The images.
        fit: How they are resized.
        request: What is asked for; the rest is chosen. Without a budget only the head is trained.
        emit: Receives the progress and what was tried.
        started_at: When the budget of time started, on `time.monotonic`.

    Raises:
        SettingsError: When only a head is to be trained, and settings say how to train a network.
    """
    settings, side = request.training, dataset.typical_side()
    if not (settings.minutes or settings.epochs):
        require_effect(settings)
    size = request.size or side
    try:
        tuned, prepared = _with_head(dataset, fit, request.size or backbone_px(side), request, emit)
    except (DownloadError, MissingExtraError) as problem:
        emit(Unavailable(reason=str(problem)))
        scratch = _from_scratch(dataset, size, settings)
        prepared = prepare(dataset, scratch.preparation(fit), report=reporting(emit))
        if not request.mirror:
            scratch = scratch._replace(settings=mirrored_by_evidence(prepared, scratch.settings, emit))
        return scratch, prepared
    if not settings.minutes or side > SMALL_PX:
        return tuned, prepared
    scratch = _from_scratch(dataset, size, settings.changed({"flip": tuned.settings.flip}))
    best, reached = tuned, 0.0
    share_s = _TRIAL_SHARE * (started_at + 60 * settings.minutes - time.monotonic())
    for start in (tuned, scratch):
        try:
            accuracy, trained = _trial(prepared.resized(start.preparation(fit), reporting(emit)), start, emit, share_s)
        except SettingsError:  # there is no time for it, or its loss is not a number
            break
        best, reached = max((best, reached), (trained, accuracy), key=lambda one: one[1])
    return best, prepared.resized(best.preparation(fit), reporting(emit))


def backbone_px(side: int) -> int:
    """The side in pixels at which the backbone sees images: half as large again, which its weights were made for."""
    steps = round(1.5 * side / BACKBONE_SIZES.step) * BACKBONE_SIZES.step
    return min(max(steps, BACKBONE_SIZES.start), BACKBONE_SIZES[-1])


def _tuning(side: int) -> dict[str, Any]:
    """The settings of the tuning, for images of this typical side."""
    small = side <= SMALL_PX
    frozen = 16 - (_TUNED_SMALL if small else _TUNED)
    layers = {"frozen": ("_conv_stem", *(f"_blocks.{number}" for number in range(frozen)))}
    return _TUNING | (_TUNING_SMALL if small else {}) | layers


def _with_head(dataset: Dataset, fit: Fit, size: int, request: Request, emit: Emit) -> tuple[Start, Prepared]:
    """The published network with a head trained on its features; with a budget, to be tuned further."""
    started_at, settings = time.monotonic(), request.training
    backbone = Backbone(name=BACKBONE, size_px=size, fit=fit, middle=MIDDLE)
    with ThreadPoolExecutor(1) as aside:
        graph = aside.submit(backbone.graph)  # the first time another process has to read the published weights
        prepared = prepare(dataset, backbone.preparation, report=reporting(emit))
    graph.result()
    head = _train_head(prepared, backbone, settings.device, emit, started_at)
    network = backbone.with_head(len(dataset.classes), head.features)
    weights = zoo.published_weights(BACKBONE) | {"_fc.weight": head.weight, "_fc.bias": head.bias}
    report = emit if settings.minutes or settings.epochs else lambda event: None  # a head alone: not augmented
    settings = settings if request.mirror else mirrored_by_evidence(prepared, settings, report)
    settings = request.changed(training=settings).with_recipe(_tuning(dataset.typical_side()))
    weights = {name: weights[name] for name in network.tensors}
    return Start(_name(head, backbone), network, weights, settings, keep=True), prepared


def _train_head(prepared: Prepared, backbone: Backbone, device: DeviceName, emit: Emit, started_at: float) -> Head:
    """The head, and how good it is on validation; with few images also by cross-validation."""
    pack, labels, num_classes = prepared.pack, prepared.labels, len(prepared.dataset.classes)
    known = np.flatnonzero(prepared.sides >= 0)  # not those left out since they are also in the test set
    train, validation, usable = (
        content_order(pack, labels, these)
        for these in (prepared.indices("train"), prepared.indices("validation"), known)
    )
    wanted = usable if len(usable) < FEW else np.sort(np.concatenate([train, validation]))
    values = _features(pack, wanted, backbone, device, emit)
    groups, first = _fold_groups(prepared, train), backbone.last.output_shape[0]
    head = fit_head(values(train), labels[train], num_classes, groups, first=first)
    strengths, losses, accuracies = zip(*head.path, strict=True)
    emit(HeadFitted(strengths=strengths, losses=losses, accuracies=accuracies, strength=head.strength))
    logits = head.logits(values(validation))
    loss, accuracy = score(logits, labels[validation])
    what = f"{_name(head, backbone)} with published weights and a new head"
    took_s = time.monotonic() - started_at
    emit(Tried(what=what, validation_loss=loss, validation_accuracy=accuracy, seconds=took_s))
    if len(head.predicted):
        emit(_suspected(prepared, head, train[head.predicted], validation, logits))
    if len(usable) < FEW:
        groups = _fold_groups(prepared, usable)
        read = values(usable)[:, : head.features]
        logits = cross_validated(read, labels[usable], num_classes, head.strength, groups, folds=10)
        share = share_of(logits.argmax(axis=1) == labels[usable], groups)
        emit(CrossValidated(pictures=len(usable), accuracy=share.value, low=share.low, high=share.high))
    return head


def _name(head: Head, backbone: Backbone) -> str:
    """The name of the backbone with this head, for people."""
    return BACKBONE if head.features == backbone.last.output_shape[0] else f"{BACKBONE} and its middle stages"


def _suspected(
    prepared: Prepared,
    head: Head,
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
    logits: NDArray[np.float32],
) -> LabelsSuspected:
    """Labels that are probably wrong, among the training images that were out of a fold and the validation images.

    Args:
        prepared: The images.
        head: The head.
        train: The positions of the images that have out-of-fold logits.
        validation: The positions of the validation images.
        logits: The logits of these.
    """
    dataset, checked = prepared.dataset, np.concatenate([train, validation])
    temperature = fit_temperature(head.out_of_fold, prepared.labels[train])
    probabilities = softmax(np.concatenate([head.out_of_fold, logits]) / temperature)
    wrong = wrong_labels(prepared.labels[checked], probabilities)
    named = wrong[:_MOST_SUSPECTED]
    return LabelsSuspected(
        pictures=len(checked),
        count=len(wrong),
        names=tuple(printable(dataset.source.names[checked[one.image]]) for one in named),
        suggested=tuple(dataset.classes[one.suggested] for one in named),
        probabilities=tuple(round(one.probability, 4) for one in named),
    )


def _features(
    pack: Pack, wanted: NDArray[np.int64], backbone: Backbone, device: DeviceName, emit: Emit
) -> Callable[[NDArray[np.int64]], NDArray[np.float32]]:
    """Gives the features of images, which are computed or found."""
    digests = np.zeros(len(pack.rows), pack.digests.values.dtype)
    digests[wanted] = pack.digests.values[wanted]
    opened = lambda index: pack.read([index])[0]  # noqa: E731
    return features(opened, Digests(digests), backbone, device=device, report=reporting(emit)).read


def _fold_groups(prepared: Prepared, indices: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The groups of images, numbered in their order: so folds do not depend on how images are listed."""
    if prepared.groups is None:
        return None
    _, first, group = np.unique(prepared.groups[indices], return_index=True, return_inverse=True)
    return np.asarray(first[group])


def _from_scratch(dataset: Dataset, side: int, settings: Settings) -> Start:
    """A compact network for images of this side."""
    if not (settings.minutes or settings.epochs):
        settings = settings.changed({"epochs": Settings().epochs})
    size = min(max(side, 16), 2 * SMALL_PX)
    network = zoo.build(FROM_SCRATCH, num_classes=len(dataset.classes), input_size=size)
    return Start(FROM_SCRATCH, network, initial_weights(network, settings.seed), settings, keep=True)


def _trial(prepared: Prepared, start: Start, emit: Emit, share_s: float) -> tuple[float, Start]:
    """Train something for a share of the time: its accuracy on validation, and the same to be trained further."""
    started_at = time.monotonic()
    scores: list[tuple[float, float]] = []
    epochs = 0

    def listen(event: Event) -> None:
        nonlocal epochs
        if isinstance(event, EpochEnded | StartValidated):
            scores.append((event.validation_accuracy, -event.validation_loss))
            epochs += isinstance(event, EpochEnded)
        elif isinstance(event, StepDone):
            emit(event)

    pack, labels = prepared.pack, prepared.labels
    train, validation = (content_order(pack, labels, prepared.indices(side)) for side in ("train", "validation"))
    training = trainer()
    material = training.Material(pack, labels, train, validation, prepared.dataset.source.names, layers_engine)
    deadline = Deadline(share_s / 60, time.monotonic(), 0, saving_s=0.0)
    outcome = training.fit(start.network, start.weights, material, start.settings, emit=listen, deadline=deadline)
    if outcome.reason == "interrupted":
        raise KeyboardInterrupt
    if not scores:
        raise SettingsError("there is no time to try it")
    accuracy, negative_loss = max(scores)
    what = f"{start.name}, trained for {epochs} epoch{'' if epochs == 1 else 's'}"
    took_s = time.monotonic() - started_at
    emit(Tried(what=what, validation_loss=-negative_loss, validation_accuracy=accuracy, seconds=took_s))
    settings = start.settings.changed({"keep_start_if_better": True})
    return accuracy, start._replace(weights=outcome.weights, settings=settings)
