"""What is measured on a trained detector: its calibration, thresholds and figures, and what these show in words."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import evenly, spread
from eyebright.model.card import Seen
from eyebright.model.engine import TOLERANCE
from eyebright.model.golden import relative_difference
from eyebright.network import Network, Weights
from eyebright.network.detecting import BOXES, SCORES, detected, detecting_of
from eyebright.report.history import Recorder
from eyebright.system.errors import DataError, ModelError
from eyebright.system.progress import Report
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.evaluate import (
    DetectionTested,
    evaluate_detector,
    evaluate_found,
    found_in,
    truths,
)
from eyebright.tasks.detection.model.predictor import BATCH_SIZE
from eyebright.tasks.detection.trust.calibration import calibrate, calibrated
from eyebright.tasks.detection.trust.matching import match
from eyebright.tasks.detection.trust.metrics import DetectionEvaluation, evaluate_matches
from eyebright.tasks.detection.trust.promise import RecallPromise, RecallPromised, promise_recall
from eyebright.tasks.detection.trust.thresholds import best_thresholds
from eyebright.tasks.detection.trust.verdicts import DetectionEvidence, diagnose, recall_by_size
from eyebright.training.events.results import PromiseMade, PromiseRefused
from eyebright.training.receivers import reporting
from eyebright.training.settings import Settings
from eyebright.trust.verdict import Verdict

TRAIN_SAMPLE = 100
"""Training images, at most, on which it is measured how well the detector knows them."""


class DetectorAssessment(NamedTuple):
    """A trained detector and what was measured on it.

    Args:
        detector: With its calibration, thresholds and metrics.
        test: How good it is on the test set.
        verdicts: What the figures show, the most important first.
    """

    detector: Detector
    test: DetectionTested
    verdicts: tuple[Verdict, ...]


def assess(
    prepared: PreparedBoxes,
    network: Network,
    weights: Weights,
    settings: Settings,
    recorder: Recorder,
    *,
    torch_engine: Any,
    promise: str = "",
    one_class: bool = False,
) -> DetectorAssessment:
    """Calibrate a trained detector on the validation images, and find its thresholds, metrics and verdicts.

    Args:
        prepared: The images in their sets.
        network: The trained network.
        weights: Its weights.
        settings: How it was trained.
        recorder: Has the history, and receives the progress and whether something is promised.
        torch_engine: The network in torch.
        promise: What is to be promised, such as "recall=0.95"; the threshold is then the one that keeps it.
        one_class: Whether objects of all classes are labelled as one.

    Raises:
        ModelError: When the graph does not give what torch gives.
    """
    classes, report = prepared.dataset.classes, reporting(recorder)
    plain = Detector(network, classes, weights=weights)
    some = prepared.pack.read(spread(prepared.indices("validation"), BATCH_SIZE))
    prove(plain.predictor.maps(some), detected(torch_engine.outputs(some), detecting_of(network)), network)
    chosen, found = _chosen(plain, prepared, report)
    made: dict[str, Any] = {"weights": weights, "one_class": one_class} | chosen
    detector = Detector(network, classes, **made)
    if promise and (promised := _promised(detector, RecallPromise.of(promise), prepared, recorder)):
        made |= {"promise": promised, "thresholds": [promised.threshold] * len(classes)}
        detector = Detector(network, classes, **made)
    tested = {
        "validation": evaluate_found(detector.card, prepared, prepared.indices("validation"), found),
        "test": evaluate_detector(detector, prepared, "test", report=report),
    }
    verdicts = diagnose(_evidence(detector, prepared, tested["validation"], settings, recorder))
    digests, used = prepared.pack.digests, [prepared.indices(side) for side in ("train", "validation", "held_back")]
    return DetectorAssessment(Detector(
        network, classes, **made, metrics={side: one.evaluation for side, one in tested.items()},
        seen=Seen().union(digests.at(np.concatenate(used))),
        verdicts=[verdict.text for verdict in verdicts],
        history=recorder.history, settings=msgspec.to_builtins(settings), seed=settings.seed,
    ), tested["test"], verdicts)  # fmt: skip


def _chosen(detector: Detector, prepared: PreparedBoxes, report: Report) -> tuple[dict[str, Any], Sequence[Detections]]:
    """The calibration and the thresholds that fit the validation images, and what is found in these with them."""
    validation, classes = prepared.indices("validation"), detector.classes
    groups, truth = prepared.groups_at(validation), truths(prepared, validation, classes)
    found = found_in(detector.predictor, prepared, validation, report)
    scales = calibrate(match(found, truth), len(classes), groups)
    found = tuple(calibrated(one, scales) for one in found)
    thresholds = best_thresholds(match(found, truth), len(classes), groups)
    return {"calibration": scales, "thresholds": thresholds}, found


def prove(maps: Mapping[str, NDArray[np.float32]], expected: Sequence[NDArray[np.float32]], network: Network) -> None:
    """Refuse a graph that does not give what the trained network gives.

    Args:
        maps: Those of the graph: scores and boxes.
        expected: The scores and boxes of torch.
        network: The network. Its boxes, in pixels of its input, are compared as shares of a side.

    Raises:
        ModelError: Where they differ by more than 0.0001.
    """
    for name, theirs, whole in zip((SCORES, BOXES), expected, (1, max(network.input_shape[1:])), strict=True):
        error = relative_difference(maps[name], theirs, above=whole)
        if not error <= TOLERANCE:
            raise ModelError(
                f"the ONNX graph differs from the trained network by {error:.2g} in its {name}: please report this"
            )


def _promised(
    detector: Detector, promise: RecallPromise, prepared: PreparedBoxes, recorder: Recorder
) -> RecallPromised | None:
    """The promise, if the held-back images prove it."""
    held = prepared.indices("held_back")
    found = found_in(detector.predictor, prepared, held, reporting(recorder))
    matches = match(found, truths(prepared, held, detector.classes))
    try:
        made = promise_recall(promise, matches, prepared.groups_at(held))
    except DataError as problem:
        recorder(PromiseRefused(promise=str(promise), reason=str(problem)))
        return None
    recorder(PromiseMade(text=made.text))
    return made


def _evidence(
    detector: Detector, prepared: PreparedBoxes, validation: DetectionTested, settings: Settings, recorder: Recorder
) -> DetectionEvidence:
    size, at = detector.preparation.width, validation.positions
    small, others = recall_by_size(
        validation.matches, np.array(detector.card.thresholds), size / prepared.dataset.sizes[at].max(axis=1),
        prepared.groups_at(at),
    )  # fmt: skip
    return DetectionEvidence(
        _on_training(detector, prepared, recorder), validation.evaluation, small, others, size=size,
        images=len(prepared.indices("train")), minutes=settings.minutes, leaking=int(prepared.leaking.sum()),
        held_out=int((prepared.sides > 0).sum()),
    )  # fmt: skip


def _on_training(detector: Detector, prepared: PreparedBoxes, recorder: Recorder) -> DetectionEvaluation:
    """How well it knows some of its training images, evenly spread."""
    train, card = prepared.indices("train"), detector.card
    sample = evenly(train, TRAIN_SAMPLE)
    found = found_in(detector.predictor, prepared, sample, reporting(recorder))
    matches = match(found, truths(prepared, sample, card.classes))
    return evaluate_matches(matches, card.classes, np.array(card.thresholds), groups=prepared.groups_at(sample))
