"""Thumbnails of many pictures: an array of `(N, 32, 32, 3)`, or what reads parts of one when they are asked for."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Thumbnails(Protocol):
    """What is needed of them; arrays have it, and `Pack.thumbnails`."""

    def __len__(self) -> int: ...

    def __getitem__(self, positions: Any, /) -> NDArray[np.uint8]: ...


class Chosen:
    """Some of them, in another order."""

    def __init__(self, thumbnails: Thumbnails, which: NDArray[np.int64]) -> None:
        self._thumbnails, self._which = thumbnails, which

    def __len__(self) -> int:
        return len(self._which)

    def __getitem__(self, positions: Any, /) -> NDArray[np.uint8]:
        return self._thumbnails[self._which[positions]]
