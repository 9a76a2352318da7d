"""Batches from a pack, in an order that is a pure function of seed, epoch and the content of the images."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pack import Pack
from eyebright.system.errors import SettingsError

Index = TypeVar("Index", bound=np.generic)


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
    return np.random.Generator(np.random.PCG64(seed_of(f"order {seed} {epoch}", 16))).permutation(indices)


def seed_of(purpose: str, size: int = 8) -> int:
    """The seed of so many bytes for the random numbers of one purpose; the same on every machine (BLAKE2b)."""
    return int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=size).digest(), "little")


def spread(indices: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """So many of the indices at most, evenly spread."""
    return indices[:: max(-(-len(indices) // most), 1)]


def evenly(indices: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """So many of the indices, evenly spread; all of them where there are fewer."""
    count = min(count, len(indices))
    return indices[np.arange(count) * len(indices) // max(count, 1)]


def cut(order: NDArray[Index], batch_size: int) -> list[NDArray[Index]]:
    """The batches of an epoch, in its order. A last image alone joins the batch before it.

    A batch norm has nothing to compare one image with, so no batch has a single image unless all of them have.
    """
    starts = range(0, max(len(order) - joins(batch_size), 1), batch_size)
    return [order[start : start + batch_size] for start in starts[:-1]] + [order[starts[-1] :]] if len(order) else []


def joins(batch_size: int) -> int:
    """How many images more than usual the last batch may have: one, unless all batches have a single image."""
    return int(batch_size > 1)


def share(order: NDArray[Index], batch_size: int, rank: int, of: int) -> list[NDArray[Index]]:
    """The parts of an epoch's batches that one of several processes reads: every `of`-th image of each batch.

    The shares of all ranks together are the batches of one process. A last batch that is too small to give two images
    to each rank goes to fewer of them; the others have no share of it.

    Args:
        order: All images in the order of the epoch.
        batch_size: Images in a batch of all processes together; a multiple of `of`.
        rank: The process, from 0.
        of: How many processes there are.

    Raises:
        SettingsError: When the batch cannot be shared evenly, or the rank does not exist.
    """
    if not 0 <= rank < of:
        raise SettingsError(f"rank {rank} does not exist: expected 0 to {of - 1}")
    if batch_size < 1 or batch_size % of:
        raise SettingsError(f"{of} processes cannot share a batch of {batch_size} images: give a multiple of {of}")
    least = min(batch_size // of, 2)
    shared = ((part, min(of, max(len(part) // least, 1))) for part in cut(order, batch_size))
    return [part[rank::ranks] for part, ranks in shared if rank < ranks]


def batch_of(pack: Pack, labels: NDArray[np.int64], part: NDArray[np.int64]) -> Batch:
    """Read the images at these positions as one batch."""
    return Batch(pack.read(part), labels[part], pack.digests.at(part).keys)


def batches(pack: Pack, labels: NDArray[np.int64], indices: NDArray[np.int64], batch_size: int) -> Iterator[Batch]:
    """Read images in the order of the indices, in the batches that `cut` makes."""
    for part in cut(indices, batch_size):
        yield batch_of(pack, labels, part)
