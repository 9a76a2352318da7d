"""train_detector(): the whole way from images with boxes to a run with its detector."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eyebright.data.pictures import Preparation
from eyebright.data.split import ALL_SIDES
from eyebright.data.split_file import to_csv
from eyebright.network import Network, Weights
from eyebright.network.detecting import detecting_of
from eyebright.network.zoo.detection import BACKBONE, detector_weights, lite0_detector
from eyebright.report import sinks
from eyebright.report.history import Recorder
from eyebright.runs.folder import Run
from eyebright.runs.request import FIELDS, Request
from eyebright.runs.train import default_output
from eyebright.system import files, machine
from eyebright.system.errors import OutputError, SettingsError
from eyebright.system.text import listed, printable
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import PreparedBoxes, prepare
from eyebright.tasks.detection.data.unused import boxes_checked, unused_boxes
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.report.collect import write_report
from eyebright.tasks.detection.runs.measuring import TRAIN_SAMPLE, measured, require_provable
from eyebright.tasks.detection.training.sided import says_side
from eyebright.tasks.detection.training.views import kept_views
from eyebright.tasks.detection.trust.metrics import DetectionEvaluation
from eyebright.tasks.detection.trust.thresholds import RecallPromise
from eyebright.training import trainer
from eyebright.training.budget import Deadline, watched
from eyebright.training.events import AnyEvent, Emit, Evaluated, Judged, ModelSaved, Reported, RunStarted, SidesNamed
from eyebright.training.receivers import EventLog, reporting, to_all
from eyebright.training.settings import Settings

if TYPE_CHECKING:
    from eyebright.training.torch.loop import Outcome

SIZE = 320
RECIPE: dict[str, Any] = {
    "batch_size": 8, "learning_rate": 6e-3, "weight_decay": 0.05, "ema": 0.99, "clip_norm": 10.0, "patience": 0,
    "frozen": ("_conv_stem", "_blocks"), "rotation": 0.0, "zoom": 0.4, "shift": 0.1, "brightness": 0.2,
    "contrast": 0.2, "saturation": 0.3, "label_smoothing": 0.0,
}  # fmt: skip
"""The settings of a detector where they were not changed; benchmarks/README.md has the measurements behind them."""
_STEPS = 5_400  # images in all epochs of a default training
_FEWEST, _MOST = 8, 100  # epochs of it
_FOR_CLASSIFIERS = {
    "network": "auto",
    "weights": "",
    "start_from": "",
    "dropout": 0.0,
    "corrections": "",
    "augment": "",
}
_UNUSED_SETTINGS = (
    "rotation", "shear", "hue", "erasing", "mixup", "cutmix", "label_smoothing", "class_weights", "sampling",
)  # fmt: skip
_FITS = ("auto", "pad")


class DetectionResult(NamedTuple):
    """What a run gave.

    Args:
        path: The run's folder.
        detector: The trained detector.
        test: How good it is on the test set.
        interrupted: Whether the training was stopped before its end.
    """

    path: Path
    detector: Detector
    test: DetectionEvaluation
    interrupted: bool


def train_detector(
    request: Request,
    *,
    callbacks: Iterable[Callable[[AnyEvent], None]] = (),
) -> DetectionResult:
    """Train a detector on images with boxes, and keep everything in a run's folder.

    Args:
        request: What is asked for.
        callbacks: Receive every event as it happens.

    Raises:
        DataError: When the images cannot be trained on.
        SettingsError: When an option is only for classifiers, or out of range.
        DownloadError: When published weights are not available.
        MissingExtraError: When torch is not installed.
        OutputError: When the output cannot be written.
    """
    started_at = time.monotonic()
    require_for_detectors(request)
    emit = watched(to_all(callbacks), request.training.minutes, started_at)
    run = Run(request.output or default_output(request.pictures))
    run.require_free(overwrite=request.overwrite)
    trainer()  # a missing torch is found before the work
    request = request.changed(task="detect", size=request.size or SIZE, resize="pad", network=BACKBONE)
    prepared = open_boxes(request, emit)
    dataset = prepared.dataset
    if request.promise:
        require_provable(RecallPromise.of(request.promise), prepared)
    network = lite0_detector(len(dataset.classes), input_size=request.size or SIZE)
    request = request.changed(
        pictures=str(dataset.origin.absolute()), split=str(Path(request.split).absolute()) if request.split else "",
        excluded=tuple(sorted(request.names_left_out())), split_seed=dataset.seed,
        training=resolved(request.training, prepared, mirror=request.mirror),
    )  # fmt: skip
    run.create(request, network, overwrite=request.overwrite)
    return finish(run, request, network, prepared, emit, started_at=started_at)


def open_boxes(request: Request, emit: Emit) -> PreparedBoxes:
    """The images with boxes that a request names, prepared at its size; errors as in `train_detector`."""
    size = request.size or SIZE
    dataset = BoxDataset.open(
        request.pictures, seed=request.training.seed if request.split_seed is None else request.split_seed,
        validation=request.validation, test=request.test, group_by=request.group_by, split=request.split,
        exclude=request.names_left_out(), unlabelled=request.unlabelled, one_class=request.one_class,
        report=reporting(emit),
    )  # fmt: skip
    return prepare(dataset, Preparation(width=size, height=size, fit="pad"), report=reporting(emit),
                   hold_back=bool(request.promise))  # fmt: skip


def require_for_detectors(request: Request) -> None:
    """Refuse options that mean nothing for a detector, by their names."""
    asked = [
        next(name for name, field in FIELDS.items() if field.name == field_name)
        for field_name, default in _FOR_CLASSIFIERS.items()
        if getattr(request, field_name) not in (default, BACKBONE)  # a run's config.toml names its network
    ]
    asked += unused_settings(request.training)
    if request.resize not in _FITS:
        asked.append("resize")
    if asked:
        changes = "; its images are changed by flip, zoom, shift, brightness, contrast and saturation"
        raise SettingsError(
            f"{listed(asked, len(asked))}: only for classifiers; a detector is trained without"
            f"{changes if request.augment else ''}"
        )
    missing = [name for name in RECIPE["frozen"] if name not in request.training.frozen]
    if request.training.frozen and missing:
        raise SettingsError(
            f"frozen: the layers {listed(missing)} of a detector are always frozen; name them too, or leave frozen out"
        )
    if request.promise:
        RecallPromise.of(request.promise)
    if request.size is not None and request.size % 32:
        raise SettingsError(f"size = {request.size}: a detector takes a multiple of 32, such as {SIZE}")


def unused_settings(settings: Settings) -> list[str]:
    """The names of changed settings that do nothing for a detector; its config.toml has those of the recipe."""
    usual = Settings()
    allowed = {name: (getattr(usual, name), RECIPE.get(name, getattr(usual, name))) for name in _UNUSED_SETTINGS}
    return [name for name, values in allowed.items() if getattr(settings, name) not in values]


def resolved(settings: Settings, prepared: PreparedBoxes, *, mirror: bool = False) -> Settings:
    """The settings with those of the recipe that were not changed, and with the number of epochs.

    Images are mirrored unless names of classes say left or right: what is mirrored would have the other name.
    With `mirror` they are as `flip` says.
    """
    usual = Settings()
    changes = {name: value for name, value in RECIPE.items() if getattr(settings, name) == getattr(usual, name)}
    if not settings.epochs:
        epochs = round(_STEPS / max(len(prepared.indices("train")), 1))
        changes["epochs"] = min(max(epochs, _FEWEST), _MOST)
    if not mirror and any(map(says_side, prepared.dataset.classes)):
        changes["flip"] = False
    return settings.changed(changes)


def finish(
    run: Run,
    request: Request,
    network: Network,
    prepared: PreparedBoxes,
    emit: Emit,
    *,
    started_at: float,
    earlier: list[AnyEvent] | None = None,
) -> DetectionResult:
    """Fit, calibrate, evaluate and save, from the start or, where there are earlier events, from the checkpoint.

    Args:
        run: The run, whose folder exists.
        request: Its resolved request.
        network: What is trained.
        prepared: The images.
        emit: Receives every event.
        started_at: When the budget of time started, on `time.monotonic`.
        earlier: The events of a training that was interrupted.

    Raises:
        OutputError: When the disk is full, for example; what was trained before is kept.
        SettingsError: When another process trains in the run's folder.
    """
    weights = detector_weights(network, request.training.seed, report=reporting(emit))
    try:
        with run.locked(), sinks.opened(request.log, run.path, earlier or ()) as receivers:
            emit = to_all([emit, EventLog(run.events), *receivers])
            if earlier is None:
                run.write_left_out(prepared.pack.left_out)
                run.write_unused_boxes(unused_boxes(prepared))
                files.write_file(run.split, split_csv(prepared))
                for event in _at_start(request, prepared, network):
                    emit(event)
            recorder = Recorder([emit], earlier)
            outcome = _fit(run, request, network, weights, prepared, recorder, started_at, earlier is not None)
            detector, tested, verdicts = measured(
                prepared, network, outcome.weights, outcome.settings, recorder, request.promise
            )
            emit(Judged.of(verdicts))
            for side, found in detector.metrics.items():
                emit(_evaluated(side, found))
            emit(Reported(path=str(write_report(run, run.read_events(), detector, prepared, tested))))
            card = detector.save(run.model, overwrite=True)  # last: with its event the run is complete
            emit(ModelSaved(path=str(run.model), weights_sha256=card.sha256["weights.safetensors"]))
    except OutputError as problem:
        raise OutputError(
            f"{problem}. What was trained before is kept; continue with: eyebright train --resume {run.path}"
        ) from problem
    files.forget_aside(run.path)
    return DetectionResult(run.path, detector, tested.evaluation, interrupted=outcome.reason == "interrupted")


def _fit(
    run: Run, request: Request, network: Network, weights: Weights, prepared: PreparedBoxes, recorder: Recorder,
    started_at: float, resume: bool,
) -> "Outcome":  # fmt: skip
    """Train on the kept views, from the weights or from the run's checkpoint."""
    from eyebright.tasks.detection.training.torch.task import Objects

    train, validation = prepared.indices("train"), prepared.indices("validation")
    views = kept_views(
        prepared, train, network, weights, request.training, plain=validation, report=reporting(recorder)
    )  # fmt: skip
    minutes, others = request.training.minutes, sum(len(prepared.indices(side)) for side in ("test", "held_back"))
    judged = len(validation) + others + TRAIN_SAMPLE
    outcome: Outcome = trainer().fit(
        network, weights, Objects(prepared, views, detecting_of(network)), request.training, emit=recorder,
        checkpoint_folder=run.checkpoint, resume=resume,
        on_settled=lambda settings: run.write_config(request.changed(training=settings)),
        deadline=Deadline(minutes, started_at, judged) if minutes else None,
    )  # fmt: skip
    return outcome


def split_csv(prepared: PreparedBoxes) -> bytes:
    """The content of split.csv: the class of an image is how many boxes of each class it has."""
    classes = prepared.dataset.classes
    found = [
        ", ".join(f"{count} {classes[label]}" for label, count in sorted(Counter(boxes.labels.tolist()).items()))
        for boxes in prepared.dataset.boxes
    ]
    kinds, labels = np.unique(found, return_inverse=True)
    return to_csv(prepared.dataset.source.names, labels, prepared.pack.digests, kinds.tolist(), prepared.sides)


def _evaluated(side: str, found: DetectionEvaluation) -> Evaluated:
    value = found.map50
    return Evaluated(
        side=side, pictures=found.pictures, accuracy=value.value if value else 0.0, low=value.low if value else 0.0,
        high=value.high if value else 1.0, loss=0.0, seen=found.seen, measure="mAP50",
        calibration_error=found.calibration_error, error_by_chance=found.error_by_chance,
    )  # fmt: skip


def _at_start(request: Request, prepared: PreparedBoxes, network: Network) -> Iterator[AnyEvent]:
    """What is said at the start of a run."""
    yield _run_started(request, prepared, network)
    if checked := boxes_checked(prepared):
        yield checked
    sided = tuple(printable(name) for name in prepared.dataset.classes if says_side(name))
    if sided and not request.mirror:  # who names "flip" has decided
        yield SidesNamed(classes=sided)


def _run_started(request: Request, prepared: PreparedBoxes, network: Network) -> RunStarted:
    train, validation, test, held_back = (len(prepared.indices(side)) for side in ALL_SIDES)
    return RunStarted(
        pictures=request.pictures, network=f"detector on {BACKBONE}", size=prepared.pack.preparation.width,
        seed=request.training.seed, epochs=request.training.epochs, classes=prepared.dataset.classes,
        train=train, validation=validation, test=test, held_back=held_back,
        left_out=tuple(printable(f"{left.name}: {left.reason}") for left in prepared.pack.left_out),
        leaking=int(np.count_nonzero((prepared.sides < 0) & (prepared.pack.rows >= 0))), leaks=prepared.leaks,
        parameters=network.parameter_count, versions=machine.versions(),
    )  # fmt: skip
