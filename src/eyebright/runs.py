"""train(): the whole way from a folder of pictures to a run: scan, split, prepare, fit, evaluate, save.

RUN/
  config.toml     the resolved settings        network.json   the network that was trained
  split.csv       which picture is on which side             left_out.csv   pictures that could not be opened, and why
  events.jsonl    what happened, line by line
  checkpoint/     the state after the last complete epoch
  curves.png      accuracy and loss by epoch
  model/          the result
"""

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
import tomli_w

from eyebright import codec, files, machine, zoo
from eyebright.classifier import Classifier, training_room
from eyebright.codec import Record
from eyebright.datasets import SIDES, Dataset, FolderSource, Pack, to_csv
from eyebright.errors import DataError, OutputError, SettingsError
from eyebright.evaluation import Evaluation
from eyebright.network import Network
from eyebright.pictures import Fit
from eyebright.report.curves import draw_curves
from eyebright.training.events import (
    AnyEvent,
    Evaluated,
    EventLog,
    ModelSaved,
    PrecisionChosen,
    Preparing,
    RunStarted,
    Scanning,
    Stopped,
    read_events,
)
from eyebright.training.history import History
from eyebright.training.settings import Settings

LARGEST_SIZE, SMALLEST_SIZE = 180, 24


class RunConfig(Record, frozen=True, kw_only=True):
    """The content of config.toml: everything that decides how a run goes."""

    pictures: str
    network: str = "flowers_cnn"
    size: int
    fit: Fit = "crop"
    validation: float = 0.15
    test: float = 0.15
    training: Settings = Settings()


class Result(NamedTuple):
    """What a run gave: where it is, the classifier, and how good that is on the test pictures."""

    path: Path
    classifier: Classifier
    test: Evaluation
    interrupted: bool


class Run:
    """The places in a run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.toml"
        self.network = path / "network.json"
        self.split = path / "split.csv"
        self.left_out = path / "left_out.csv"
        self.events = path / "events.jsonl"
        self.checkpoint = path / "checkpoint"
        self.curves = path / "curves.png"
        self.model = path / "model"


def train(
    pictures: str | Path | Dataset,
    output: str | Path,
    *,
    network: str | Network = "flowers_cnn",
    size: int | None = None,
    fit: Fit = "crop",
    validation: float = 0.15,
    test: float = 0.15,
    settings: Settings | None = None,
    overwrite: bool = False,
    callbacks: Iterable[Callable[[AnyEvent], None]] = (),
) -> Result:
    """Train on a folder of pictures and keep everything in a run's folder.

    Args:
        pictures: A folder with one folder of pictures for each class, or a data set.
        output: The run's folder, which must not exist yet.
        network: A name from the zoo, the path of a network's JSON, or a network.
        size: Pixels a side; by default what is typical for the pictures, from 24 to 180.
        fit: How pictures of other proportions are brought to size.
        validation: Share of the pictures that picks the best epoch and the temperature.
        test: Share that is only looked at in the end.
        settings: How to train.
        overwrite: Replace a run that is there; it is kept until the new model stands.
        callbacks: Receive every event as it happens.

    Raises:
        DataError: When the pictures cannot be learned from.
        OutputError: When the output cannot be written; found before the training.
    """
    run, settings = Run(Path(output)), settings or Settings()
    files.require_free(run.path, overwrite=overwrite)
    emitters = list(callbacks)
    dataset = (
        pictures if isinstance(pictures, Dataset) else _scan(Path(pictures), settings.seed, validation, test, emitters)
    )
    dataset.require_trainable()
    built = _network(network, dataset, size)
    config = RunConfig(
        pictures=str(dataset.source.root) if isinstance(dataset.source, FolderSource) else dataset.source.identity,
        network=network if isinstance(network, str) else "network.json",
        size=built.input_shape[-1],
        fit=fit,
        validation=dataset.shares[0],
        test=dataset.shares[1],
        training=settings,
    )
    files.require_space(run.path, 40 * built.parameter_count, what="the run with its checkpoint and model")
    classifier = Classifier(built, dataset.classes, fit=fit, seed=settings.seed)
    training_room()  # a missing torch is found before anything is written
    pack = dataset.pack(classifier.preparation, lambda done, of: _tell(emitters, Preparing(done=done, of=of)))
    dataset.split(pack)  # a class with too few different pictures is found before anything is written
    if overwrite and run.path.exists():
        files.set_aside(run.path)
    _make(run.path)
    files.write_file(run.config, tomli_w.dumps(msgspec.to_builtins(config)).encode())
    files.write_file(run.network, built.to_json().encode())
    return _go(run, config, classifier, dataset, pack, emitters, resume_with=None)


def resume(path: str | Path, *, callbacks: Iterable[Callable[[AnyEvent], None]] = ()) -> Result:
    """Go on with a run that was stopped, to the same weights as if it had not been.

    Raises:
        SettingsError: When there is no such run, or it is complete.
        DataError: When the pictures are no longer those that the run began with.
    """
    run, emitters = Run(Path(path)), list(callbacks)
    if not run.config.is_file() or not run.network.is_file():
        raise SettingsError(
            f"{path} is no run: it holds no config.toml and network.json; give the folder that train -o made"
        )
    config = _read_config(run.config)
    events = read_events(run.events)
    stops = [event for event in events if isinstance(event, Stopped)]
    if stops and stops[-1].reason != "interrupted" and run.model.exists():
        raise SettingsError(
            f"{path} is complete: it was trained for {stops[-1].epoch} epochs; start a new run to train more"
        )
    dataset = _scan(Path(config.pictures), config.training.seed, config.validation, config.test, emitters)
    network = Network.from_json(run.network.read_bytes())
    classifier = Classifier(network, dataset.classes, fit=config.fit, seed=config.training.seed)
    pack = dataset.pack(classifier.preparation, lambda done, of: _tell(emitters, Preparing(done=done, of=of)))
    chosen = [event for event in events if isinstance(event, PrecisionChosen)]
    begun = bool(chosen) and files.standing(run.checkpoint).exists()
    if begun and run.split.read_bytes() != _split_csv(dataset, pack):
        raise DataError(
            f"the pictures in {config.pictures} are no longer those that {path} began with (its split.csv lists them): "
            "put them back to go on, or start a new run"
        )
    return _go(run, config, classifier, dataset, pack, emitters, resume_with=chosen[-1] if begun else None)


def evaluate(
    model: str | Path, pictures: str | Path, *, callbacks: Iterable[Callable[[AnyEvent], None]] = ()
) -> Evaluation:
    """Judge a model, or the model of a run, on a folder of pictures; a run writes down that somebody looked.

    Raises:
        ModelError: When there is no sound model.
        DataError: When the pictures have a class that the model does not know, or none that is new to it.
    """
    emitters = list(callbacks)
    classifier = Classifier.load(model)
    dataset = Dataset.from_folder(pictures, progress=lambda found: _tell(emitters, Scanning(found=found)))
    evaluation = classifier.evaluate(dataset, emit=lambda event: _tell(emitters, event))
    run = Run(Path(model))
    if run.events.exists():
        EventLog(run.events)(_evaluated(str(pictures), evaluation))
    return evaluation


def _evaluated(side: str, evaluation: Evaluation) -> Evaluated:
    low, high = evaluation.interval
    return Evaluated(
        side=side, pictures=evaluation.pictures, accuracy=evaluation.accuracy, low=low, high=high, loss=evaluation.loss
    )


def _go(
    run: Run,
    config: RunConfig,
    classifier: Classifier,
    dataset: Dataset,
    pack: Pack,
    emitters: list[Callable[[AnyEvent], None]],
    *,
    resume_with: PrecisionChosen | None,
) -> Result:
    """Fit, evaluate and save, from the start or from the checkpoint."""
    emitters = [*emitters, EventLog(run.events)]
    sides = dataset.split(pack)
    files.write_file(run.split, _split_csv(dataset, pack))
    files.write_file(run.left_out, _left_out_csv(pack))
    if resume_with is None:
        counts = {side: int((sides == number).sum()) for number, side in enumerate(SIDES)}
        _tell(
            emitters,
            RunStarted(
                pictures=config.pictures,
                network=config.network,
                size=config.size,
                seed=config.training.seed,
                epochs=config.training.epochs,
                classes=dataset.classes,
                **counts,
                left_out=tuple(files.printable(f"{left.name}: {left.reason}") for left in pack.left_out),
                leaking=int(((sides < 0) & (pack.rows >= 0)).sum()),
                parameters=classifier.network.parameter_count,
                versions=machine.versions(),
            ),
        )
    classifier.fit(
        dataset, settings=config.training, callbacks=emitters, checkpoint=run.checkpoint, resume_with=resume_with
    )
    events = read_events(run.events)
    classifier.history = History.from_events(events)
    test = classifier.evaluate(dataset.test)
    classifier.metrics["test"] = msgspec.to_builtins(test)
    _tell(emitters, _evaluated("test", test))
    files.write_file(run.curves, draw_curves(classifier.history))
    card = classifier.save(run.model, overwrite=True)
    _tell(emitters, ModelSaved(path=str(run.model), weights_sha256=card.sha256["weights.safetensors"]))
    files.forget_aside(run.path)
    stops = [event for event in events if isinstance(event, Stopped)]
    return Result(run.path, classifier, test, interrupted=bool(stops) and stops[-1].reason == "interrupted")


def _tell(emitters: Iterable[Callable[[AnyEvent], None]], event: AnyEvent) -> None:
    for emitter in emitters:
        emitter(event)


def _scan(path: Path, seed: int, validation: float, test: float, emitters: list[Callable[[AnyEvent], None]]) -> Dataset:
    return Dataset.from_folder(
        path, seed=seed, validation=validation, test=test, progress=lambda found: _tell(emitters, Scanning(found=found))
    )


def _network(network: str | Network, dataset: Dataset, size: int | None) -> Network:
    """The network that was asked for, by name, by file, or as it is."""
    if isinstance(network, Network):
        return network
    if network.endswith(".json"):
        try:
            return Network.from_json(Path(network).read_bytes())
        except OSError as problem:
            raise SettingsError(f"the network {network} cannot be read: {problem.strerror}") from problem
    side = size or min(max(dataset.typical_side(), SMALLEST_SIZE), LARGEST_SIZE)
    return zoo.build(network, num_classes=len(dataset.classes), input_size=side)


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True)
    except OSError as problem:
        raise OutputError(f"{path} cannot be written: {problem.strerror}") from problem


def _read_config(path: Path) -> RunConfig:
    try:
        data = msgspec.toml.decode(path.read_bytes())
    except msgspec.DecodeError as problem:
        raise SettingsError(f"{path} cannot be read: {problem}") from problem
    return codec.from_builtins(data, RunConfig, what=str(path), error=SettingsError)


def _split_csv(dataset: Dataset, pack: Pack) -> bytes:
    text = to_csv(dataset.source.names, dataset.labels, pack.digests, dataset.classes, dataset.split(pack))
    return text.encode("utf-8", "surrogateescape")


def _left_out_csv(pack: Pack) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("name", "reason"), *pack.left_out])
    return text.getvalue().encode("utf-8", "surrogateescape")
