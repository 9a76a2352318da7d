"""What every reader of this folder returns: a numbered set of images, with the class of each and what else is known.

`Source` is the interface to the images, `FoundImages` adds their classes, splits and groups. The other readers build on
the helpers here; `ArraySource` is the reader of images in memory.
"""

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import ImageInput
from eyebright.data.split import Side
from eyebright.system.errors import DataError, SettingsError
from eyebright.system.progress import Report
from eyebright.system.text import counted, nearest, printable

_REPORT_EVERY = 1_000
T = TypeVar("T")


class Source(Protocol):
    """A numbered set of images, wherever they are stored."""

    identity: str
    """A text that differs between sets, the key of their packs: an absolute path or a digest."""

    @property
    def names(self) -> Sequence[str]:
        """For each image a name that people recognise: a path relative to the folder, or a number."""

    def stamp(self, index: int) -> str:
        """A short text that changes when the image does; computed without reading the image."""

    def open(self, index: int) -> ImageInput:
        """The image as a path, as the bytes of its file or as an array, for `eyebright.data.pictures`.

        Raises:
            PictureError: When there is no such image; it is then listed as one that cannot be opened.
            DataError: When the set itself is damaged or has changed.
        """


class ArraySource:
    """Images in memory.

    Args:
        images: `(N, H, W)`, `(N, H, W, 1)` or `(N, H, W, 3)`, uint8; or a sequence of images of different sizes.
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


class Subset:
    """Some images of a source. It shares the packs of the source.

    Args:
        source: All images.
        kept: The positions of the images in the subset.
        names: Other names for them; those of the source unless given.
    """

    def __init__(self, source: Source, kept: Sequence[int], names: Sequence[str] | None = None) -> None:
        self._source, self._kept = source, kept
        self.identity = source.identity
        self.names = [source.names[index] for index in kept] if names is None else names

    def stamp(self, index: int) -> str:
        return self._source.stamp(self._kept[index])

    def open(self, index: int) -> ImageInput:
        return self._source.open(self._kept[index])


class FoundImages(NamedTuple):
    """The result of a reader: images with their classes.

    Args:
        source: The images.
        classes: The names of the classes, sorted as texts in every format: 1, 10, 2.
        labels: For each image the position of its class.
        sides: For each image its split, if the format gives one.
        groups: For each image its group ("" for none), if there are any. Images of one group belong in the same split.
        origin: The folder, file or address that was read; an address without tokens and passwords.
    """

    source: Source
    classes: tuple[str, ...]
    labels: Sequence[int]
    sides: Sequence[Side] | None = None
    groups: Sequence[str] | None = None
    origin: Path | str | None = None


def exclude_images(found: FoundImages, names: Collection[str]) -> FoundImages:
    """Remove images by name.

    Args:
        found: The images.
        names: The names to remove, as in `found.source.names` or as `printable` writes these.

    Raises:
        DataError: When a name is unknown.
    """
    if not names:
        return found
    unwanted, shown = set(names), [printable(name) for name in found.source.names]
    if unknown := unwanted.difference(shown, found.source.names):
        first = min(unknown)
        raise DataError(
            f"{counted(len(unknown), 'name')} of images to exclude not found, such as {first!r}: "
            f"{nearest(first, shown)}"
        )
    both = zip(shown, found.source.names, strict=True)
    kept = [index for index, pair in enumerate(both) if unwanted.isdisjoint(pair)]

    def part(values: Sequence[T]) -> list[T]:
        return [values[index] for index in kept]

    return found._replace(
        source=Subset(found.source, kept),
        labels=part(found.labels),
        sides=None if found.sides is None else part(found.sides),
        groups=None if found.groups is None else part(found.groups),
    )


def grouped(found: FoundImages, pattern: str) -> list[str]:
    """The group of each image: its class, and what the expression captures in its name; "" where it does not match.

    Where the match contains a "/", it identifies the folder itself, and images of several classes may be one group.

    Args:
        found: The images.
        pattern: A regular expression; the text in its brackets counts or, without brackets, the whole match.

    Raises:
        SettingsError: When the expression is not valid, or matches no name.
    """
    try:
        expression = re.compile(pattern)
    except re.error as problem:
        raise SettingsError(f"group_by = {pattern!r} is not a valid regular expression: {problem}") from problem
    groups = []
    for name, label in zip(found.source.names, found.labels, strict=True):
        match = expression.search(name)
        if match is None:
            groups.append("")
        else:
            own = "" if "/" in match[0] else found.classes[label]
            groups.append("\0".join((own, *(part or "" for part in match.groups() or (match[0],)))))
    if not any(groups):
        raise SettingsError(
            f"group_by = {pattern!r} matches no image name, so there are no groups; a name is {found.source.names[0]!r}"
        )
    return groups


def stamp_of(file: Path | str) -> str:
    """The size and times of a file as a text, which changes when the file does."""
    status = os.stat(file)  # noqa: PTH116 - Path objects for each of a million files take seconds
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def scanning(items: Iterable[T], report: Report) -> Iterator[T]:
    """Pass items on, and report their number after every 1,000 and at the end."""
    count = 0
    for count, item in enumerate(items, start=1):
        yield item
        if count % _REPORT_EVERY == 0:
            report("scanning", count, None)
    report("scanning", count, None)
