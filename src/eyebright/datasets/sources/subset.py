"""A part of what was found: all but the pictures that somebody does not want."""

from collections.abc import Collection, Sequence
from typing import TypeVar

import numpy as np

from eyebright import codec
from eyebright.datasets.sources.found import Found
from eyebright.datasets.sources.source import Source
from eyebright.errors import DataError
from eyebright.files import printable
from eyebright.pictures import Source as Openable

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

    def open(self, index: int) -> Openable:
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
            f"{len(unknown):,} of the pictures to leave out are not there, such as {name!r}: {codec.nearest(name, own)}"
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
