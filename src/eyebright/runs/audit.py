"""audit(): from a set of images to findings; and how near-duplicates are kept in one split."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.findings import Audit
from eyebright.data.audit.look import look_over
from eyebright.data.audit.together import METHOD, Together, together
from eyebright.data.dataset import Dataset
from eyebright.data.digests import KIND, Digests
from eyebright.data.pack import Pack
from eyebright.data.pictures import Preparation
from eyebright.data.split import split
from eyebright.model.backbone import Backbone
from eyebright.model.features import Features, features
from eyebright.system import files
from eyebright.system.errors import DataError, DownloadError, MissingExtraError, OutputError
from eyebright.training.events import AnyEvent, Emit, Progress, to_all

SIDE = 128
SAMPLE = 20_000  # pictures of which features are computed where an audit alone wants them
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
        raise DataError(f"there are no images in the folders of {pictures}")
    pack = dataset.pack(
        Preparation(width=SIDE, height=SIDE), lambda done, of: emit(Progress(stage="preparing", done=done, of=of))
    )
    keep_together(dataset, pack, emit)
    seen, notes = _features(dataset, pack, emit)
    shown = Preparation(width=SIDE, height=SIDE, fit=dataset.fit_by_evidence()[0])  # as `train` would
    found = look_over(dataset, pack, shown, features=seen)
    found = msgspec.structs.replace(found, notes=(*found.notes, *notes))
    return Audited(dataset, pack, found, naive_leak(dataset, pack) if dataset.sides is None else None)


def _features(dataset: Dataset, pack: Pack, emit: Emit) -> tuple[Features | None, list[str]]:
    """Features of the pictures, of a sample where there are many; and what is to be said about that."""
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
    if len(sample) < len(usable):
        return found, [f"Labels were checked on a sample of {SAMPLE:,} images."]
    return found, []


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


def require_free(places: Sequence[Path], pictures: str | Path, *, overwrite: bool) -> None:
    """Nothing is written among the pictures or in the place of something else; found before the work begins."""
    for place in places:
        if place.exists() and not overwrite:
            raise OutputError(f"{place} already exists: choose another name, or pass --overwrite to replace it")
        if not place.absolute().parent.is_dir():
            raise OutputError(f"{place} cannot be written: the folder {place.parent} does not exist")
        if place.resolve().is_relative_to(Path(pictures).resolve()):
            raise OutputError(f"{place} is inside the folder of images, where nothing is written: choose another place")
