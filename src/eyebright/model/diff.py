"""Two models on the same images: which answers differ, which model is better, how large and fast each is."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import spread
from eyebright.data.dataset import Dataset
from eyebright.data.pack import Pack, pack
from eyebright.data.prepare import find_sets, groups_of
from eyebright.data.unlabelled import NOT_KNOWN, Alike, open_images
from eyebright.model.folder import StoredModel, read_model
from eyebright.model.predictor import BATCH_SIZE, Predictor
from eyebright.network.answering import NO_ANSWER
from eyebright.system.errors import DataError, ModelError
from eyebright.system.files import as_path
from eyebright.system.progress import Report
from eyebright.system.text import counted, listed, printable
from eyebright.training.events.event import Emit
from eyebright.training.receivers import reporting
from eyebright.trust.comparison import UNANSWERED, Answered, Comparison, Contender, Flip, compare, flips_of

_ROUNDS = 5
MAX_SHOWN = 40
"""Flips whose images come with a comparison."""


class ComparedModels(NamedTuple):
    """A comparison, and the images of its first flips as the model with the larger images sees them, `(n, H, W, C)`."""

    comparison: Comparison
    pictures: NDArray[np.uint8]


def compared(
    models: tuple[str | Path, str | Path],
    pictures: str | Path | Sequence[str | Path],
    emit: Emit,
    alike: Alike = NOT_KNOWN,
) -> ComparedModels:
    """Compare two models on the same images; arguments and errors as in `eyebright.runs.new_images.diff`.

    Args:
        models: The folders of the two models or of their runs.
        pictures: Files or folders of images, or whatever `Dataset.open` takes.
        emit: Receives the progress.
        alike: How the trainings of the models saw their images.
    """
    first, second = (read_model(as_path(path, "the folder of a model or of a run", ModelError)) for path in models)
    classes, own_classes = _joined(first, second)
    paths = [pictures] if isinstance(pictures, str | Path) else pictures
    report = reporting(emit)
    dataset = open_images(paths, classes=classes, alike=alike, report=report)
    packs = [pack(dataset.source, stored.card.preparation, report) for stored in (first, second)]
    chosen = _choose(dataset, packs, (first, second), classes)
    predictors = [Predictor.of_model(stored) for stored in (first, second)]
    answers = _answers(predictors, packs, chosen.positions, classes, report)
    order = flips_of(*answers, chosen.labels)
    some = spread(chosen.positions, BATCH_SIZE)
    speeds = cpu_ms([predictor.answers for predictor in predictors], [each.read(some) for each in packs])
    groups = groups_of(dataset, find_sets(dataset, packs[0], report))
    comparison = compare(
        (_contender(first, models[0], speeds[0]), _contender(second, models[1], speeds[1])),
        *answers,
        _flips(order, answers, chosen, dataset, classes),
        classes=classes,
        labels=chosen.labels,
        groups=None if groups is None else groups[chosen.positions],
    )
    counts = {"seen": chosen.seen, "left_out": len(packs[0].left_out), "not_common": chosen.not_common}
    comparison = msgspec.structs.replace(comparison, own_classes=own_classes, **counts)
    largest = max(packs, key=lambda images: images.preparation.size_bytes)
    return ComparedModels(comparison, largest.read(chosen.positions[order[:MAX_SHOWN]]))


def cpu_ms(
    models: Sequence[Callable[[NDArray[np.uint8]], object]], batches: Sequence[NDArray[np.uint8]]
) -> list[float]:
    """Processor milliseconds for an image, of several models in alternating rounds: the median for each.

    Args:
        models: What predicts, `(N, height, width, channels)`.
        batches: For each, prepared images of its size.
    """
    seconds: list[list[float]] = [[] for _ in models]
    for model, batch in zip(models, batches, strict=True):
        model(batch)  # the first call prepares memory
    for _ in range(_ROUNDS):
        for model, batch, spent in zip(models, batches, seconds, strict=True):
            start = time.process_time()
            model(batch)
            spent.append((time.process_time() - start) / len(batch))
    return [1000 * median(spent) for spent in seconds]


class _Chosen(NamedTuple):
    """The images to compare on: positions `(n,)`, labels `(n,)` if there are any, and what was left out."""

    positions: NDArray[np.int64]
    labels: NDArray[np.int64] | None
    seen: int
    not_common: dict[str, int]


def _joined(first: StoredModel, second: StoredModel) -> tuple[tuple[str, ...], tuple[tuple[str, ...], tuple[str, ...]]]:
    """The classes of both models together, and those that only one of them has."""
    one, other = first.card.classes, second.card.classes
    if not set(one) & set(other):
        raise ModelError(
            f"the models have no class in common: {first.path} has {listed(one)}; {second.path} has {listed(other)}"
        )
    only = tuple(name for name in one if name not in other), tuple(name for name in other if name not in one)
    return (*one, *only[1]), only


def _choose(
    dataset: Dataset, packs: Sequence[Pack], models: tuple[StoredModel, StoredModel], classes: tuple[str, ...]
) -> _Chosen:
    """The images that both models can be compared on: new to both and, with labels, of a class that both know."""
    usable = np.flatnonzero((packs[0].rows >= 0) & (packs[1].rows >= 0))
    labels, not_common = None, {}
    if set(dataset.classes) & set(classes):
        common = [all(name in stored.card.classes for stored in models) for name in dataset.classes]
        known = np.array(common)[dataset.labels[usable]]
        counts = np.bincount(dataset.labels[usable[~known]], minlength=len(common)).tolist()
        not_common = {name: count for name, count in zip(dataset.classes, counts, strict=True) if count}
        usable = usable[known]
        places = [classes.index(name) if name in classes else -1 for name in dataset.classes]
        labels = np.array(places, np.int64)[dataset.labels]
    digests = packs[0].digests.at(usable)
    seen = models[0].card.seen.contains(digests) | models[1].card.seen.contains(digests)
    new = usable[~seen]
    if not len(new):
        reasons = [f"{counted(int(seen.sum()), 'image')} that a model was trained on"] if seen.any() else []
        reasons += [f"{counted(count, 'image')} of class {printable(name)}" for name, count in not_common.items()]
        raise DataError(
            f"no image is left to compare the models on ({' and '.join(reasons) or 'none can be opened'}): "
            "give images that are new to both models, of classes that both know"
        )
    return _Chosen(new, None if labels is None else labels[new], int(seen.sum()), not_common)


def _answers(
    predictors: Sequence[Predictor],
    packs: Sequence[Pack],
    positions: NDArray[np.int64],
    classes: tuple[str, ...],
    report: Report,
) -> tuple[Answered, Answered]:
    """What both models answer to the images at these positions."""
    places = [np.array([classes.index(name) for name in predictor.classes]) for predictor in predictors]
    parts: tuple[list[Answered], list[Answered]] = [], []
    for at in range(0, len(positions), BATCH_SIZE):
        here = positions[at : at + BATCH_SIZE]
        for predictor, images, own, into in zip(predictors, packs, places, parts, strict=True):
            found = predictor.answers(images.read(here))
            best, confidence = found.probabilities.argmax(axis=1), found.probabilities.max(axis=1)
            into.append(Answered(own[best], confidence.astype(np.float64), found.answer != NO_ANSWER))
        report("evaluating", at + len(here), len(positions))
    one, other = (Answered(*map(np.concatenate, zip(*part, strict=True))) for part in parts)
    return one, other


def _flips(
    order: NDArray[np.int64],
    answers: tuple[Answered, Answered],
    chosen: _Chosen,
    dataset: Dataset,
    classes: tuple[str, ...],
) -> tuple[Flip, ...]:
    """The images that are answered differently, in this order."""
    names = (*classes, UNANSWERED)  # which is at -1
    first, second = answers
    return tuple(
        Flip(
            name=printable(dataset.source.names[chosen.positions[index]]),
            truth=None if chosen.labels is None else classes[chosen.labels[index]],
            first=names[first.answer[index]],
            first_confidence=float(first.confidence[index]),
            second=names[second.answer[index]],
            second_confidence=float(second.confidence[index]),
        )
        for index in order.tolist()
    )


def _contender(stored: StoredModel, path: str | Path, speed: float) -> Contender:
    size = sum(file.stat().st_size for file in stored.path.iterdir() if file.is_file())
    return Contender(
        model=printable(str(path)), size_bytes=size, parameters=stored.network.parameter_count, cpu_ms=round(speed, 3)
    )
