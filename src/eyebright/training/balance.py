"""Classes of unequal size: weights for their losses, or an epoch in which each has as many pictures.

Both are pure functions of the labels, the seed and the epoch.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.datasets import shuffled


class Order(NamedTuple):
    """The pictures of an epoch, one after the other: `indices` (n,) int64.

    `copies` (n,) uint64 counts how often a picture came before in this epoch, so that it can be changed anew each time.
    """

    indices: NDArray[np.int64]
    copies: NDArray[np.uint64]


def class_weights(labels: NDArray[np.int64], num_classes: int) -> NDArray[np.float32]:
    """What the loss of a picture is multiplied by, for each class: over these labels 1 in the mean, `(num_classes,)`.

    A class with no picture has 0.
    """
    counts = np.bincount(labels, minlength=num_classes)
    present = np.count_nonzero(counts)
    weights = np.zeros(num_classes, np.float32)
    weights[counts > 0] = len(labels) / (present * counts[counts > 0])
    return weights


def every_picture(indices: NDArray[np.int64], seed: int, epoch: int) -> Order:
    """Every picture once."""
    return Order(shuffled(indices, seed, epoch), np.zeros(len(indices), np.uint64))


def balanced(indices: NDArray[np.int64], labels: NDArray[np.int64], seed: int, epoch: int) -> Order:
    """As many pictures of each class, together about as many as there are; no picture more than once beyond another.

    Args:
        indices: The pictures.
        labels: The class of each, `(len(indices),)`.
        seed: With the epoch it decides which pictures, and their order.
        epoch: Another epoch draws others.
    """
    classes = np.unique(labels)
    count = max(round(len(indices) / len(classes)), 1)
    parts = [shuffled(indices[labels == label], seed, epoch) for label in classes]
    rounds = [np.arange(count, dtype=np.uint64) // np.uint64(len(part)) for part in parts]
    order = shuffled(np.arange(count * len(parts)), seed, epoch)
    return Order(np.concatenate([np.resize(part, count) for part in parts])[order], np.concatenate(rounds)[order])
