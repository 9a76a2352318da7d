"""audit(): a folder of pictures to findings, a file of them, and a page to look at; and a split that cannot leak."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.examine import Described, examine
from eyebright.data.audit.findings import Audit, save
from eyebright.data.audit.together import METHOD, Together, together
from eyebright.data.dataset import Dataset
from eyebright.data.digests import KIND, Digests
from eyebright.data.pack import Pack
from eyebright.data.pictures import Preparation
from eyebright.data.split import connected, links_within, split
from eyebright.model.backbone import Backbone
from eyebright.model.features import features
from eyebright.system import files
from eyebright.system.errors import DataError, DownloadError, MissingExtraError, OutputError
from eyebright.system.text import printable
from eyebright.training.events import AnyEvent, Emit, Progress, to_all
from eyebright.training.head import cross_validated
from eyebright.trust.calibration import fit_temperature
from eyebright.trust.metrics import softmax
from eyebright.web.pages.audit import audit_page

SIDE = 128
SAMPLE = 20_000  # pictures of which features are computed where an audit alone wants them
FOLDS = 5
STRENGTH = 0.3  # of the penalty on the weights: finds the most swapped labels, see benchmarks/swapped_labels.py
_TEST = 2


class Audited(NamedTuple):
    """What an audit found.

    Args:
        dataset: The pictures.
        pack: The same, prepared to 128 x 128.
        audit: The findings.
        leak: Share of the test pictures of a split that knows nothing of copies and groups, whose like is in training;
            None where the sides are given.
    """

    dataset: Dataset
    pack: Pack
    audit: Audit
    leak: float | None


def audit(pictures: str | Path, *, callbacks: Iterable[Callable[[AnyEvent], None]] = ()) -> Audited:
    """Look a set of pictures over.

    Args:
        pictures: Whatever `Dataset.open` takes; it is only read.
        callbacks: Receive the progress.

    Raises:
        DataError: When there are no pictures.
    """
    emit = to_all(callbacks)
    dataset = Dataset.open(pictures, progress=lambda found: emit(Progress(stage="scanning", done=found, of=None)))
    if not len(dataset):
        raise DataError(f"there are no pictures in the folders of {pictures}: nothing can be said about them")
    pack = dataset.pack(
        Preparation(width=SIDE, height=SIDE), lambda done, of: emit(Progress(stage="preparing", done=done, of=of))
    )
    keep_together(dataset, pack, emit)
    described, notes = _described(dataset, pack, emit)
    shown = Preparation(width=SIDE, height=SIDE, fit=dataset.fit_by_evidence()[0])  # as `train` would
    found = examine(dataset, pack, shown, described=described)
    found = msgspec.structs.replace(found, notes=(*found.notes, *notes))
    return Audited(dataset, pack, found, naive_leak(dataset, pack) if dataset.sides is None else None)


def _described(dataset: Dataset, pack: Pack, emit: Emit) -> tuple[Described | None, list[str]]:
    """Features and class probabilities of the images, or of a sample if there are many; and notes about that."""
    usable = np.flatnonzero(pack.rows >= 0)
    sample = set(sorted(usable.tolist(), key=lambda index: pack.digests[index])[:SAMPLE])
    digests = [digest if index in sample else b"" for index, digest in enumerate(pack.digests)]
    try:
        found = features(
            lambda index: pack.read([index])[0],
            digests,
            Backbone(size_px=SIDE),
            progress=lambda done, of: emit(Progress(stage="computing features", done=done, of=of)),
        )
    except (DownloadError, MissingExtraError) as problem:
        return None, [f"Labels were not checked: {problem}."]
    notes = [f"Labels were checked on a sample of {SAMPLE:,} images."] if len(sample) < len(usable) else []
    positions = np.flatnonzero(found.rows >= 0)
    values, probabilities = found.read(positions), None
    known = [numbers for numbers in (dataset.copies, dataset.groups) if numbers is not None]
    sets = connected(len(dataset), np.concatenate([links_within(numbers) for numbers in known]))
    try:
        probabilities = out_of_fold(values, dataset.labels[positions], len(dataset.classes), sets[positions])
    except DataError as problem:
        notes.append(f"Labels were not checked: {problem}.")
    return Described(positions, values, probabilities), notes


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


def keep_together(dataset: Dataset, pack: Pack, emit: Emit | None = None) -> None:
    """Find pictures that show the same, and keep them on one side of the split, unless sides are given.

    Groups that are given are joined where they share copies; only where none are, bursts are looked for too. With given
    sides a picture whose copy is on a later one is left out anyway; to leave out all that resembles it might leave
    nothing, so near copies are only told. What was found is kept beside the pack.

    Args:
        dataset: The pictures; it receives the groups and copies, the first time.
        pack: The same, prepared.
        emit: Receives the progress.
    """
    if dataset.copies is not None:
        return
    usable = np.flatnonzero(pack.rows >= 0)
    kept, copies = np.full((2, len(dataset)), -1)
    kept[usable], copies[usable] = _together(dataset, pack, usable, emit)
    dataset.copies = copies
    if dataset.sides is None:
        dataset.groups = kept


def _together(dataset: Dataset, pack: Pack, usable: NDArray[np.int64], emit: Emit | None) -> Together:
    """The sets of the pictures that can be opened, computed or found beside the pack."""
    labels, digests, count = dataset.labels[usable], pack.digests.at(usable), len(usable)
    groups = None if dataset.groups is None else dataset.groups[usable]
    if dataset.sides is None and groups is not None and not (groups >= 0).any():
        groups = None  # a column of nothing tells nothing
    elif dataset.sides is not None and groups is None:
        groups = np.full(count, -1)  # of bursts nothing would be made
    state = hashlib.blake2b(f"{METHOD}\0".encode(), digest_size=12)
    for known in (labels, digests.values) if groups is None else (labels, digests.values, groups):
        state.update(known.tobytes())
    kept = pack.folder / f"together-{state.hexdigest()}.i8"
    with suppress(FileNotFoundError):
        found = np.fromfile(kept, np.int64)
        if len(found) == 2 * count:
            return Together(found[:count], found[count:])
    progress = (
        None if emit is None else lambda share: emit(Progress(stage="comparing", done=round(share * count), of=count))
    )
    fresh = together(labels, pack.thumbnails(usable), digests, groups, progress=progress)
    with suppress(OutputError):  # it can be found again
        files.write_file(kept, np.concatenate(fresh).tobytes())
    return fresh


def alike(dataset: Dataset, pack: Pack) -> NDArray[np.bool_]:
    """Whether a picture is not learned from, but its copy, near copy, or another picture of its group is, `(N,)`.

    Given sides and splits have such; one that eyebright makes only where so much belongs together that it must be torn.
    """
    keep_together(dataset, pack)
    sides, found = dataset.split(pack), np.zeros(len(dataset), np.bool_)
    for numbers in (dataset.copies, dataset.group_numbers):
        if numbers is not None:
            found |= (numbers >= 0) & np.isin(numbers, numbers[sides == 0])
    return found & (sides > 0)


def naive_leak(dataset: Dataset, pack: Pack) -> float:
    """Share of the test pictures of a random split by classes alone, whose copy or group is in training; 0 to 1."""
    usable = np.flatnonzero(pack.rows >= 0)
    alone = np.stack([usable, np.zeros_like(usable)], axis=1).view(KIND)[:, 0]  # each of its own content
    validation, test = dataset.shares
    try:
        sides = split(dataset.labels[usable], Digests(alone), dataset.classes, validation=validation, test=test)
    except DataError:  # too few pictures to split at all
        return 0.0
    contents = pack.digests.at(usable).ranks()
    leaking = np.isin(contents, contents[sides == 0])
    if dataset.groups is not None:
        groups = dataset.groups[usable]
        leaking |= (groups >= 0) & np.isin(groups, groups[sides == 0])
    return float(leaking[sides == _TEST].mean()) if (sides == _TEST).any() else 0.0


def write(found: Audited, path: Path) -> None:
    """Write the findings as JSON; an `OutputError` where that cannot be done."""
    save(found.audit, path)


def write_page(found: Audited, path: Path) -> None:
    """Write a page with the pictures that were found; it needs nothing beside itself."""
    position = {printable(name): index for index, name in enumerate(found.dataset.source.names)}

    def picture(name: str) -> NDArray[np.uint8] | None:
        index = position[name]
        return found.pack.read([index])[0] if found.pack.rows[index] >= 0 else None

    files.write_file(path, audit_page(found.audit, found.leak, picture).encode())


def require_free(places: Sequence[Path], pictures: str | Path, *, overwrite: bool) -> None:
    """Nothing is written among the pictures or in the place of something else; found before the work begins."""
    for place in places:
        if place.exists() and not overwrite:
            raise OutputError(f"{place} already exists: choose another name, or pass --overwrite to replace it")
        if not place.absolute().parent.is_dir():
            raise OutputError(f"{place} cannot be written: there is no folder {place.parent}")
        if place.resolve().is_relative_to(Path(pictures).resolve()):
            raise OutputError(f"{place} lies among the pictures, where nothing is written: choose another place")
