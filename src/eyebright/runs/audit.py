"""audit(): a folder of images to findings, a file with them, and a page to look at."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.findings import Audit, save
from eyebright.data.audit.look import look_over
from eyebright.data.dataset import Dataset
from eyebright.data.pack import Pack
from eyebright.data.pictures import Preparation
from eyebright.data.prepare import find_sets, naive_leak
from eyebright.model.backbone import Backbone
from eyebright.model.features import Features, features
from eyebright.system import files
from eyebright.system.errors import DataError, DownloadError, MissingExtraError, OutputError
from eyebright.system.text import printable
from eyebright.training.events import AnyEvent, Emit, reporting, to_all
from eyebright.web.pages.audit import audit_page

SIDE = 128
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


def audit(pictures: str | Path, *, callbacks: Iterable[Callable[[AnyEvent], None]] = ()) -> Audited:
    """Check a set of images.

    Args:
        pictures: Whatever `Dataset.open` takes; it is only read.
        callbacks: Receive the progress.

    Raises:
        DataError: When there are no images.
    """
    emit = to_all(callbacks)
    report = reporting(emit)
    dataset = Dataset.open(pictures, report=report)
    if not len(dataset):
        raise DataError(f"there are no images in the folders of {pictures}: there is nothing to check")
    pack = dataset.pack(Preparation(width=SIDE, height=SIDE), report)
    sets = find_sets(dataset, pack, report)
    seen, notes = _features(pack, emit)
    shown = Preparation(width=SIDE, height=SIDE, fit=dataset.fit_by_evidence()[0])  # as `train` would
    found = look_over(dataset, pack, shown, features=seen)
    found = msgspec.structs.replace(found, notes=(*found.notes, *notes))
    return Audited(dataset, pack, found, naive_leak(dataset, pack, sets) if dataset.sides is None else None)


def _features(pack: Pack, emit: Emit) -> tuple[Features | None, list[str]]:
    """Features of the images, or of a sample where there are many; and notes about that."""
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
    if len(sample) < len(usable):
        return found, [f"Labels were checked on a sample of {SAMPLE:,} images."]
    return found, []


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
    """Refuse to write among the images or over another file, before the work starts.

    Raises:
        OutputError: With the place and what to do.
    """
    for place in places:
        if place.exists() and not overwrite:
            raise OutputError(f"{place} already exists: use another name, or --overwrite to replace it")
        if not place.absolute().parent.is_dir():
            raise OutputError(f"{place} cannot be written: the folder {place.parent} does not exist")
        if place.resolve().is_relative_to(Path(pictures).resolve()):
            raise OutputError(f"{place} is in the folder of images, where nothing is written: use another folder")
