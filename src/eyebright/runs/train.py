"""The course of a run, from its pictures to its saved model: what train() and resume() have in common.

train(): the whole way from a folder of pictures to a run: scan, prepare, split, fit, evaluate, save.
"""

import copy
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from eyebright.data import prepare
from eyebright.data.dataset import Dataset
from eyebright.data.pack import Pack
from eyebright.data.pictures import Fit
from eyebright.data.sources.ranged import without_token
from eyebright.data.split import SIDES
from eyebright.model.card import Seen
from eyebright.model.classifier import Classifier
from eyebright.model.folder import find_model
from eyebright.network import BatchNorm, Network, zoo
from eyebright.report import sinks
from eyebright.report.figures import draw_curves
from eyebright.runs import audit, checks
from eyebright.runs.auto import AUTO, choose
from eyebright.runs.folder import MADE_WITH, NETWORK, Run, RunConfig
from eyebright.runs.start import (
    choose_fit,
    is_file,
    mirrored_by_evidence,
    network_for,
    read_start,
    require_agreement,
    taken_over,
    weights_for,
)
from eyebright.system import files, machine
from eyebright.system.errors import OutputError, SettingsError
from eyebright.system.text import printable
from eyebright.training import processes, trainer
from eyebright.training.budget import watched
from eyebright.training.events import (
    AnyEvent,
    Emit,
    Evaluated,
    EventLog,
    Extended,
    FitChosen,
    MirroringJudged,
    ModelSaved,
    Progress,
    Resumed,
    RunStarted,
    SharedOut,
    Stopped,
    read_events,
    to_all,
)
from eyebright.training.settings import Settings
from eyebright.training.stages import frozen_layers
from eyebright.trust.metrics import Evaluation


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

    def settle(settings: Settings) -> None:
        run.write_config(msgspec.structs.replace(config, training=settings))

    try:
        with run.locked(), sinks.opened(config.log, run.path, earlier or ()) as receivers:
            emit = to_all([emit, EventLog(run.events), *receivers])
            if processes.place().size > 1:
                emit(_shared_out(config, classifier))
            if earlier is None:
                run.write_split(dataset, pack)
                run.write_left_out(pack.left_out)
                emit(_started(config, title or config.network, classifier, dataset, pack))
            for event in tried:  # they were told before the run had a log
                EventLog(run.events)(event)
            if fitted is not None:
                emit(fitted)
            classifier.fit(dataset, settings=config.training, callbacks=[emit], checkpoint=run.checkpoint,
                           earlier=earlier, begun_at=begun_at, on_settled=settle)  # fmt: skip
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
        left_out=tuple(printable(f"{left.name}: {left.reason}") for left in pack.left_out),
        leaking=int(np.count_nonzero((sides < 0) & (pack.rows >= 0))),
        naive_leak=audit.naive_leak(dataset, pack) if dataset.sides is None else 0.0,
        parameters=classifier.network.parameter_count,
        versions=machine.versions(),
    )


def _shared_out(config: RunConfig, classifier: Classifier) -> SharedOut:
    learning = config.training.norm_statistics == "batch"
    norms = learning and any(isinstance(place.layer, BatchNorm) for place in classifier.network.places.values())
    size = config.training.batch_size
    return SharedOut(processes=processes.place().size, batch_size=size, norms=norms, group=processes.launch_id())


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
    return bool(told) and told[-1].group == processes.launch_id()


def scan(path: str | Path, emit: Emit, **opening: Any) -> Dataset:
    """The pictures at a path, as `Dataset.open` finds them; tells the progress."""
    return Dataset.open(path, progress=lambda found: emit(Progress(stage="scanning", done=found, of=None)), **opening)


__all__ = ["Result", "evaluate", "train"]

_BYTES_PER_PARAMETER = 76  # three checkpoints while one is written, the model and the one before it


def train(
    pictures: str | Path | Dataset,
    output: str | Path | None = None,
    *,
    minutes: float | None = None,
    epochs: int | None = None,
    network: str | Network = "",
    weights: str | Path = "",
    start_from: str | Path = "",
    start_sha256: str = "",
    size: int | None = None,
    fit: Fit | Literal["auto"] = "auto",
    validation: float = 0.15,
    test: float = 0.15,
    group_by: str = "",
    split: str | Path = "",
    split_seed: int | None = None,
    exclude: Collection[str] = (),
    settings: Settings | None = None,
    mirror: bool = False,
    log: Sequence[str] = (),
    overwrite: bool = False,
    callbacks: Iterable[Callable[[AnyEvent], None]] = (),
) -> Result:
    """Train on a folder of pictures and keep everything in a run's folder.

    Args:
        pictures: Whatever `Dataset.open` takes: a folder with one folder of pictures for each class, a table, tar
            shards, the address of such...; or a data set.
        output: The run's folder, which must not exist yet; by default the pictures' name and "_run".
        minutes: Time for all of it: the best that can be had in it, whatever the epochs.
        epochs: Passes over the training pictures.
        network: A name from the zoo, the path of a network's JSON, or a network. "auto", the default, gives a published
            network a head of its own and, where minutes or epochs are given, tunes it further; for small pictures and
            minutes it also tries a compact network from scratch.
        weights: Where to start: "published" for those that others have trained on ImageNet, or a file of weights. The
            last layer begins anew where it is for other classes. Unless given, all begin at random.
        start_from: A finished model, or the run of one: its network, size and preparation are taken over with its
            weights, also for other classes. Pictures that it has seen are for training, and never for the test.
        start_sha256: The digest that its weights must have; a run that is repeated knows it.
        size: Pixels a side; by default what is typical for the pictures, from 24 to 180, or what published weights
            were trained on.
        fit: How pictures of other proportions are brought to size: "crop", "pad", "stretch"; "auto" crops them unless
            that would leave out much of what they show.
        validation: Share of the pictures that picks the best epoch and the temperature.
        test: Share that is only looked at in the end.
        group_by: A regular expression for the group in a picture's name, as in `Dataset.open`; pictures of one group
            are never on two sides.
        split: A file with a split that was decided before, such as `split.csv` of another run; the shares do not count
            then.
        split_seed: Decides the split where that is another seed than the training's.
        exclude: Names of pictures to leave out, as `Audit.superfluous` gives them.
        settings: How to train.
        mirror: Whether pictures are mirrored where the settings say `flip`; else only where that is found to do no
            harm: digits, letters and arrows have a left and a right.
        log: Where to tell the epochs beside the run's own log: "csv", "tensorboard".
        overwrite: Replace a run that is there; it is kept until the new model stands.
        callbacks: Receive every event as it happens.

    Raises:
        DataError: When the pictures cannot be learned from.
        NetworkError: When there is no such network, it does not take the pictures, or the weights do not fit it.
        DownloadError: When published weights cannot be had.
        SettingsError: When settings exclude each other or are out of range.
        ModelError: When there is no sound model to start from.
        MissingExtraError: When torch is not installed.
        OutputError: When the output cannot be written; found before the training.
    """
    begun_at, emit = time.monotonic(), to_all(callbacks)
    auto = not start_from and network in ("", AUTO)
    settings = checks.settled(settings or Settings(epochs=0 if auto else Settings().epochs), minutes, epochs)
    checks.require_shares(settings)
    checks.require_something_to_learn(settings, network, weights, auto=auto, begun=bool(start_from or weights))
    emit = watched(emit, settings.minutes, begun_at)
    run = Run(Path(default_output(pictures) if output is None else output))
    files.require_free(run.path, overwrite=overwrite, made_with=MADE_WITH)
    sinks.require(log)
    checks.require_one_split(split, validation, test)
    tried: list[AnyEvent] = []
    old = read_start(start_from, start_sha256) if start_from else None
    if old is not None:
        checks.require_start_apart(old, run.path)
    if isinstance(pictures, Dataset):
        if group_by or split or exclude:
            raise SettingsError("a data set has its groups, split and pictures: give them to Dataset.open")
        dataset = copy.copy(pictures)
    else:
        opening = {"validation": validation, "test": test, "group_by": group_by, "split": split,
                   "exclude": exclude}  # fmt: skip
        dataset = scan(pictures, emit, seed=settings.seed if split_seed is None else split_seed, **opening)
    dataset.require_trainable()
    checks.require_apart(run.path, dataset)
    if old is not None:
        require_agreement(old, network, weights, size, fit)
        built, start = taken_over(old, dataset.classes, settings.seed)
        name, fit, dataset.learned = f"the network of {start_from}", old.card.preparation.fit, old.card.seen.among
        fitted = choose_fit(dataset, built, fit)
    elif auto:
        fitted = choose_fit(dataset, None, fit)
        name, built, start, settings = choose(
            dataset, fitted.fit, size, settings, to_all([emit, tried.append]), begun_at=begun_at, mirror=mirror
        )
    else:
        if weights == zoo.PUBLISHED and isinstance(network, str) and not is_file(network):
            size = zoo.named(network).input_size if size is None else size
        built = network_for(dataset, network, size)
        name = network if isinstance(network, str) else NETWORK
        start = weights_for(built, str(weights), name, settings.seed, emit)
        fitted = choose_fit(dataset, built, fit)
    frozen_layers(built, settings.frozen)  # a slip of the pen is found before the work
    fit = fitted.fit
    classifier = Classifier(built, dataset.classes, weights=start, fit=fit, seed=settings.seed)
    classifier.seen = seen = Seen() if old is None else old.card.seen
    files.require_space(
        run.path, _BYTES_PER_PARAMETER * built.parameter_count, what="the run with its checkpoint and model"
    )
    trainer()  # a missing torch is found before anything is written
    pack = prepare.packed(dataset, classifier.preparation, emit)
    audit.keep_together(dataset, pack, emit)
    sides = dataset.split(pack)  # and so is a class with too few different pictures
    if not (mirror or any(isinstance(event, MirroringJudged) for event in tried)):
        settings = mirrored_by_evidence(dataset, pack, sides, settings, to_all([emit, tried.append]))
    if old is not None:
        checks.require_new_test(old, dataset, pack, sides)
    kept = auto or str(weights) not in ("", zoo.PUBLISHED)  # weights that are not to be had again: the run holds them
    config = RunConfig(
        pictures=dataset.address or str(dataset.origin or dataset.source.identity),
        group_by=group_by,
        split=str(Path(split).absolute()) if split else "",
        excluded=tuple(sorted(exclude)),
        network=name if name in zoo.NETWORKS else NETWORK,
        weights=run.start.name if kept else str(weights),
        start_from="" if old is None else str(old.path),
        start_sha256="" if old is None else old.sha256,
        size=built.input_shape[-1],
        fit=fit,
        validation=dataset.shares[0],
        test=dataset.shares[1],
        split_seed=dataset.seed,
        log=tuple(log),
        training=settings,
    )
    run.begin(config, built, overwrite=overwrite, seen=seen, start=start if kept else None)
    return go(run, config, classifier, dataset, pack, emit, begun_at=begun_at, title=name, fitted=fitted, tried=tried)


def evaluate(
    model: str | Path,
    pictures: str | Path,
    *,
    tta: bool = False,
    callbacks: Iterable[Callable[[AnyEvent], None]] = (),
) -> Evaluation:
    """Judge a model, or the model of a run, on a folder of pictures; a run writes down that somebody looked.

    Args:
        model: A model's folder, or a run.
        pictures: Whatever `Dataset.open` takes.
        tta: Ask about the mirror images too, and take the mean (test-time augmentation).
        callbacks: Receive every event as it happens.

    Raises:
        ModelError: When there is no sound model.
        DataError: When the pictures have a class that the model does not know, or none that is new to it.
    """
    emit = to_all(callbacks)
    classifier = Classifier.load(model)
    dataset = Dataset.open(pictures, progress=lambda found: emit(Progress(stage="scanning", done=found, of=None)))
    evaluation = classifier.evaluate(dataset, emit=emit, tta=tta)
    log = Run(find_model(Path(model)).parent).events
    if log.exists():
        with suppress(OutputError):  # a run that may only be read is still worth judging
            EventLog(log)(evaluated(without_token(str(pictures)), evaluation))
    return evaluation


def default_output(pictures: str | Path | Dataset) -> str:
    """Where a run is kept unless it is said: beside nothing else, under the pictures' name."""
    origin = pictures.origin if isinstance(pictures, Dataset) else pictures
    if origin is None:
        raise SettingsError("pictures in memory have no name: say where the run is to be kept, as output")
    return f"{Path(without_token(str(origin))).resolve().stem}_run"
