"""train(): the whole way from a folder of pictures to a run: scan, prepare, split, fit, evaluate, save."""

import copy
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from eyebright import auditing, files, preparing, zoo
from eyebright.choosing import AUTO, choose
from eyebright.classifier import Classifier
from eyebright.course import Result, evaluated, go, scan
from eyebright.datasets import SIDES, Dataset, Pack, without_token
from eyebright.datasets import share as share_out
from eyebright.errors import DataError, OutputError, SettingsError
from eyebright.evaluation import Evaluation
from eyebright.model import Seen, find_model
from eyebright.network import Network
from eyebright.pictures import Fit
from eyebright.report import sinks
from eyebright.run_folder import MADE_WITH, NETWORK, Run, RunConfig
from eyebright.starting import choose_fit, is_file, mirrored_by_evidence, network_for, weights_for
from eyebright.successor import Start, read_start, require_agreement, taken_over
from eyebright.training import processes, trainer
from eyebright.training.budget import watched
from eyebright.training.events import AnyEvent, EventLog, MirroringJudged, Scanning, to_all
from eyebright.training.settings import Settings
from eyebright.training.stages import frozen_layers

__all__ = ["Result", "evaluate", "train"]

DEFAULT_SHARE = 0.15
LEAST_MINUTES = 0.3
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
    settings = _settings(settings or Settings(epochs=0 if auto else Settings().epochs), minutes, epochs)
    _require_something_to_learn(settings, network, weights, auto=auto, begun=bool(start_from or weights))
    emit = watched(emit, settings.minutes, begun_at)
    run = Run(Path(default_output(pictures) if output is None else output))
    files.require_free(run.path, overwrite=overwrite, made_with=MADE_WITH)
    sinks.require(log)
    _require_one_split(split, validation, test)
    tried: list[AnyEvent] = []
    old = read_start(start_from, start_sha256) if start_from else None
    if isinstance(pictures, Dataset):
        if group_by or split or exclude:
            raise SettingsError("a data set has its groups, split and pictures: give them to Dataset.open")
        dataset = copy.copy(pictures)
    else:
        opening = {"validation": validation, "test": test, "group_by": group_by, "split": split,
                   "exclude": exclude}  # fmt: skip
        dataset = scan(pictures, emit, seed=settings.seed if split_seed is None else split_seed, **opening)
    dataset.require_trainable()
    _require_apart(run.path, dataset)
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
    share_out(
        np.empty(0, np.int64), settings.batch_size, 0, processes.place().of
    )  # as is a batch that processes cannot share
    fit = fitted.fit
    classifier = Classifier(built, dataset.classes, weights=start, fit=fit, seed=settings.seed)
    classifier.seen = seen = Seen() if old is None else old.card.seen
    files.require_space(
        run.path, _BYTES_PER_PARAMETER * built.parameter_count, what="the run with its checkpoint and model"
    )
    trainer()  # a missing torch is found before anything is written
    pack = preparing.packed(dataset, classifier.preparation, emit)
    auditing.keep_together(dataset, pack, emit)
    sides = dataset.split(pack)  # and so is a class with too few different pictures
    if not (mirror or any(isinstance(event, MirroringJudged) for event in tried)):
        settings = mirrored_by_evidence(dataset, pack, sides, settings, to_all([emit, tried.append]))
    if old is not None:
        _require_new_test(old, dataset, pack, sides)
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
    dataset = Dataset.open(pictures, progress=lambda found: emit(Scanning(found=found)))
    evaluation = classifier.evaluate(dataset, emit=emit, tta=tta)
    log = Run(find_model(Path(model)).parent).events
    if log.exists():
        with suppress(OutputError):  # a run that may only be read is still worth judging
            EventLog(log)(evaluated(without_token(str(pictures)), evaluation))
    return evaluation


def _settings(settings: Settings, minutes: float | None, epochs: int | None) -> Settings:
    """The settings with what is asked for beside them."""
    if minutes is not None and epochs is not None:
        raise SettingsError(f"minutes = {minutes:g} and epochs = {epochs} contradict each other: give one of them")
    if minutes is not None and minutes <= 0:
        raise SettingsError(f"minutes must be above 0, got {minutes:g}")
    changes = {"minutes": minutes, "epochs": epochs}
    settings = settings.changed({name: value for name, value in changes.items() if value is not None})
    if 0 < settings.minutes < LEAST_MINUTES:
        raise SettingsError(
            f"{settings.minutes:g} minutes are too few: starting, judging and saving take about a quarter; "
            f"give {LEAST_MINUTES:g} or more"
        )
    return settings


def _require_something_to_learn(
    settings: Settings, network: str | Network, weights: str | Path, *, auto: bool, begun: bool
) -> None:
    if auto and weights:
        raise SettingsError(
            f"weights = {weights} and network = {network or AUTO} contradict each other: auto finds its own weights; "
            "name the network that these belong to"
        )
    if not (auto or begun or settings.epochs or settings.minutes):
        raise SettingsError("epochs = 0 would leave the weights as they were drawn: give epochs or minutes")


def default_output(pictures: str | Path | Dataset) -> str:
    """Where a run is kept unless it is said: beside nothing else, under the pictures' name."""
    origin = pictures.origin if isinstance(pictures, Dataset) else pictures
    if origin is None:
        raise SettingsError("pictures in memory have no name: say where the run is to be kept, as output")
    return f"{Path(without_token(str(origin))).resolve().stem}_run"


def _require_one_split(split: str | Path, validation: float, test: float) -> None:
    shares = (("validation", validation), ("test", test))
    for name, share in shares if str(split) else ():
        if share != DEFAULT_SHARE:
            raise SettingsError(
                f"split = {split} and {name} = {share:g} contradict each other: the file says which picture is on "
                "which side; leave one of them"
            )


def _require_new_test(old: Start, dataset: Dataset, pack: Pack, sides: NDArray[np.int64]) -> None:
    """Where the sides were given, the model may have seen all of the test: that is found before the training."""
    test = pack.digests.at(np.flatnonzero(sides == SIDES.index("test")))
    if old.card.seen.among(test).all():
        raise DataError(
            f"the model in {old.path} has seen all {len(test)} pictures of the test side: it would only recite; "
            "give it pictures that it has not seen, or leave the split to eyebright"
        )


def _require_apart(output: Path, dataset: Dataset) -> None:
    """Nothing is written among the pictures, and nothing that holds them is replaced."""
    if dataset.origin is not None:
        if str(dataset.origin).encode("utf-8", "replace").decode() != str(dataset.origin):
            raise DataError(f"{files.printable(str(dataset.origin))} is not named in UTF-8: rename it")
        if not isinstance(dataset.origin, Path):
            return
        pictures, place = dataset.origin.resolve(), output.resolve()
        if place.is_relative_to(pictures) or pictures.is_relative_to(place):
            raise OutputError(f"{output} and the pictures in {dataset.origin} lie in each other: choose another output")
