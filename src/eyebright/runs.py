"""train(): the whole way from a folder of pictures to a run: scan, prepare, split, fit, evaluate, save."""

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from eyebright import auditing, files, machine, zoo
from eyebright.classifier import Classifier
from eyebright.datasets import SIDES, Dataset, Pack
from eyebright.errors import DataError, OutputError, SettingsError
from eyebright.evaluation import Evaluation
from eyebright.model import find_model
from eyebright.network import Network
from eyebright.pictures import Fit
from eyebright.report.curves import draw_curves
from eyebright.run_folder import MADE_WITH, Run, RunConfig, split_csv
from eyebright.starting import choose_fit, is_file, network_for, recorded, weights_for
from eyebright.training import trainer
from eyebright.training.events import (
    AnyEvent,
    Emit,
    Evaluated,
    EventLog,
    FitChosen,
    ModelSaved,
    PrecisionChosen,
    Preparing,
    RunStarted,
    Scanning,
    Stopped,
    read_events,
    to_all,
)
from eyebright.training.settings import Settings

_BYTES_PER_PARAMETER = 64  # three checkpoints while one is written, the model and the one before it


class Result(NamedTuple):
    """What a run gave: where it is, the classifier, and how good that is on the test pictures."""

    path: Path
    classifier: Classifier
    test: Evaluation
    interrupted: bool


def train(
    pictures: str | Path | Dataset,
    output: str | Path,
    *,
    network: str | Network = "flowers_cnn",
    weights: str | Path = "",
    size: int | None = None,
    fit: Fit | Literal["auto"] = "auto",
    validation: float = 0.15,
    test: float = 0.15,
    group_by: str = "",
    split: str | Path = "",
    exclude: Collection[str] = (),
    settings: Settings | None = None,
    overwrite: bool = False,
    callbacks: Iterable[Callable[[AnyEvent], None]] = (),
) -> Result:
    """Train on a folder of pictures and keep everything in a run's folder.

    Args:
        pictures: A folder with one folder of pictures for each class, a table (CSV, TSV), an .npz or IDX files; or a
            data set.
        output: The run's folder, which must not exist yet.
        network: A name from the zoo, the path of a network's JSON, or a network.
        weights: Where to start: "published" for those that others have trained on ImageNet, or a file of weights. The
            last layer begins anew where it is for other classes. Unless given, all begin at random.
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
        exclude: Names of pictures to leave out, as `Audit.superfluous` gives them.
        settings: How to train.
        overwrite: Replace a run that is there; it is kept until the new model stands.
        callbacks: Receive every event as it happens.

    Raises:
        DataError: When the pictures cannot be learned from.
        NetworkError: When there is no such network, it does not take the pictures, or the weights do not fit it.
        DownloadError: When published weights cannot be had.
        SettingsError: When settings exclude each other or are out of range.
        MissingExtraError: When torch is not installed.
        OutputError: When the output cannot be written; found before the training.
    """
    run, settings, emit = Run(Path(output)), settings or Settings(), to_all(callbacks)
    files.require_free(run.path, overwrite=overwrite, made_with=MADE_WITH)
    if isinstance(pictures, Dataset):
        if group_by or split or exclude:
            raise SettingsError("a data set has its groups, split and pictures: give them to Dataset.open")
        dataset = pictures
    else:
        opening = {"validation": validation, "test": test, "group_by": group_by, "split": split,
                   "exclude": exclude}  # fmt: skip
        dataset = _scan(Path(pictures), emit, seed=settings.seed, **opening)
    dataset.require_trainable()
    _require_apart(run.path, dataset)
    if weights == zoo.PUBLISHED and isinstance(network, str) and not is_file(network):
        size = zoo.named(network).input_size if size is None else size
    built = network_for(dataset, network, size)
    name = network if isinstance(network, str) else "network.json"
    fitted = choose_fit(dataset, built, fit)
    fit = fitted.fit
    start = weights_for(built, str(weights), name, settings.seed, emit)
    classifier = Classifier(built, dataset.classes, weights=start, fit=fit, seed=settings.seed)
    files.require_space(
        run.path, _BYTES_PER_PARAMETER * built.parameter_count, what="the run with its checkpoint and model"
    )
    trainer()  # a missing torch is found before anything is written
    pack = dataset.pack(classifier.preparation, lambda done, of: emit(Preparing(done=done, of=of)))
    auditing.keep_together(dataset, pack, emit)
    dataset.split(pack)  # and so is a class with too few different pictures
    config = RunConfig(
        pictures=str(dataset.origin) if dataset.origin else dataset.source.identity,
        group_by=group_by,
        split=str(Path(split).absolute()) if split else "",
        excluded=tuple(sorted(exclude)),
        network=name,
        weights=recorded(weights),
        size=built.input_shape[-1],
        fit=fit,
        validation=dataset.shares[0],
        test=dataset.shares[1],
        split_seed=dataset.seed,
        training=settings,
    )
    run.begin(config, built, overwrite=overwrite)
    return _go(run, config, classifier, dataset, pack, emit, fitted=fitted)


def resume(path: str | Path, *, callbacks: Iterable[Callable[[AnyEvent], None]] = ()) -> Result:
    """Go on with a run that was stopped, to the same weights as if it had not been.

    Raises:
        SettingsError: When there is no such run, or it is complete.
        DataError: When the pictures are no longer those that the run began with.
    """
    run, emit = Run(Path(path)), to_all(callbacks)
    config, network = run.read()
    events = read_events(run.events)
    last = [event for event in events if isinstance(event, Stopped | ModelSaved)][-2:]
    if len(last) == 2 and isinstance(last[0], Stopped) and last[0].reason != "interrupted" and run.model.exists():
        raise SettingsError(
            f"{path} is complete: it was trained for {last[0].epoch} epochs; start a new run to train more"
        )
    if config.pictures.startswith("arrays "):
        raise SettingsError(f"{path} was trained on pictures in memory: it cannot be resumed from the disk")
    begun = any(isinstance(event, PrecisionChosen) for event in events) and run.has_checkpoint
    dataset = _scan(
        Path(config.pictures),
        emit,
        seed=config.split_seed,
        validation=config.validation,
        test=config.test,
        group_by=config.group_by,
        split=run.split if config.split or begun else "",
        exclude=config.excluded,
    )
    seed = config.training.seed
    start = None if begun else weights_for(network, config.weights, config.network, seed, emit)
    classifier = Classifier(network, dataset.classes, weights=start, fit=config.fit, seed=seed)
    pack = dataset.pack(classifier.preparation, lambda done, of: emit(Preparing(done=done, of=of)))
    auditing.keep_together(dataset, pack, emit)
    if begun and run.split.read_bytes() != split_csv(dataset, pack):
        raise DataError(
            f"the pictures in {config.pictures} are no longer those that {path} began with (its split.csv lists them): "
            "put them back to go on, or start a new run"
        )
    return _go(run, config, classifier, dataset, pack, emit, earlier=events if begun else None)


def evaluate(
    model: str | Path, pictures: str | Path, *, callbacks: Iterable[Callable[[AnyEvent], None]] = ()
) -> Evaluation:
    """Judge a model, or the model of a run, on a folder of pictures; a run writes down that somebody looked.

    Raises:
        ModelError: When there is no sound model.
        DataError: When the pictures have a class that the model does not know, or none that is new to it.
    """
    emit = to_all(callbacks)
    classifier = Classifier.load(model)
    dataset = Dataset.open(pictures, progress=lambda found: emit(Scanning(found=found)))
    evaluation = classifier.evaluate(dataset, emit=emit)
    log = Run(find_model(Path(model)).parent).events
    if log.exists():
        with suppress(OutputError):  # a run that may only be read is still worth judging
            EventLog(log)(_evaluated(str(pictures), evaluation))
    return evaluation


def _go(
    run: Run,
    config: RunConfig,
    classifier: Classifier,
    dataset: Dataset,
    pack: Pack,
    emit: Emit,
    *,
    fitted: FitChosen | None = None,
    earlier: list[AnyEvent] | None = None,
) -> Result:
    """Fit, evaluate and save, from the start or, where there are earlier events, from the checkpoint."""
    emit = to_all([emit, EventLog(run.events)])
    run.write_pictures(dataset, pack)
    if earlier is None:
        emit(_started(config, classifier, dataset, pack))
    if fitted is not None:
        emit(fitted)
    classifier.fit(dataset, settings=config.training, callbacks=[emit], checkpoint=run.checkpoint, earlier=earlier)
    test = classifier.metrics["test"] = classifier.evaluate(dataset.test)
    emit(_evaluated("test", test))
    files.write_file(run.curves, draw_curves(classifier.history))
    card = classifier.save(run.model, overwrite=True)
    emit(ModelSaved(path=str(run.model), weights_sha256=card.sha256["weights.safetensors"]))
    files.forget_aside(run.path)
    last = [event for event in read_events(run.events) if isinstance(event, Stopped)][-1]
    return Result(run.path, classifier, test, interrupted=last.reason == "interrupted")


def _started(config: RunConfig, classifier: Classifier, dataset: Dataset, pack: Pack) -> RunStarted:
    sides = dataset.split(pack)
    train, validation, test = (int(np.count_nonzero(sides == number)) for number in range(len(SIDES)))
    return RunStarted(
        pictures=config.pictures,
        network=config.network,
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


def _evaluated(side: str, evaluation: Evaluation) -> Evaluated:
    low, high = evaluation.interval
    return Evaluated(
        side=side, pictures=evaluation.pictures, accuracy=evaluation.accuracy, low=low, high=high, loss=evaluation.loss
    )


def _scan(path: Path, emit: Emit, **opening: Any) -> Dataset:
    return Dataset.open(path, progress=lambda found: emit(Scanning(found=found)), **opening)


def _require_apart(output: Path, dataset: Dataset) -> None:
    """Nothing is written among the pictures, and nothing that holds them is replaced."""
    if dataset.origin is not None:
        if str(dataset.origin).encode("utf-8", "replace").decode() != str(dataset.origin):
            raise DataError(f"{files.printable(str(dataset.origin))} is not named in UTF-8: rename it")
        pictures, place = dataset.origin.resolve(), output.resolve()
        if place.is_relative_to(pictures) or pictures.is_relative_to(place):
            raise OutputError(f"{output} and the pictures in {dataset.origin} lie in each other: choose another output")
