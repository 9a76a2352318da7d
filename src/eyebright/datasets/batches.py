"""Batches from a pack, in an order that is a pure function of (seed, epoch) and the content of the pictures."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.datasets.pack import Pack


class Batch(NamedTuple):
    """A few pictures: `pictures` (n, height, width, 3) uint8, `labels` (n,) int64, `keys` (n,) uint64.

    The key stands for a picture's content: with seed and epoch it decides the picture's augmentation.
    """

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]
    keys: NDArray[np.uint64]


def content_order(pack: Pack, labels: NDArray[np.int64], indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """The indices sorted by class and content: the same pictures, from wherever they come, in the same order."""
    return np.array(sorted(indices.tolist(), key=lambda index: (labels[index], pack.digests[index])), np.int64)


def shuffled(indices: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
    """The indices in the order of one epoch."""
    digest = hashlib.blake2b(f"order {seed} {epoch}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little"))).permutation(indices)


def batches(pack: Pack, labels: NDArray[np.int64], indices: NDArray[np.int64], batch_size: int) -> Iterator[Batch]:
    """Read batches in the order of the indices; the last one may be smaller."""
    for start in range(0, len(indices), batch_size):
        part = indices[start : start + batch_size]
        keys = np.array([int.from_bytes(pack.digests[index][:8], "little") for index in part], np.uint64)
        yield Batch(pack.read(part), labels[part], keys)
