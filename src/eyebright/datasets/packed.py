"""What a pack gives: prepared pictures, their contents, and the prints by which they are compared."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.datasets.digests import Digests
from eyebright.datasets.rows import Reader, Rows
from eyebright.pictures import PRINT, Preparation

ROWS, PRINTS = "rows.u8", "prints.bin"


class LeftOut(NamedTuple):
    """A picture that could not be used, and why."""

    name: str
    reason: str


class Pack:
    """Prepared pictures.

    Attributes:
        folder: Where they are kept.
        preparation: What was done to them.
        rows: Row of each picture of the source, `(N,)`; -1 where it could not be opened.
        digests: Content of each picture, N times 16 bytes; empty where it could not be opened.
        left_out: The pictures that could not be opened, with the reasons.
        streamed: Whether they are opened anew each time, since the disk has no room for them.
    """

    def __init__(
        self,
        folder: Path,
        preparation: Preparation,
        rows: NDArray[np.int64],
        digests: Digests,
        left_out: list[LeftOut],
        stream: Reader | None = None,
    ) -> None:
        self.folder = folder
        self.preparation = preparation
        self.rows = rows
        self.digests = digests
        self.left_out = left_out
        self.streamed = stream is not None
        self._prints = Rows(folder / PRINTS)
        self._read = stream or self._reader(Rows(folder / ROWS))

    def prints(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.void]:
        """The prints of the pictures at these positions of the source: `(n,)` records of `PRINT`."""
        return self._prints.fill(np.empty(len(indices), PRINT), self.rows[np.asarray(indices, np.int64)])

    def thumbnails(self, indices: NDArray[np.int64]) -> "Thumbnails":
        """The thumbnails of the pictures at these positions of the source, to be read when they are asked for."""
        return Thumbnails(self, indices)

    def read(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """The prepared pictures at these positions of the source: `(n, height, width, 3)`, uint8.

        Raises:
            DataError: When pictures are streamed and one is no longer what it was.
        """
        return self._read(np.asarray(indices, np.int64))

    def _reader(self, kept: Rows) -> Reader:
        rows, shape = self.rows, self.preparation.shape
        return lambda indices: kept.fill(np.empty((len(indices), *shape), np.uint8), rows[indices])


class Thumbnails:
    """What stands for an array of thumbnails `(N, 32, 32, 3)` that would not fit in memory: parts of it, on request.

    Args:
        pack: Whose they are.
        indices: Of which pictures of the source.
    """

    def __init__(self, pack: Pack, indices: NDArray[np.int64]) -> None:
        self._pack, self._indices = pack, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, positions: NDArray[np.int64] | slice) -> NDArray[np.uint8]:
        return np.asarray(self._pack.prints(self._indices[positions])["thumbnail"])
