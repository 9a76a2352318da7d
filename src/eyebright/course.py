"""The course of a run, from its pictures to its saved model: what train() and resume() have in common."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from eyebright import auditing, files, machine
from eyebright.classifier import Classifier
from eyebright.datasets import SIDES, Dataset, Pack, without_token
from eyebright.errors import OutputError
from eyebright.evaluation import Evaluation
from eyebright.network import BatchNorm
from eyebright.report import sinks
from eyebright.report.curves import draw_curves
from eyebright.run_folder import Run, RunConfig
from eyebright.training import processes
from eyebright.training.events import (
    AnyEvent,
    BatchLowered,
    Emit,
    Evaluated,
    EventLog,
    Extended,
    FitChosen,
    ModelSaved,
    PrecisionChosen,
    Resumed,
    RunStarted,
    Scanning,
    SharedOut,
    Stopped,
    read_events,
    to_all,
)


class Result(NamedTuple):
    """What a run gave: where it is, the classifier, and how good that is on the test pictures."""

    path: Path
    classifier: Classifier
    test: Evaluation
    interrupted: bool


def go(
    run: Run,
    config: RunConfig,
    classifier: Classifier,
    dataset: Dataset,
    pack: Pack,
    emit: Emit,
    *,
    begun_at: float,
    title: str = "",
    fitted: FitChosen | None = None,
    tried: Sequence[AnyEvent] = (),
    earlier: list[AnyEvent] | None = None,
) -> Result:
    """Fit, evaluate and save, from the start or, where there are earlier events, from the checkpoint.

    Raises:
        OutputError: When the disk is full, say; what was learned before is kept.
        SettingsError: When another process is at it.
    """
    settle = _Settling(run, config)
    try:
        with run.locked(), sinks.opened(config.log, run.path, earlier or ()) as receivers:
            emit = to_all([emit, EventLog(run.events), *receivers, settle])
            if processes.place().of > 1:
                emit(_shared_out(config, classifier))
            for event in earlier or ():
                settle(event)  # in case that a kill came between the choice and the writing
            if earlier is None:
                run.write_split(dataset, pack)
                run.write_left_out(pack.left_out)
                emit(_started(config, title or config.network, classifier, dataset, pack))
            for event in tried:  # they were told before the run had a log
                EventLog(run.events)(event)
            if fitted is not None:
                emit(fitted)
            classifier.fit(dataset, settings=settle.config.training, callbacks=[emit], checkpoint=run.checkpoint,
                           earlier=earlier, begun_at=begun_at)  # fmt: skip
            test = classifier.metrics["test"] = classifier.evaluate(dataset.test)
            emit(evaluated("test", test))
            if classifier.history.loss:  # of a head alone there is nothing to draw
                files.write_file(run.curves, draw_curves(classifier.history))
            card = classifier.save(run.model, overwrite=True)
            emit(ModelSaved(path=str(run.model), weights_sha256=card.sha256["weights.safetensors"]))
    except OutputError as problem:
        raise OutputError(
            f"{problem}. What was learned before is kept; when that is mended: eyebright train --resume {run.path}"
        ) from problem
    files.forget_aside(run.path)
    last = [event for event in read_events(run.events) if isinstance(event, Stopped)][-1]
    return Result(run.path, classifier, test, interrupted=last.reason == "interrupted")


class _Settling:
    """Writes down what was decided by measurement, so that config.toml repeats the run."""

    def __init__(self, run: Run, config: RunConfig) -> None:
        self.run, self.config = run, config

    def __call__(self, event: AnyEvent) -> None:
        if isinstance(event, PrecisionChosen):
            self._settle(precision=event.precision, threads=event.threads, device=event.device)
        elif isinstance(event, BatchLowered):
            self._settle(batch_size=event.batch_size, accumulation=event.accumulation)

    def _settle(self, **settled: Any) -> None:
        self.config = msgspec.structs.replace(self.config, training=self.config.training.changed(settled))
        self.run.write_config(self.config)


def _started(config: RunConfig, title: str, classifier: Classifier, dataset: Dataset, pack: Pack) -> RunStarted:
    sides = dataset.split(pack)
    train, validation, test = (int(np.count_nonzero(sides == number)) for number in range(len(SIDES)))
    return RunStarted(
        pictures=without_token(config.pictures),
        network=title,
        size=config.size,
        seed=config.training.seed,
        epochs=config.training.epochs,
        classes=dataset.classes,
        train=train,
        validation=validation,
        test=test,
        left_out=tuple(files.printable(f"{left.name}: {left.reason}") for left in pack.left_out),
        leaking=int(np.count_nonzero((sides < 0) & (pack.rows >= 0))),
        naive_leak=auditing.naive_leak(dataset, pack) if dataset.sides is None else 0.0,
        parameters=classifier.network.parameter_count,
        versions=machine.versions(),
    )


def _shared_out(config: RunConfig, classifier: Classifier) -> SharedOut:
    learning = config.training.norm_statistics == "batch"
    norms = learning and any(isinstance(place.layer, BatchNorm) for place in classifier.network.places.values())
    size = config.training.batch_size
    return SharedOut(processes=processes.place().of, batch_size=size, norms=norms, group=processes.group())


def evaluated(side: str, evaluation: Evaluation) -> Evaluated:
    """An evaluation, as an event."""
    low, high = evaluation.interval
    return Evaluated(
        side=side, pictures=evaluation.pictures, accuracy=evaluation.accuracy, low=low, high=high, loss=evaluation.loss,
        seen=evaluation.seen,
    )  # fmt: skip


def is_complete(path: str | Path) -> bool:
    """Whether the last thing that happened in a run was a training to its end, and its model stands."""
    run = Run(Path(path))
    told = RunStarted | Resumed | Extended | Stopped | ModelSaved
    match [event for event in read_events(run.events) if isinstance(event, told)][-2:]:
        case [Stopped(reason="finished" | "patience" | "budget"), ModelSaved()]:
            return run.model.exists()
    return False


def is_ours(path: str | Path) -> bool:
    """Whether the launcher of these processes had begun a run already, and starts them anew since one had died."""
    if not processes.restarts():
        return False
    told = [event for event in read_events(Run(Path(path)).events) if isinstance(event, SharedOut)]
    return bool(told) and told[-1].group == processes.group()


def scan(path: str | Path, emit: Emit, **opening: Any) -> Dataset:
    """The pictures at a path, as `Dataset.open` finds them; tells the progress."""
    return Dataset.open(path, progress=lambda found: emit(Scanning(found=found)), **opening)
