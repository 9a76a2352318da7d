"""Classes of unequal size: weights for their losses, or an epoch in which each has as many pictures.

Both are pure functions of the labels, the seed and the epoch.

What is learned from, and how it comes to the network: in the order of an epoch, augmented and mixed.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eyebright.data.batches import batches, content_order, share, shuffled
from eyebright.data.pack import Pack
from eyebright.data.threads import ahead
from eyebright.network.torch import as_input
from eyebright.training import processes
from eyebright.training.settings import Settings
from eyebright.training.torch.augment import augment
from eyebright.training.torch.mixing import mix


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


class Material(NamedTuple):
    """Prepared pictures, the class of each, which are on which side, and what they are called (for messages)."""

    pack: Pack
    labels: NDArray[np.int64]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    names: Sequence[str] = ()


def shown(pictures: NDArray[np.uint8], keys: NDArray[np.uint64], settings: Settings, epoch: int) -> NDArray[np.uint8]:
    """Pictures as an epoch shows them to the network, for people to look at.

    Args:
        pictures: Prepared pictures, `(N, H, W, 3)`, as one batch.
        keys: What stands for the content of each, `(N,)`.
        settings: How they are changed.
        epoch: Which epoch.

    Returns:
        uint8, `(N, H, W, 3)`; mixed with the next one where the settings mix.
    """
    changed = augment(as_input(pictures), keys, settings, epoch)
    labels = torch.zeros(len(pictures), dtype=torch.int64)
    mixed, _ = mix(changed, labels, 1, keys, settings, epoch)
    return mixed.permute(0, 2, 3, 1).round().clamp(0, 255).byte().numpy()


class Feed:
    """Hands out the training pictures of an epoch in batches; of several processes each gets its share of a batch.

    Args:
        material: The pictures.
        settings: Order, sizes, augmentation.
        num_classes: How many classes the network tells apart.

    Raises:
        SettingsError: When a batch cannot be shared evenly among the processes that train together.
    """

    def __init__(self, material: Material, settings: Settings, num_classes: int) -> None:
        self.material, self.settings, self.num_classes = material, settings, num_classes
        self.rank, self.of, _ = processes.place()
        self._own(material.train)
        self.train = content_order(material.pack, material.labels, material.train)
        self.length = len(self.order(1).indices)  # of an epoch, in pictures
        self.steps = math.ceil(self.length / settings.step_size)  # of an epoch

    def order(self, epoch: int) -> Order:
        """The pictures of an epoch: a pure function of their content, the seed and the epoch."""
        if self.settings.sampling == "balanced":
            return balanced(self.train, self.material.labels[self.train], self.settings.seed, epoch)
        return every_picture(self.train, self.settings.seed, epoch)

    def names(self, epoch: int, start: int, count: int) -> list[str]:
        """What some of the pictures of an epoch are called."""
        indices = self.order(epoch).indices[start : start + count].tolist()
        return [self.material.names[index] if self.material.names else f"picture {index}" for index in indices]

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Pictures and labels of an epoch from some place on, augmented and mixed.

        Augmentation shares the network's threads: in a thread of its own it would hold up one of them, and the others
        would wait for that one.
        """
        indices, copies = (self._own(part[start:]) for part in self.order(epoch))
        begin = 0
        for batch in ahead(batches(self.material.pack, self.material.labels, indices, self.batch_size)):
            keys = batch.keys + copies[begin : begin + len(batch.keys)].astype(np.uint64)
            begin += len(batch.keys)
            pictures = augment(as_input(batch.pictures), keys, self.settings, epoch)
            yield mix(pictures, torch.from_numpy(batch.labels), self.num_classes, keys, self.settings, epoch)

    @property
    def batch_size(self) -> int:
        """Pictures that go through the network together in this process."""
        return self.settings.batch_size // self.of

    def _own(self, order: NDArray[Any]) -> NDArray[Any]:
        """What this process reads of an epoch, or the rest of one."""
        return share(order, self.settings.batch_size, self.rank, self.of)

    def plain(self, indices: NDArray[np.int64]) -> Iterator[tuple[Tensor, Tensor]]:
        """Pictures and labels as they are."""
        for batch in ahead(batches(self.material.pack, self.material.labels, indices, self.settings.batch_size)):
            yield as_input(batch.pictures), torch.from_numpy(batch.labels)
