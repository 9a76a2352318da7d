"""Batches from a pack, in an order that is a pure function of (seed, epoch) and the content of the pictures."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pack import Pack
from eyebright.system.errors import SettingsError


class Batch(NamedTuple):
    """A few pictures: `pictures` (n, height, width, 3) uint8, `labels` (n,) int64, `keys` (n,) uint64.

    The key stands for a picture's content: with seed and epoch it decides the picture's augmentation.
    """

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]
    keys: NDArray[np.uint64]


def content_order(pack: Pack, labels: NDArray[np.int64], indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """The indices sorted by class and content: the same pictures, from wherever they come, in the same order."""
    return indices[np.lexsort((pack.digests.at(indices).ranks(), labels[indices]))].astype(np.int64)


def shuffled(indices: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
    """The indices in the order of one epoch."""
    digest = hashlib.blake2b(f"order {seed} {epoch}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little"))).permutation(indices)


def share(order: NDArray[np.int64], batch_size: int, rank: int, of: int) -> NDArray[np.int64]:
    """The part of an epoch's order that one of several processes reads: every `of`-th picture of each batch.

    Batch by batch, the shares of all ranks together are the batches of one process. Only in the last, smaller batch may
    they differ in length by one, or be empty; all but that are `batch_size // of` long.

    Args:
        order: All pictures in the order of the epoch.
        batch_size: Pictures in a step of all processes together; a multiple of `of`.
        rank: Which process, from 0.
        of: How many there are.

    Raises:
        SettingsError: When the batch cannot be shared out evenly, or there is no such rank.
    """
    if not 0 <= rank < of:
        raise SettingsError(f"rank {rank} is none of {of}: ranks go from 0 to {of - 1}")
    if batch_size < 1 or batch_size % of:
        raise SettingsError(f"a batch of {batch_size} cannot be shared among {of}: give a multiple of {of}")
    return order[rank::of]


def batches(pack: Pack, labels: NDArray[np.int64], indices: NDArray[np.int64], batch_size: int) -> Iterator[Batch]:
    """Read batches in the order of the indices; the last one may be smaller."""
    for start in range(0, len(indices), batch_size):
        part = indices[start : start + batch_size]
        yield Batch(pack.read(part), labels[part], pack.digests.at(part).keys)
