"""Digests of many images: 16 bytes each in one array; Python objects would take five times as much memory."""

from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

SIZE = 16
KIND = np.dtype(f"V{SIZE}")


class Digests(Sequence[bytes]):
    """A digest of each image's content, 16 bytes; b"" for an image that cannot be opened.

    Args:
        values: `(N,)`, dtype V16; zeros stand for none.
    """

    def __init__(self, values: NDArray[np.void]) -> None:
        self.values = np.ascontiguousarray(values)

    @classmethod
    def of(cls, digests: Iterable[bytes]) -> "Digests":
        """Digests from a sequence of bytes; digests are returned as they are."""
        if isinstance(digests, Digests):
            return cls(digests.values)
        return cls(np.frombuffer(b"".join(digest.ljust(SIZE, b"\0") for digest in digests), KIND))

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> "Digests": ...
    def __getitem__(self, index: "int | slice") -> "bytes | Digests":
        if isinstance(index, slice):
            return Digests(self.values[index])
        digest: bytes = self.values[index].tobytes()
        return digest if any(digest) else b""

    def at(self, indices: NDArray[np.int64]) -> "Digests":
        """The digests at these positions."""
        return Digests(self.values[indices])

    @property
    def keys(self) -> NDArray[np.uint64]:
        """The first 8 bytes of each as a number, `(N,)`, the low byte first."""
        return self.values.view("<u8").reshape(-1, 2)[:, 0].astype(np.uint64)

    def ranks(self) -> NDArray[np.int64]:
        """Numbers that sort and compare as the digests do, `(N,)`: 0 for the least, the same for the same content."""
        high, low = self.values.view(">u8").reshape(-1, 2).astype(np.uint64).T
        order = np.lexsort((low, high))
        new = np.concatenate([[False], (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)])
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.cumsum(new[: len(order)])
        return ranks
