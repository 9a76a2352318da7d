"""Where pictures come from: one small interface, and pictures that are already in memory.

What a source of pictures gives: the pictures, the class of each, and what else is known of them.

A part of what was found: all but the pictures that somebody does not want.
"""

import hashlib
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import ImageInput
from eyebright.data.split import Side
from eyebright.system import text
from eyebright.system.errors import DataError
from eyebright.system.text import printable


class Source(Protocol):
    """A numbered set of pictures: what `datasets` needs to know of a folder, an archive or an array."""

    identity: str
    """What tells this set from any other, the key of its packs: an absolute path or a digest."""

    @property
    def names(self) -> Sequence[str]:
        """For each picture, a name that people recognise: a path relative to the folder, or a number."""

    def stamp(self, index: int) -> str:
        """A short text that changes when the picture does, had without reading it."""

    def open(self, index: int) -> ImageInput:
        """What `eyebright.pictures` opens."""


class ArraySource:
    """Pictures in memory.

    Args:
        images: `(N, H, W)`, `(N, H, W, 1)`, `(N, H, W, 3)` uint8, or a sequence of such pictures of differing sizes.
    """

    def __init__(self, images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> None:
        self._images = images
        self.names = [f"{index:07d}" for index in range(len(images))]
        state = hashlib.blake2b(digest_size=16)
        for image in images:
            state.update(f"{image.dtype} {image.shape}".encode())
            state.update(np.ascontiguousarray(image).data)
        self.identity = f"arrays {state.hexdigest()}"

    def stamp(self, index: int) -> str:
        return ""  # the identity covers the content

    def open(self, index: int) -> ImageInput:
        return self._images[index]


class Found(NamedTuple):
    """Pictures that were found.

    Args:
        source: The pictures.
        classes: Names of the classes, sorted as texts whatever they are, so that every source gives the same.
        labels: For each picture the position of its class.
        sides: For each picture its side, where that is given.
        groups: For each picture its group ("" for none), where there are any: pictures of one group are never on two
            sides.
        origin: The folder, file or address from which they come; of an address not what signs it.
    """

    source: Source
    classes: tuple[str, ...]
    labels: Sequence[int]
    sides: Sequence[Side] | None = None
    groups: Sequence[str] | None = None
    origin: Path | str | None = None


SIDE_NAMES: dict[str, Side] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
"""What people call the three sides, in lower case."""


def sides_by_name(names: Sequence[str]) -> list[Side] | None:
    """The side that each name tells, as `train-00000` does: all tell one, with train among them, or none counts."""
    sides = []
    for name in names:
        told = [SIDE_NAMES[word] for word in re.split(r"[-_./]", name.lower()) if word in SIDE_NAMES]
        if not told:
            return None
        sides.append(told[0])
    return sides if "train" in sides else None


T = TypeVar("T")


class Subset:
    """Some pictures of a source, which shares its packs.

    Args:
        source: All of them.
        kept: Positions of those that stay.
    """

    def __init__(self, source: Source, kept: Sequence[int]) -> None:
        self._source, self._kept = source, kept
        self.identity = source.identity
        self.names = [source.names[index] for index in kept]

    def stamp(self, index: int) -> str:
        return self._source.stamp(self._kept[index])

    def open(self, index: int) -> ImageInput:
        return self._source.open(self._kept[index])


def without(found: Found, names: Collection[str]) -> Found:
    """What was found without the pictures of these names, given as they are or as `files.printable` shows them.

    Raises:
        DataError: When a name is none of theirs; the nearest is told.
    """
    if not names:
        return found
    unwanted, own = set(names), [printable(name) for name in found.source.names]
    unknown = unwanted.difference(own, found.source.names)
    if unknown:
        name = min(unknown)
        raise DataError(
            f"{len(unknown):,} of the pictures to leave out are not there, such as {name!r}: {text.nearest(name, own)}"
        )
    pairs = zip(own, found.source.names, strict=True)
    kept = [index for index, both in enumerate(pairs) if unwanted.isdisjoint(both)]

    def part(values: Sequence[T]) -> list[T]:
        return [values[index] for index in kept]

    return found._replace(
        source=Subset(found.source, kept),
        labels=np.asarray(found.labels)[kept].tolist(),
        sides=None if found.sides is None else part(found.sides),
        groups=None if found.groups is None else part(found.groups),
    )
