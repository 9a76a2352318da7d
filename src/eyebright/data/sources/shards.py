"""Images in WebDataset's tar shards, on the disk or at an address; each is read from its place inside the tar."""

import re
import secrets
import warnings
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import ImageInput
from eyebright.data.sources.labels import index_classes, require_distinct_classes
from eyebright.data.sources.ranged import Ranged
from eyebright.data.sources.shard_index import ShardSample, cached_samples, is_weak
from eyebright.data.sources.shard_paths import common_folders, require_all_parts, titles_of
from eyebright.data.sources.sides import sides_in
from eyebright.data.sources.source import FoundImages, scanning
from eyebright.system.errors import DataError, PictureError
from eyebright.system.progress import Report, quiet

_MOST_IMAGE_BYTES = 1 << 29
_RUN = secrets.token_hex(8)


@dataclass(eq=False)
class ShardSource:
    """Images in tar shards.

    Args:
        shards: The shards.
        stamps: The stamp of each shard, from before it was scanned.
        places: For each image the number of its shard, its offset there and its size in bytes, `(N, 3)`.
        names: The names of the images.
        identity: As in `Source`.
    """

    shards: Sequence[Ranged]
    stamps: Sequence[str]
    places: NDArray[np.int64]
    names: Sequence[str]
    identity: str

    def stamp(self, index: int) -> str:
        number, offset, _ = self.places[index].tolist()
        return f"{self.stamps[number]} {offset}"

    def open(self, index: int) -> ImageInput:
        number, offset, size = self.places[index].tolist()
        shard = self.shards[number]
        if offset < 0:
            raise PictureError("no image in its sample: no file there has the extension of an image")
        if size > _MOST_IMAGE_BYTES:
            raise PictureError(f"too large: {size / 1e6:,.0f} MB, at most {_MOST_IMAGE_BYTES / 1e6:,.0f} MB are read")
        content = shard.read(offset, size) if size else b""
        if len(content) != size:
            raise DataError(f"{shard.name} was changed while it was being read: it ends before byte {offset + size:,}")
        return content


def read_shards(shards: Sequence[Ranged], origin: Path | str, report: Report = quiet) -> FoundImages:
    """Find the images of tar shards. Their classes are in `.cls` or `.json` files, or are the folders in the tar.

    If the names of all shards (or of their folders) give a split, and one is the training set, the images have these.

    Args:
        shards: The shards.
        origin: The path or address that the user gave, without tokens and passwords.
        report: Receives the number of images so far.

    Raises:
        DataError: When a shard is missing or damaged, or a sample is invalid; with its name.
        DownloadError: When an address cannot be reached.
    """
    require_all_parts([re.split(r"[/\\]", shard.name)[-1] for shard in shards], origin)
    titles, stamps = titles_of([shard.name for shard in shards]), [shard.stamp() for shard in shards]
    names: list[str] = []
    labels: list[str | None] = []
    places = array("q")
    for number, sample in scanning(_samples(shards, stamps, origin), report):
        names.append(f"{titles[number]}/{sample.name}")
        labels.append(sample.label)
        places.extend((number, sample.offset, sample.size))
    if not names:
        raise DataError(f"{origin} contains no images: expected tar files with samples such as 0001.jpg and 0001.cls")
    table = np.frombuffer(places, np.int64).reshape(-1, 3)
    numbers = table[:, 0].tolist()
    inside = (name[len(titles[number]) + 1 :] for name, number in zip(names, numbers, strict=True))
    classes, positions = index_classes(_class_names(origin, inside, labels))
    require_distinct_classes(classes, origin)
    given = sides_in(titles, origin) if len(titles) > 1 else None
    sides = [given[number] for number in numbers] if given else None
    source = ShardSource(shards, stamps, table, names, f"shards {origin}{_run(shards, stamps)}")
    return FoundImages(source, classes, positions, sides=sides, origin=origin)


def _samples(shards: Sequence[Ranged], stamps: Sequence[str], origin: Path | str) -> Iterator[tuple[int, ShardSample]]:
    for number, (shard, stamp) in enumerate(zip(shards, stamps, strict=True)):
        for sample in cached_samples(shard, stamp, origin):
            yield number, sample


def _run(shards: Sequence[Ranged], stamps: Sequence[str]) -> str:
    """A part of the identity that keeps this run from using earlier packs, if changes of a shard go unnoticed."""
    weak = [shard.name for shard, stamp in zip(shards, stamps, strict=True) if is_weak(shard, stamp)]
    if not weak:
        return ""
    warnings.warn(
        f"the server of {weak[0]} does not report when a file changes, so that each run prepares the images again; "
        "download the shards to prepare them only once",
        stacklevel=3,
    )
    return f", run {_RUN}"


def _class_names(origin: Path | str, names: Iterable[str], labels: Sequence[str | None]) -> list[str]:
    """The class of each image: its label, or its folder in the tar if no image has a label."""
    given = [label for label in labels if label is not None]
    if len(given) == len(labels):
        return given
    names = list(names)
    if given:
        raise DataError(
            f"{origin}: {labels.count(None):,} of {len(names):,} samples have no class, such as "
            f"{names[labels.index(None)]}: give each sample a .cls, or a .json with a label, or give none"
        )
    folders = [name.split("/")[:-1] for name in names]
    if not all(folders):
        first = names[folders.index([])]
        raise DataError(
            f"{origin}: {first} has no class: expected {first.partition('.')[0]}.cls or .json with a label beside it, "
            "or the class as the name of its folder"
        )
    level = common_folders(folders)
    return [folder[level] for folder in folders]
