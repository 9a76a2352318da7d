"""Prepared pictures by number: rows of a file or, where the disk has no room for one, opened anew each time."""

import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from eyebright.datasets.ahead import in_threads
from eyebright.datasets.sources import Source
from eyebright.errors import DataError, PictureError
from eyebright.files import printable
from eyebright.pictures import Preparation, open_picture

Kind = TypeVar("Kind", bound=np.generic)
Reader: TypeAlias = Callable[[NDArray[np.int64]], NDArray[np.uint8]]
"""Gives the prepared pictures at positions of the source: `(n, height, width, 3)`."""


class Rows:
    """Equal rows of a file, for any number of threads.

    Args:
        path: The file; it stays open as long as this is in use, also when it is removed meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._handle)

    def fill(self, target: NDArray[Kind], numbers: NDArray[np.int64]) -> NDArray[Kind]:
        """Fill `target`, `(n, ...)`, with the rows of these numbers; a row is as long as one of its items."""
        flat = target.view(np.uint8).reshape(len(target), -1) if len(target) else ()
        for row, number in zip(flat, numbers.tolist(), strict=True):
            _read_at(self._handle, row.data, number * len(row))
        return target


def streamed(source: Source, preparation: Preparation, unchanged: Callable[[int], bool]) -> Reader:
    """A reader that opens pictures through their source each time, in a few threads.

    Args:
        source: The pictures.
        preparation: What is done to them.
        unchanged: Whether the picture at a position is still the one that the digest was taken of.
    """

    def opened(position: int) -> NDArray[np.uint8]:
        try:
            if unchanged(position):
                return open_picture(source.open(position), preparation)
            problem = "it has changed"
        except PictureError as reason:
            problem = str(reason)
        raise DataError(
            f"{printable(source.names[position])} can no longer be read as it was ({problem}): pictures that are "
            "streamed must stay as they are until the training ends; put it back, or start anew"
        )

    def read(positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        batch = np.empty((len(positions), *preparation.shape), np.uint8)
        for place, (_, pixels) in zip(batch, in_threads(opened, positions.tolist()), strict=True):
            place[...] = pixels
        return batch

    return read


def _read_at(handle: int, target: memoryview, offset: int) -> None:
    """Fill `target` from a file, without moving a position that threads would share."""
    if hasattr(os, "preadv"):
        count = os.preadv(handle, [target], offset)
    else:  # Windows: one reader at a time
        os.lseek(handle, offset, os.SEEK_SET)
        chunk = os.read(handle, len(target))
        target[: len(chunk)] = chunk
        count = len(chunk)
    if count != len(target):
        raise OSError(f"the pack ends early: {count} of {len(target)} bytes at {offset}")
