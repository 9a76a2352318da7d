"""train_detector(): the whole way from images with boxes to a run with its detector."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from eyebright.network import Network, Weights
from eyebright.network.detecting import detecting_of
from eyebright.network.zoo.detection import BACKBONE, detector_weights, lite0_detector
from eyebright.report import sinks
from eyebright.report.history import Recorder
from eyebright.runs.folder import Run
from eyebright.runs.request import Request
from eyebright.runs.train import default_output, shared_out
from eyebright.system import files
from eyebright.system.errors import DataError, OutputError
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.report.collect import write_report
from eyebright.tasks.detection.report.drawings import draw
from eyebright.tasks.detection.runs.measuring import TRAIN_SAMPLE, measured, require_provable
from eyebright.tasks.detection.runs.opening import open_boxes, prepared_boxes, said_at_start, write_start
from eyebright.tasks.detection.runs.recipe import choose_size, require_for_detectors, resolved, views_for
from eyebright.tasks.detection.training.views import ViewCache, ViewFeatures, Views
from eyebright.tasks.detection.trust.metrics import DetectionEvaluation
from eyebright.tasks.detection.trust.promise import RecallPromise
from eyebright.training import processes, trainer
from eyebright.training.budget import Deadline, watched
from eyebright.training.events.event import Emit, Event
from eyebright.training.events.results import Evaluated, ModelSaved, Reported, VerdictReached
from eyebright.training.events.starting import ViewsKept
from eyebright.training.receivers import EventLog, reporting, to_all
from eyebright.training.settings import Settings

if TYPE_CHECKING:
    from eyebright.training.torch.loop import Outcome


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
    callbacks: Iterable[Callable[[Event], None]] = (),
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
    dataset = open_boxes(request, emit)
    chosen = [choose_size(dataset, request.training.minutes)] if request.size is None else []
    size = request.size or chosen[0].size
    prepared = prepared_boxes(dataset, request, size, emit)
    if request.promise:
        require_provable(RecallPromise.of(request.promise), prepared)
    network = lite0_detector(len(dataset.classes), input_size=size)
    request = request.changed(
        task="detect", size=size, resize="pad", network=BACKBONE, pictures=str(dataset.origin.absolute()),
        split=str(Path(request.split).absolute()) if request.split else "", split_seed=dataset.seed,
        excluded=tuple(sorted(request.names_left_out())),
        training=resolved(request, dataset, len(prepared.indices("train"))),
    )  # fmt: skip
    run.create(request, network, overwrite=request.overwrite)
    return finish(run, request, network, prepared, emit, started_at=started_at, chosen=chosen)


def finish(
    run: Run,
    request: Request,
    network: Network,
    prepared: PreparedBoxes,
    emit: Emit,
    *,
    started_at: float,
    chosen: Sequence[Event] = (),
    earlier: Sequence[Event] | None = None,
) -> DetectionResult:
    """Fit, calibrate, evaluate and save, from the start or, where there are earlier events, from the checkpoint.

    Args:
        run: The run, whose folder exists.
        request: Its resolved request.
        network: What is trained.
        prepared: The images.
        emit: Receives every event.
        started_at: When the budget of time started, on `time.monotonic`.
        chosen: Events of what was chosen before the run had a log, not yet emitted.
        earlier: The events of a training that was interrupted.

    Raises:
        OutputError: When the disk is full, for example; what was trained before is kept.
        SettingsError: When another process trains in the run's folder.
    """
    weights = detector_weights(network, request.training.seed, report=reporting(emit))
    try:
        with run.locked(), sinks.opened(request.log, run.path, earlier or ()) as receivers:
            emit = to_all([emit, EventLog(run.events), *receivers])
            if processes.place().size > 1:
                emit(shared_out(request.training, network))
            if earlier is None:
                write_start(run, prepared)
                for event in (*said_at_start(request, prepared, network), *chosen):
                    emit(event)
            recorder = Recorder([emit], earlier)
            outcome = _fit(run, request, network, weights, prepared, recorder, started_at, earlier)
            detector, tested, verdicts = measured(
                prepared, network, outcome.weights, outcome.settings, recorder, promise=request.promise,
                torch_engine=trainer().TorchEngine(network, outcome.weights, outcome.settings.device),
                one_class=request.one_class,
            )  # fmt: skip
            emit(VerdictReached.of(verdicts))
            for side, found in detector.metrics.items():
                emit(_evaluated(side, found))
            emit(draw(run, detector, prepared, tested))
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
    started_at: float, earlier: Sequence[Event] | None,
) -> "Outcome":  # fmt: skip
    """Train on views of the images, from the weights or from the run's checkpoint."""
    from eyebright.tasks.detection.training.torch.task import Objects

    settings = request.training
    judged = sum(len(prepared.indices(side)) for side in ("validation", "test", "held_back"))
    views = _views(ViewFeatures(prepared, network, weights, settings), prepared, settings, recorder, earlier or ())
    outcome: Outcome = trainer().fit(
        network, weights, Objects(prepared, views, detecting_of(network)), settings, emit=recorder,
        checkpoint_folder=run.checkpoint, resume=earlier is not None,
        on_settled=lambda settled: run.write_config(request.changed(training=settled)),
        deadline=_deadline(settings, started_at, judged + TRAIN_SAMPLE),
    )  # fmt: skip
    return outcome


def _deadline(settings: Settings, started_at: float, judged: int) -> Deadline | None:
    """The end of the budget; the usual number of epochs is enough, since more of them overfit the kept views."""
    return Deadline(settings.minutes, started_at, judged, epochs=settings.epochs) if settings.minutes else None


def _views(
    features: ViewFeatures, prepared: PreparedBoxes, settings: Settings, emit: Emit, earlier: Sequence[Event]
) -> Views:
    """The views of the images: as many as the disk has room for, and as before where a training continues."""
    train = prepared.indices("train")
    cache = ViewCache(features, train, prepared.indices("validation"))
    kept = next((event for event in earlier if isinstance(event, ViewsKept)), None)
    if kept is None:
        wanted = views_for(len(train), settings)
        fitting = cache.fitting(wanted)
        size_bytes = cache.size_bytes(fitting) if fitting else 0
        kept = ViewsKept(views=fitting or wanted, wanted=wanted, kept=fitting > 0, size_bytes=size_bytes)
        emit(kept)
    if not kept.kept and processes.place().size > 1:
        raise DataError(
            "several processes share the views of the images, but the disk of the cache has no room for them: make "
            "room, set EYEBRIGHT_CACHE to another disk, or train in one process"
        )
    if not kept.kept:
        return Views(settings, kept.views, features.layout, features)
    return cache.views(kept.views, reporting(emit))


def _evaluated(side: str, found: DetectionEvaluation) -> Evaluated:
    value = found.map50
    return Evaluated(
        side=side, pictures=found.pictures, accuracy=value.value if value else 0.0, low=value.low if value else 0.0,
        high=value.high if value else 1.0, loss=None, seen=found.seen, measure="mAP50",
        calibration_error=found.calibration_error, error_by_chance=found.error_by_chance,
    )  # fmt: skip
