"""train_detector(): the whole way from images with boxes to a run with its detector."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from eyebright.network import Network, Weights
from eyebright.network.detecting import detecting_of
from eyebright.network.zoo.detection import BACKBONE, detector_weights, lite0_detector
from eyebright.report.history import Recorder
from eyebright.runs import checks
from eyebright.runs.about import result_table
from eyebright.runs.folder import Run
from eyebright.runs.opening import default_output
from eyebright.runs.request import Request
from eyebright.runs.session import session
from eyebright.system.table import Table
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.model.assess import DetectorAssessment, assess
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.report.collect import write_report
from eyebright.tasks.detection.report.figures import draw
from eyebright.tasks.detection.runs.keeping import deadline_of, views_of
from eyebright.tasks.detection.runs.opening import (
    open_boxes,
    prepared_boxes,
    require_provable,
    said_at_start,
    write_start,
)
from eyebright.tasks.detection.runs.recipe import choose_size, require_for_detectors, resolved
from eyebright.tasks.detection.training.views import ViewFeatures
from eyebright.tasks.detection.trust.metrics import DetectionEvaluation
from eyebright.tasks.detection.trust.promise import RecallPromise
from eyebright.training import trainer
from eyebright.training.budget import watched
from eyebright.training.events.event import Emit, Event
from eyebright.training.events.results import Evaluated, ModelSaved, Reported, VerdictReached
from eyebright.training.receivers import reporting, to_all

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

    def as_table(self) -> Table:
        """How good the detector is, what the verdict says, and how to go on."""
        return result_table(
            self.path, test=("test images", self.test.headline), options=" --figure boxes.png",
            python='result.detector.predict("image.jpg")', verdicts=self.detector.verdicts,
            interrupted=self.interrupted,
        )  # fmt: skip

    def __repr__(self) -> str:
        return self.as_table().text()

    def _repr_html_(self) -> str:
        return self.as_table().html()


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
    network = lite0_detector(len(dataset.classes), input_size=size)
    checks.require_space(run.path, network)
    prepared = prepared_boxes(dataset, request, size, emit)
    if request.promise:
        require_provable(RecallPromise.of(request.promise), prepared)
    request = request.changed(
        task="detect", size=size, resize="pad", network=BACKBONE, pictures=str(dataset.origin.absolute()),
        split=str(Path(request.split).absolute()) if request.split else "", split_seed=dataset.seed,
        excluded=tuple(sorted(request.names_left_out())),
        training=resolved(request, dataset, len(prepared.indices("train"))),
    )  # fmt: skip
    run.create(request, network, overwrite=request.overwrite)
    with run.removed_if_refused():
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
    with session(run, request, network, emit, earlier) as to_run:
        recorder = Recorder([to_run], earlier)
        if earlier is None:
            write_start(run, prepared)
            for event in (*said_at_start(request, prepared, network), *chosen):
                recorder(event)
        outcome = _fit(run, request, network, weights, prepared, recorder, started_at, earlier)
        made = assess(
            prepared, network, outcome.weights, outcome.settings, recorder, promise=request.promise,
            torch_engine=trainer().TorchEngine(network, outcome.weights, outcome.settings.device),
            one_class=request.one_class,
        )  # fmt: skip
        _write(run, made, prepared, recorder)
    return DetectionResult(run.path, made.detector, made.test.evaluation, interrupted=outcome.reason == "interrupted")


def _fit(
    run: Run, request: Request, network: Network, weights: Weights, prepared: PreparedBoxes, recorder: Recorder,
    started_at: float, earlier: Sequence[Event] | None,
) -> "Outcome":  # fmt: skip
    """Train on views of the images, from the weights or from the run's checkpoint."""
    from eyebright.tasks.detection.training.torch.task import Objects

    settings = request.training
    deadline = deadline_of(settings, prepared, started_at)
    views = views_of(
        ViewFeatures(prepared, network, weights, settings), settings, recorder, earlier or (), deadline
    )  # fmt: skip
    outcome: Outcome = trainer().fit(
        network, weights, Objects(prepared, views, detecting_of(network)), settings, emit=recorder,
        checkpoint_folder=run.checkpoint, resume=earlier is not None,
        on_settled=lambda settled: run.write_config(request.changed(training=settled)),
        deadline=deadline,
    )  # fmt: skip
    return outcome


def _write(run: Run, made: DetectorAssessment, prepared: PreparedBoxes, emit: Emit) -> None:
    """Write and say what was learned and measured."""
    detector, tested, verdicts = made
    emit(VerdictReached.of(verdicts))
    for side, found in detector.metrics.items():
        emit(_evaluated(side, found))
    emit(draw(run, detector, prepared, tested))
    emit(Reported(path=str(write_report(run, run.read_events(), detector, prepared, tested))))
    card = detector.save(run.model, overwrite=True)  # last: with its event the run is complete
    emit(ModelSaved(path=str(run.model), weights_sha256=card.sha256["weights.safetensors"]))


def _evaluated(side: str, found: DetectionEvaluation) -> Evaluated:
    value = found.map50
    return Evaluated(
        side=side, pictures=found.pictures, accuracy=value.value if value else 0.0, low=value.low if value else 0.0,
        high=value.high if value else 1.0, loss=None, seen=found.seen, measure="mAP50",
        calibration_error=found.calibration_error, error_by_chance=found.error_by_chance,
    )  # fmt: skip
