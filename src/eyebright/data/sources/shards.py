"""WebDataset's tar shards, on the disk or at an address; pictures are read out of the middle of them, one by one."""

import secrets
import warnings
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import ImageInput
from eyebright.data.sources.folder import Progress
from eyebright.data.sources.labels import require_distinct
from eyebright.data.sources.ranged import Ranged
from eyebright.data.sources.shard_cache import is_weak, samples_of
from eyebright.data.sources.source import Found, sides_by_name
from eyebright.system.errors import DataError, PictureError

_LARGEST = 1 << 29  # bytes of a picture's file
_RUN = secrets.token_hex(8)


class ShardSource:
    """Pictures in tar shards, by where their bytes lie.

    Args:
        shards: The shards.
        stamps: The stamp of each, from before it was looked through.
        places: For each picture the number of its shard, the offset and the number of its bytes, `(N, 3)`.
        names: What they are called.
        identity: As in `Source`.
    """

    def __init__(
        self,
        shards: Sequence[Ranged],
        stamps: Sequence[str],
        places: NDArray[np.int64],
        names: Sequence[str],
        identity: str,
    ) -> None:
        self._shards, self._stamps, self._places = shards, stamps, places
        self.names, self.identity = names, identity

    def stamp(self, index: int) -> str:
        number, offset, _ = self._places[index].tolist()
        return f"{self._stamps[number]} {offset}"

    def open(self, index: int) -> ImageInput:
        number, offset, size = self._places[index].tolist()
        shard = self._shards[number]
        if offset < 0:
            raise PictureError("no picture in its sample: none of its files ends as pictures do")
        if size > _LARGEST:
            raise PictureError(f"too large: {size / 1e6:,.0f} MB")
        content = shard.read(offset, size) if size else b""
        if len(content) != size:
            raise DataError(f"{shard.name} was changed while it was being read: it ends before byte {offset + size:,}")
        return content


def read_shards(shards: Sequence[Ranged], origin: Path | str, progress: Progress | None = None) -> Found:
    """The pictures of tar shards. A class is told by `.cls` or `.json` or, where there are none, by the folder.

    Names of shards (or their folders) that all tell a side, with train among them, give the sides.

    Args:
        shards: The shards.
        origin: The path or address that was given, without what signs it.
        progress: Called now and then with the number of pictures so far.

    Raises:
        DataError: When a shard is missing, damaged, or a sample is not sound; its name is given.
        DownloadError: When an address cannot be reached.
    """
    titles = _titles([shard.name for shard in shards])
    names: list[str] = []
    told: list[str | None] = []
    places, stamps = array("q"), []
    for number, (shard, title) in enumerate(zip(shards, titles, strict=True)):
        stamps.append(shard.stamp())
        for sample in samples_of(shard, stamps[-1], origin):
            names.append(f"{title}/{sample.name}")
            told.append(sample.label)
            places.extend((number, sample.offset, sample.size))
            if progress and len(names) % 1_000 == 0:
                progress(len(names))
    if not names:
        raise DataError(f"{origin} holds no pictures: expected tar shards with samples such as 0001.jpg and 0001.cls")
    if progress:
        progress(len(names))
    where = np.frombuffer(places, np.int64).reshape(-1, 3)
    source = ShardSource(shards, stamps, where, names, f"shards {origin}{_of_this_run(shards, stamps)}")
    return _found(origin, source, titles, where[:, 0].tolist(), told)


def _of_this_run(shards: Sequence[Ranged], stamps: Sequence[str]) -> str:
    """What keeps the packs of an earlier run away where nobody tells whether a shard is still the same; else ""."""
    weak = [shard.name for shard, stamp in zip(shards, stamps, strict=True) if is_weak(shard, stamp)]
    if not weak:
        return ""
    warnings.warn(
        f"the server of {weak[0]} does not tell when a file changes: the pictures are prepared anew in each run; "
        "download them to prepare them once",
        stacklevel=3,
    )
    return f", run {_RUN}"


def _found(
    origin: Path | str, source: ShardSource, titles: Sequence[str], which: Sequence[int], told: Sequence[str | None]
) -> Found:
    """What is known of pictures of which these are the shards and the classes that are told."""
    labels = [label for label in told if label is not None]
    if len(labels) < len(told):
        inside = [name[len(titles[number]) + 1 :] for name, number in zip(source.names, which, strict=True)]
        labels = _by_folder(origin, inside, told)
    classes = tuple(sorted(set(labels)))
    require_distinct(classes, str(origin))
    position = {name: index for index, name in enumerate(classes)}
    given = sides_by_name(titles) if len(titles) > 1 else None
    sides = [given[number] for number in which] if given else None
    return Found(source, classes, [position[label] for label in labels], sides=sides, origin=origin)


def _titles(names: Sequence[str]) -> list[str]:
    """Names of shards without what they have in common: the folders above, and the ending."""
    parts = [name.replace("\\", "/").split("/") for name in names]
    common = 0
    while len({tuple(part[: common + 1]) for part in parts}) == 1 and all(len(part) > common + 1 for part in parts):
        common += 1
    return ["/".join(part[common:]).removesuffix(".tar") for part in parts]


def _by_folder(origin: Path | str, names: Sequence[str], told: Sequence[str | None]) -> list[str]:
    """The class of each picture, told by its folder; only where nothing else tells any."""
    first = names[told.index(None)]
    if any(told):
        raise DataError(
            f"{origin}: {told.count(None):,} of {len(names):,} samples have no class, such as {first}: "
            "give all of them a .cls or a .json with a label, or none"
        )
    folders = [name.split("/")[:-1] for name in names]
    if not all(folders):
        first = names[folders.index([])]
        raise DataError(
            f"{origin}: {first} has no class: expected {first.partition('.')[0]}.cls or .json with a label beside it, "
            "or the name of the class as its folder"
        )
    level = 0
    while len({folder[level] for folder in folders}) == 1 and all(len(folder) > level + 1 for folder in folders):
        level += 1
    return [folder[level] for folder in folders]
