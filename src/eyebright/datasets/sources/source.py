"""Where pictures come from: one small interface, and pictures that are already in memory."""

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from eyebright.pictures import Source as Openable


class Source(Protocol):
    """A numbered set of pictures: what `datasets` needs to know of a folder, an archive or an array."""

    identity: str
    """What tells this set from any other, the key of its packs: an absolute path or a digest."""

    @property
    def names(self) -> Sequence[str]:
        """For each picture, a name that people recognise: a path relative to the folder, or a number."""

    def stamp(self, index: int) -> str:
        """A short text that changes when the picture does, had without reading it."""

    def open(self, index: int) -> Openable:
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

    def open(self, index: int) -> Openable:
        return self._images[index]
