"""audit(): a folder of images to findings, a file with them, and a page to look at."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.examine import DescribedImages, examine
from eyebright.data.audit.findings import Audit
from eyebright.data.audit.together import Together
from eyebright.data.corrections import Correction, load
from eyebright.data.dataset import Dataset
from eyebright.data.pack import AUDITED, Pack
from eyebright.data.pictures import Preparation
from eyebright.data.prepare import find_sets, naive_leak, split
from eyebright.data.split import LEFT_OUT, connected, leaks_of, links_within
from eyebright.model.backbone import Backbone
from eyebright.model.features import features
from eyebright.report.pages.audit import audit_page
from eyebright.runs import checks
from eyebright.system import files
from eyebright.system.errors import DataError, DownloadError, MissingExtraError
from eyebright.system.text import printable
from eyebright.training.events.event import Emit, Event
from eyebright.training.head import cross_validated
from eyebright.training.receivers import reporting, to_all
from eyebright.trust.calibration import fit_temperature
from eyebright.trust.metrics import softmax

SIDE = AUDITED.width
FOLDS = 5
STRENGTH = 0.3  # of the penalty on the weights: finds the most swapped labels, see benchmarks/swapped_labels.py
SAMPLE = 20_000
"""Images whose labels are checked, where there are more."""


class Audited(NamedTuple):
    """What an audit found.

    Args:
        dataset: The images.
        pack: The same, prepared to 128 x 128.
        audit: The findings.
        leak: Share of the test images of a random split that would have a near-duplicate or an image of their group in
            the training set; None where the split is given.
    """

    dataset: Dataset
    pack: Pack
    audit: Audit
    leak: float | None


def audit(
    pictures: str | Path, *, corrections: str | Path = "", callbacks: Iterable[Callable[[Event], None]] = ()
) -> Audited:
    """Check a set of images.

    Args:
        pictures: Whatever `Dataset.open` takes; it is only read.
        corrections: A corrections file: its decisions are applied, and images that were decided about are not reported
            again.
        callbacks: Receive the progress.

    Raises:
        DataError: When there are no images, or the corrections belong to others.
    """
    emit = to_all(callbacks)
    report = reporting(emit)
    dataset = Dataset.open(pictures, corrections=corrections, report=report)
    if not len(dataset):
        raise DataError(f"there are no images in the folders of {pictures}: there is nothing to check")
    checks.require_corrections(dataset, emit)
    pack = dataset.pack(AUDITED, report)
    sets = find_sets(dataset, pack, report)
    described, notes = _described(dataset, pack, sets, emit)
    shown = Preparation(width=SIDE, height=SIDE, fit=dataset.best_resize()[0])  # as `train` would
    found = examine(dataset, pack, shown, described=described)
    if dataset.sides is not None:
        usable = np.where(pack.rows < 0, LEFT_OUT, dataset.sides)
        notes += _refused(dataset, pack)
        notes += [f"Leak: {leaks}" for leaks in leaks_of(usable, sets.related, dataset.groups)]
    if dataset.corrected is not None:
        found = found.without({correction.name for correction in dataset.corrected.decisions})
    found = msgspec.structs.replace(found, notes=(*found.notes, *notes))
    return Audited(dataset, pack, found, naive_leak(dataset, pack, sets) if dataset.sides is None else None)


def _refused(dataset: Dataset, pack: Pack) -> list[str]:
    """Why a training would refuse the sets that are given, such as one that is a copy of another."""
    try:
        split(dataset, pack)
    except DataError as problem:
        return [f"A training would refuse this: {problem}."]
    return []


def _described(dataset: Dataset, pack: Pack, sets: Together, emit: Emit) -> tuple[DescribedImages | None, list[str]]:
    """Features and class probabilities of the images, or of a sample if there are many; and notes about that."""
    usable = np.flatnonzero(pack.rows >= 0)
    sample = set(sorted(usable.tolist(), key=lambda index: pack.digests[index])[:SAMPLE])
    digests = [digest if index in sample else b"" for index, digest in enumerate(pack.digests)]
    try:
        found = features(
            lambda index: pack.read([index])[0],
            digests,
            Backbone(size_px=SIDE),
            report=reporting(emit),
        )
    except (DownloadError, MissingExtraError) as problem:
        return None, [f"Labels were not checked: {problem}."]
    notes = [f"Labels were checked on a sample of {SAMPLE:,} images."] if len(sample) < len(usable) else []
    positions = np.flatnonzero(found.rows >= 0)
    values, probabilities = found.read(positions), None
    together = connected(len(dataset), np.concatenate([links_within(sets.related), links_within(sets.kept)]))
    try:
        probabilities = out_of_fold(values, dataset.labels[positions], len(dataset.classes), together[positions])
    except DataError as problem:
        notes.append(f"Labels were not checked: {problem}.")
    return DescribedImages(positions, values, probabilities), notes


def out_of_fold(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    num_classes: int,
    groups: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Calibrated class probabilities, each image's from a classifier that was trained on no image of its group.

    The classifier is a multinomial logistic regression on the features.

    Args:
        features: `(N, D)`.
        labels: `(N,)`, from 0 to `num_classes` - 1.
        num_classes: K.
        groups: Group number of each image, `(N,)`, such as its set of duplicates; None if images are independent.

    Returns:
        `(N, K)`; rows add up to 1. A class whose images are all in one group cannot be checked: its images get
        probability 1 for their label.

    Raises:
        DataError: When there are fewer than two classes, or no class has images in two groups.
    """
    present, dense = np.unique(labels, return_inverse=True)
    members = np.arange(len(labels)) if groups is None else groups
    groups_of_class = np.bincount(np.unique(np.stack([dense, members]), axis=1)[0], minlength=1)
    checked = groups_of_class[dense] > 1 if len(labels) else np.zeros(0, np.bool_)
    if len(present) < 2 or not checked.any():
        raise DataError("expected at least two classes, and two groups of images in one of them")
    logits = cross_validated(features, dense, len(present), STRENGTH, members, folds=FOLDS)
    temperature = fit_temperature(logits[checked], dense[checked])
    known = np.where(checked[:, None], softmax(logits / temperature), np.eye(len(present))[dense])
    probabilities = np.zeros((len(labels), num_classes))
    probabilities[:, present] = known
    return probabilities


def page_of(found: Audited, decided: Iterable[Correction] = (), *, saves: bool = False) -> str:
    """The page of an audit as HTML, which asks for decisions about the images.

    Args:
        found: The audit.
        decided: What was decided before.
        saves: Whether the page is served by `eyebright audit --review`.
    """
    rows = {printable(name): index for index, name in enumerate(found.dataset.source.names)}

    def opened(name: str) -> NDArray[np.uint8] | None:
        index = rows[name]
        return found.pack.read([index])[0] if found.pack.rows[index] >= 0 else None

    def digest_of(name: str) -> str:
        return found.pack.digests[rows[name]].hex()

    return audit_page(found.audit, found.leak, opened, digest_of=digest_of, decided=decided, saves=saves)


def write_page(found: Audited, path: Path) -> None:
    """Write the page of an audit.

    Raises:
        OutputError: When it cannot be written.
    """
    corrected = found.dataset.corrected
    decided = () if corrected is None else load(corrected.path).corrections
    files.write_file(path, page_of(found, decided).encode())
