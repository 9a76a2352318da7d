"""Training a classifier on prepared images: its weights, then what is measured on them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from eyebright.data.prepare import Prepared
from eyebright.data.sources.ranged import without_token
from eyebright.data.split import ALL_SIDES
from eyebright.model.assess import assess, count_assessed
from eyebright.model.engine import layers_engine
from eyebright.model.promise import held_back_answers
from eyebright.report.history import Recorder
from eyebright.system import machine
from eyebright.system.text import counted, printable
from eyebright.training import trainer
from eyebright.training.budget import Deadline
from eyebright.training.events.event import Emit, Event
from eyebright.training.events.starting import RunStarted, Streaming
from eyebright.training.settings import Settings

if TYPE_CHECKING:
    from eyebright.model.classifier import Classifier


def run_started(
    classifier: "Classifier", prepared: Prepared, *, pictures: str | None = None, title: str = ""
) -> RunStarted:
    """The event that a training starts.

    Args:
        classifier: What is trained.
        prepared: The images.
        pictures: Where they come from, unless the data set says it.
        title: The name of the network, if it has one.
    """
    train, validation, test, held_back = (len(prepared.indices(side)) for side in ALL_SIDES)
    dataset, pack = prepared.dataset, prepared.pack
    return RunStarted(
        pictures=without_token(str(dataset.origin or "") if pictures is None else pictures),
        network=title or counted(len(classifier.network.places), "layer"),
        size=classifier.preparation.width,
        seed=classifier.settings.seed,
        epochs=classifier.settings.epochs,
        classes=dataset.classes,
        train=train,
        validation=validation,
        test=test,
        held_back=held_back,
        asked=sum(dataset.shares) if dataset.sides is None and dataset.fixed is None else 0.0,
        left_out=tuple(printable(f"{left.name}: {left.reason}") for left in pack.left_out),
        leaking=int(np.count_nonzero((prepared.sides < 0) & (pack.rows >= 0))),
        naive_leak=prepared.naive_leak,
        leaks=prepared.leaks,
        absent=prepared.absent("validation"),
        parameters=classifier.network.parameter_count,
        versions=machine.versions(),
    )


def fit_prepared(
    classifier: "Classifier",
    prepared: Prepared,
    *,
    emit: Emit,
    started_at: float,
    checkpoint: Path | None = None,
    earlier: Sequence[Event] | None = None,
    on_settled: Callable[[Settings], None] = lambda settings: None,
    promise: str = "",
) -> str:
    """Train on prepared images with the classifier's settings, then calibrate and check the result.

    Args:
        classifier: What is trained.
        prepared: The images, with the labels of this classifier.
        emit: Receives every event.
        started_at: When the budget of time started, on `time.monotonic`.
        checkpoint: A folder for the state, written after each epoch and now and then within one.
        earlier: The events of a training that was interrupted: continue from its checkpoint.
        on_settled: Receives the settings with everything that was measured, before the first step.
        promise: What the model is asked to promise; advised commands ask for it too.

    Returns:
        Why the training ended: "finished", "patience", "budget" or "interrupted".
    """
    training, recorder = trainer(), Recorder([emit], earlier)
    if prepared.pack.streamed:
        size = prepared.pack.preparation.size_bytes
        emit(Streaming(pictures=len(prepared.labels), size_bytes=len(prepared.labels) * size))
    train, validation = prepared.indices("train"), prepared.indices("validation")
    evaluated = count_assessed(prepared) + len(prepared.indices("test"))
    outcome = training.fit(
        classifier.network,
        classifier.get_weights(),
        training.Material(
            prepared.pack, prepared.labels, train, validation, prepared.dataset.source.names, layers_engine
        ),
        classifier.settings,
        emit=recorder,
        checkpoint_folder=checkpoint,
        on_settled=on_settled,
        resume=earlier is not None,
        deadline=Deadline.of_training(classifier.settings, started_at, evaluated),
    )
    classifier.set_weights(outcome.weights)
    digests, held_back = prepared.pack.digests, prepared.indices("held_back")
    new = held_back[~classifier.seen.contains(digests.at(held_back))]  # not those of a model that this one started from
    classifier.seen = classifier.seen.union(digests.at(np.concatenate([train, validation, held_back])))
    network, weights = classifier.network, classifier.get_weights()
    engine = training.TorchEngine(network, weights, outcome.settings.device)
    found = assess(
        network, weights, classifier.classes, prepared, torch_engine=engine, settings=classifier.settings,
        recorder=recorder, promise=promise,
    )  # fmt: skip
    answers = held_back_answers(found.on_gpu or found.predictor, prepared, new)
    reference = found.learned.reference._replace(held_back=answers)
    classifier.adopt(found._replace(learned=msgspec.structs.replace(found.learned, reference=reference)))
    return str(outcome.reason)
