"""WebDataset's tar shards, on the disk or at an address; pictures are read out of the middle of them, one by one."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from eyebright.datasets.sources.folder import Progress
from eyebright.datasets.sources.found import Found, sides_by_name
from eyebright.datasets.sources.manifest import Row, gathered
from eyebright.datasets.sources.ranged import Ranged
from eyebright.datasets.sources.shard_index import Sample, scan_shard
from eyebright.errors import DataError, PictureError
from eyebright.pictures import Source as Openable

_LARGEST = 1 << 29  # bytes of a picture's file


class ShardSource:
    """Pictures in tar shards, by where their bytes lie.

    Args:
        shards: The shards.
        stamps: The stamp of each, from before it was looked through.
        which: For each picture, which shard it is in.
        samples: The pictures.
        names: What they are called.
        identity: As in `Source`.
    """

    def __init__(
        self,
        shards: Sequence[Ranged],
        stamps: Sequence[str],
        which: Sequence[int],
        samples: Sequence[Sample],
        names: Sequence[str],
        identity: str,
    ) -> None:
        self._shards, self._stamps, self.names, self.identity = shards, stamps, names, identity
        self._which = np.array(which, np.int32)
        self._offsets = np.array([sample.offset for sample in samples], np.int64)
        self._sizes = np.array([sample.size for sample in samples], np.int64)

    def stamp(self, index: int) -> str:
        return f"{self._stamps[self._which[index]]} {self._offsets[index]}"

    def open(self, index: int) -> Openable:
        shard, offset, size = self._shards[self._which[index]], int(self._offsets[index]), int(self._sizes[index])
        if offset < 0:
            raise PictureError("no picture in its sample, only what tells its class")
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
        origin: The path or address that was given.
        progress: Called now and then with the number of pictures so far.

    Raises:
        DataError: When a shard is missing, damaged, or a sample is not sound; its name is given.
        DownloadError: When an address cannot be reached.
    """
    which: list[int] = []
    samples: list[Sample] = []
    stamps = []
    for number, shard in enumerate(shards):
        stamps.append(shard.stamp())
        for sample in scan_shard(shard):
            which.append(number)
            samples.append(sample)
            if progress and len(samples) % 1_000 == 0:
                progress(len(samples))
    if not samples:
        raise DataError(f"{origin} holds no pictures: expected tar shards with samples such as 0001.jpg and 0001.cls")
    if progress:
        progress(len(samples))
    titles = _titles([shard.name for shard in shards])
    names = [f"{titles[number]}/{sample.name}" for number, sample in zip(which, samples, strict=True)]
    sides = sides_by_name(titles) if len(shards) > 1 else None
    rows = [
        Row(name, label, None if sides is None else sides[number], "")
        for name, label, number in zip(names, _labels(origin, samples), which, strict=True)
    ]
    source = ShardSource(shards, stamps, which, samples, names, f"shards {origin}")
    return gathered(origin, rows, source)


def _titles(names: Sequence[str]) -> list[str]:
    """Names of shards without what they have in common: the folders above, and the ending."""
    parts = [name.partition("?")[0].replace("\\", "/").split("/") for name in names]
    common = 0
    while len({tuple(part[: common + 1]) for part in parts}) == 1 and all(len(part) > common + 1 for part in parts):
        common += 1
    return ["/".join(part[common:]).removesuffix(".tar") for part in parts]


def _labels(origin: Path | str, samples: Sequence[Sample]) -> list[str]:
    """The class of each picture; folders tell it only where nothing else tells any."""
    told = [sample.label for sample in samples if sample.label is not None]
    if len(told) == len(samples):
        return told
    first = next(sample for sample in samples if sample.label is None)
    if told:
        raise DataError(
            f"{origin}: {len(samples) - len(told):,} of {len(samples):,} samples have no class, such as {first.name}: "
            "give all of them a .cls or a .json with a label, or none"
        )
    folders = [PurePosixPath(sample.name).parts[:-1] for sample in samples]
    while all(folders) and len({folder[0] for folder in folders}) == 1 and all(len(folder) > 1 for folder in folders):
        folders = [folder[1:] for folder in folders]
    for sample, folder in zip(samples, folders, strict=True):
        if not folder:
            raise DataError(
                f"{origin}: {sample.name} has no class: expected {PurePosixPath(sample.name).stem}.cls or .json with a "
                "label beside it, or the name of the class as its folder"
            )
    return [folder[0] for folder in folders]
