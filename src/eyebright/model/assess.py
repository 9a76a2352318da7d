"""What is measured on a trained network: its temperature, metrics and verdict, and that the saved graph equals it."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import spread
from eyebright.data.pack import Pack
from eyebright.data.prepare import Prepared
from eyebright.model.card import Calibration
from eyebright.model.engine import TOLERANCES, Engine, onnx_graph
from eyebright.model.explain.shortcut import CorrectImages, count_tried, find_shortcuts
from eyebright.model.golden import relative_difference
from eyebright.model.learned import Learned
from eyebright.model.predictor import BATCH_SIZE, Predictor
from eyebright.model.profile import NetworkOutputs, sample_profile
from eyebright.model.reference import Reference
from eyebright.network import Dropout, Network, Weights
from eyebright.network.answering import PROBABILITIES, UNFAMILIARITY, Answering
from eyebright.report.history import History, Recorder
from eyebright.system.errors import ModelError
from eyebright.training.events.results import Calibrated, LimitSet, VerdictReached
from eyebright.training.settings import AUGMENTATIONS, Settings
from eyebright.trust.answers import Answers
from eyebright.trust.calibration import expected_calibration_error, fit_temperature, temperature_helps
from eyebright.trust.diagnosis import diagnose
from eyebright.trust.evidence import Evidence, Shortcut, TrainingRecord, accuracies_of, leak_of
from eyebright.trust.image_checks import MORE
from eyebright.trust.metrics import evaluate, log_softmax, softmax
from eyebright.trust.unknown import fit_familiar, kept_share
from eyebright.trust.verdict import Verdict

_LEAST_SAMPLE = 500
_MOST_LOGITS = 1 << 21
_MOST_FEATURES = 4_000  # images


class Assessment(NamedTuple):
    """What was measured.

    Args:
        learned: What was found out about the weights.
        graph: The ONNX graph with softmax and temperature.
        predictor: What predicts by this graph.
        on_gpu: What predicts the same on a GPU, if the network was trained on one.
    """

    learned: Learned
    graph: bytes
    predictor: Predictor
    on_gpu: Predictor | None


def assess(
    network: Network,
    weights: Weights,
    classes: tuple[str, ...],
    prepared: Prepared,
    *,
    torch_engine: Any,
    settings: Settings,
    recorder: Recorder,
    promise: str = "",
) -> Assessment:
    """Fit the temperature, check the graph against torch, evaluate on the validation set, give a verdict.

    Args:
        network: The network.
        weights: Its weights, trained on the images.
        classes: Names of the classes, in the order of its outputs.
        prepared: The images.
        torch_engine: The network in torch. On a GPU it evaluates, once the graph has been shown to give the same.
        settings: How it was trained.
        recorder: Received the events of the training, and receives those of the assessment.
        promise: What the model is asked to promise; advised commands ask for it too.

    Raises:
        ModelError: When the graph does not give what torch gives.
    """
    pack, labels = prepared.pack, prepared.labels
    train, validation = prepared.indices("train"), bounded(prepared.indices("validation"), len(classes))
    sample = sample_of(train, validation)
    measure = torch_engine.with_features if torch_engine.on_gpu else with_features(network, weights)
    known, new = (measured(measure, pack, indices) for indices in (sample, validation))
    calibration = calibrate(new.logits, labels[validation], prepared.groups_at(validation))
    recorder(Calibrated(**msgspec.structs.asdict(calibration)))
    scaled = new.logits / calibration.temperature
    familiar = fit_familiar(known.features, new.features, scaled[new.featured])
    recorder(LimitSet(pictures=len(new.featured), kept=kept_share(len(new.featured))))
    torch_engine.answering = Answering(calibration.temperature, familiar)
    graph = onnx_graph(network, weights, answering=torch_engine.answering)
    predictor = Predictor(Engine.of_bytes(graph), classes, pack.preparation)
    some = pack.read(spread(validation, BATCH_SIZE))
    prove(predictor.answers(some), torch_engine.answers(some))
    found = evaluate(
        log_softmax(scaled), labels[validation], classes,
        groups=prepared.groups_at(validation),
    )  # fmt: skip
    record = record_of(recorder.history, settings, network, len(train), recorder.first_loss, promise)
    on_gpu = Predictor(torch_engine, classes, pack.preparation) if torch_engine.on_gpu else None
    right = validation[scaled.argmax(axis=1) == labels[validation]]
    images = CorrectImages(lambda numbers: pack.read(right[numbers]), labels[right], prepared.groups_at(right))
    shortcuts = find_shortcuts((on_gpu or predictor).quick_probabilities, images, classes, pack.preparation.shape[:2])
    shown = verdicts(prepared, (known.logits, sample), (new.logits, validation), classes, record, shortcuts)
    recorder(VerdictReached.of(shown))
    featured = validation[new.featured]
    seen = NetworkOutputs(scaled[new.featured], new.features)
    profile = sample_profile(pack, featured, prepared.groups_at(featured), seen, familiar)
    learned = Learned(
        calibration=calibration, metrics={"validation": found}, verdicts=shown, history=recorder.history,
        reference=Reference(familiar, profile),
    )  # fmt: skip
    return Assessment(learned, graph, predictor, on_gpu)


def calibrate(
    logits: NDArray[np.floating], labels: NDArray[np.int64], groups: NDArray[np.int64] | None = None
) -> Calibration:
    """The temperature that fits the validation set, or 1 where one does not help; the error without and with it."""
    temperature = fit_temperature(logits, labels) if temperature_helps(logits, labels, groups) else 1.0
    return Calibration(
        temperature=temperature,
        error_before=expected_calibration_error(softmax(logits), labels),
        error_after=expected_calibration_error(softmax(logits / temperature), labels),
    )


def prove(found: Answers, expected: Answers) -> None:
    """Raise a `ModelError` where the graph does not give what the trained network gives."""
    for name in (PROBABILITIES, UNFAMILIARITY):
        here, there = getattr(found, name), getattr(expected, name)
        error = relative_difference(here, there)
        if not error <= TOLERANCES[name]:
            raise ModelError(
                f"the ONNX graph differs from the trained network by {error:.2g} in its {name}: please report this"
            )


class Measured(NamedTuple):
    """What a network computes of n images.

    Args:
        logits: `(n, classes)`, float64.
        features: Those of some images, evenly spread, `(m, features)`, float32: those of all might need gigabytes.
        featured: Which images these are, `(m,)`.
    """

    logits: NDArray[np.float64]
    features: NDArray[np.float32]
    featured: NDArray[np.int64]


Measure: TypeAlias = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""From prepared images to their logits and features."""


def with_features(network: Network, weights: Weights) -> Measure:
    """A function that gives the logits and features of prepared images."""
    engine = Engine.of_bytes(onnx_graph(network, weights, with_features=True))

    def measure(pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        logits, features = engine.outputs(pictures).values()
        return logits, features

    return measure


def measured(measure: Measure, pack: Pack, indices: NDArray[np.int64]) -> Measured:
    """Logits and features of prepared images, batch by batch."""
    featured = spread(np.arange(len(indices)), _MOST_FEATURES)
    logits, features = list[NDArray[np.float32]](), list[NDArray[np.float32]]()
    for at in range(0, len(indices), BATCH_SIZE):
        found, own = measure(pack.read(indices[at : at + BATCH_SIZE]))
        logits.append(found)
        features.append(own[np.isin(np.arange(at, at + len(own)), featured)])
    return Measured(np.concatenate(logits).astype(np.float64), np.concatenate(features), featured)


def bounded(validation: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """The validation images or, where they have more than two million logits together, evenly spread ones of them.

    The temperature and the verdict need all logits at once, which would take gigabytes for a hundred thousand images of
    a thousand classes.
    """
    return validation[:: max(-(-len(validation) * num_classes // _MOST_LOGITS), 1)]


def sample_of(train: NDArray[np.int64], validation: NDArray[np.int64]) -> NDArray[np.int64]:
    """Training images, evenly spread, to compare the validation images with: about as many, at least 500."""
    return train[:: max(len(train) // max(len(validation), _LEAST_SAMPLE), 1)]


def count_assessed(prepared: Prepared) -> int:
    """How many images `assess` takes the time of, so that a budget can leave it: few where there are few."""
    train, validation = prepared.indices("train"), prepared.indices("validation")
    held_back = len(prepared.indices("held_back"))
    return len(sample_of(train, validation)) + 2 * len(validation) + count_tried(len(validation)) + held_back


def verdicts(
    prepared: Prepared,
    train: tuple[NDArray[np.floating], NDArray[np.int64]],
    validation: tuple[NDArray[np.floating], NDArray[np.int64]],
    classes: tuple[str, ...],
    record: TrainingRecord,
    shortcuts: tuple[Shortcut, ...] = (),
) -> tuple[Verdict, ...]:
    """Everything that the figures of a training show, most important first.

    Args:
        prepared: The images.
        train: Logits `(n, classes)` of training images, and their positions `(n,)`.
        validation: The same of validation images.
        classes: Names of the classes.
        record: How the training went.
        shortcuts: Regions at the border that may decide.
    """
    labels, leaking = prepared.labels, prepared.leaking
    known, new = ((values, labels[indices]) for values, indices in (train, validation))
    grouped = None if prepared.groups is None else (prepared.groups[train[1]], prepared.groups[validation[1]])
    correct = validation[0].argmax(axis=1) == labels[validation[1]]
    later = np.flatnonzero(prepared.sides > 0)
    leak = leak_of(int(leaking[later].sum()), len(later), correct, ~leaking[validation[1]], grouped and grouped[1])
    return diagnose(
        Evidence(
            accuracies=accuracies_of(known, new, classes, grouped),
            training=record,
            leak=leak,
            shortcuts=shortcuts,
            test=len(prepared.indices("test")),
            larger=prepared.counts_with(**MORE),
        )
    )


def record_of(
    history: History,
    settings: Settings,
    network: Network,
    pictures: int,
    first_loss: float = 0.0,
    promise: str = "",
) -> TrainingRecord:
    """How a training on so many images went, as plain figures; `first_loss` is that of the first batch, if known.

    Where no epoch was better than the start, whose weights are kept, the epochs say nothing about the model: the record
    has none of them.
    """
    if settings.keep_start_if_better and not history.best_epoch:
        history = History()
    return TrainingRecord(
        loss=history.loss,
        accuracy=history.accuracy,
        validation_loss=history.validation_loss,
        validation_accuracy=history.validation_accuracy,
        running_loss=history.running_loss,
        seen=tuple(count or pictures for count in history.pictures),
        sample=history.sample[-1] if history.sample else 0,
        images=pictures,
        epochs=settings.epochs,
        minutes=settings.minutes,
        step_size=settings.step_size,
        peak=settings.learning_rate,
        augmentation={name: getattr(settings, name) for name in AUGMENTATIONS},
        first_loss=first_loss,
        promise=promise,
        adaptive=settings.optimizer == "adamw",
        start_from_same_images=settings.keep_start_if_better,
        dropout=max(
            (place.layer.p for place in network.places.values() if isinstance(place.layer, Dropout)), default=0
        ),
    )
