"""Batches from a pack, in an order that is a pure function of seed, epoch and the content of the images."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pack import Pack
from eyebright.system.errors import SettingsError


class Batch(NamedTuple):
    """A few images: `pictures` (n, height, width, channels) uint8, `labels` (n,) int64, `keys` (n,) uint64.

    The key is a digest of the image's content: with seed and epoch it decides the augmentation of the image.
    """

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]
    keys: NDArray[np.uint64]


def content_order(pack: Pack, labels: NDArray[np.int64], indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """The indices sorted by class and content: the same images are in the same order, whatever their source."""
    return indices[np.lexsort((pack.digests.at(indices).ranks(), labels[indices]))].astype(np.int64)


def shuffled(indices: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
    """The indices in the order of one epoch."""
    digest = hashlib.blake2b(f"order {seed} {epoch}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little"))).permutation(indices)


def share(order: NDArray[np.int64], batch_size: int, rank: int, of: int) -> NDArray[np.int64]:
    """The part of an epoch's order that one of several processes reads: every `of`-th image of each batch.

    The shares of all ranks together are the batches of one process. Each share of a batch has `batch_size // of`
    images; in the last, smaller batch the shares may differ by one, or be empty.

    Args:
        order: All images in the order of the epoch.
        batch_size: Images in a step of all processes together; a multiple of `of`.
        rank: The process, from 0.
        of: How many processes there are.

    Raises:
        SettingsError: When the batch cannot be shared evenly, or the rank does not exist.
    """
    if not 0 <= rank < of:
        raise SettingsError(f"rank {rank} does not exist: expected 0 to {of - 1}")
    if batch_size < 1 or batch_size % of:
        raise SettingsError(f"{of} processes cannot share a batch of {batch_size} images: give a multiple of {of}")
    return order[rank::of]


def batches(pack: Pack, labels: NDArray[np.int64], indices: NDArray[np.int64], batch_size: int) -> Iterator[Batch]:
    """Read batches in the order of the indices; the last one may be smaller."""
    for start in range(0, len(indices), batch_size):
        part = indices[start : start + batch_size]
        yield Batch(pack.read(part), labels[part], pack.digests.at(part).keys)
