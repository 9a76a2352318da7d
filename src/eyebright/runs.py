"""train(): the whole way from a folder of pictures to a run: scan, prepare, split, fit, evaluate, save."""

import copy
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from eyebright import auditing, files, preflight, preparing, zoo
from eyebright.choosing import AUTO, choose
from eyebright.classifier import Classifier
from eyebright.course import Result, evaluated, go, scan
from eyebright.datasets import Dataset, without_token
from eyebright.errors import OutputError, SettingsError
from eyebright.evaluation import Evaluation
from eyebright.model import Seen, find_model
from eyebright.network import Network
from eyebright.pictures import Fit
from eyebright.report import sinks
from eyebright.run_folder import MADE_WITH, NETWORK, Run, RunConfig
from eyebright.starting import choose_fit, is_file, mirrored_by_evidence, network_for, weights_for
from eyebright.successor import read_start, require_agreement, taken_over
from eyebright.training import trainer
from eyebright.training.budget import watched
from eyebright.training.events import AnyEvent, EventLog, MirroringJudged, Scanning, to_all
from eyebright.training.settings import Settings
from eyebright.training.stages import frozen_layers

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
    settings = preflight.settled(settings or Settings(epochs=0 if auto else Settings().epochs), minutes, epochs)
    preflight.require_shares(settings)
    preflight.require_something_to_learn(settings, network, weights, auto=auto, begun=bool(start_from or weights))
    emit = watched(emit, settings.minutes, begun_at)
    run = Run(Path(default_output(pictures) if output is None else output))
    files.require_free(run.path, overwrite=overwrite, made_with=MADE_WITH)
    sinks.require(log)
    preflight.require_one_split(split, validation, test)
    tried: list[AnyEvent] = []
    old = read_start(start_from, start_sha256) if start_from else None
    if old is not None:
        preflight.require_start_apart(old, run.path)
    if isinstance(pictures, Dataset):
        if group_by or split or exclude:
            raise SettingsError("a data set has its groups, split and pictures: give them to Dataset.open")
        dataset = copy.copy(pictures)
    else:
        opening = {"validation": validation, "test": test, "group_by": group_by, "split": split,
                   "exclude": exclude}  # fmt: skip
        dataset = scan(pictures, emit, seed=settings.seed if split_seed is None else split_seed, **opening)
    dataset.require_trainable()
    preflight.require_apart(run.path, dataset)
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
    pack = preparing.packed(dataset, classifier.preparation, emit)
    auditing.keep_together(dataset, pack, emit)
    sides = dataset.split(pack)  # and so is a class with too few different pictures
    if not (mirror or any(isinstance(event, MirroringJudged) for event in tried)):
        settings = mirrored_by_evidence(dataset, pack, sides, settings, to_all([emit, tried.append]))
    if old is not None:
        preflight.require_new_test(old, dataset, pack, sides)
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


def default_output(pictures: str | Path | Dataset) -> str:
    """Where a run is kept unless it is said: beside nothing else, under the pictures' name."""
    origin = pictures.origin if isinstance(pictures, Dataset) else pictures
    if origin is None:
        raise SettingsError("pictures in memory have no name: say where the run is to be kept, as output")
    return f"{Path(without_token(str(origin))).resolve().stem}_run"
