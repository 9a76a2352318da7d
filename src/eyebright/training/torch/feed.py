"""The training images on their way to the network: in the order of an epoch, in batches, augmented and mixed.

Order and augmentation are pure functions of the seed, the epoch and the content of the images. They depend neither on
the batch nor on the process that reads an image, nor on whether the training was interrupted.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eyebright.data.batches import Index, batch_of, content_order, cut, joins, share, shuffled
from eyebright.data.pack import Pack
from eyebright.data.threads import ahead
from eyebright.network.torch import as_input
from eyebright.training.settings import Settings
from eyebright.training.torch.augment import augment
from eyebright.training.torch.distributed import ALONE, Group
from eyebright.training.torch.hardware import CPU
from eyebright.training.torch.mixing import mix
from eyebright.training.torch.transfer import Uploads, uploaded


class Material(NamedTuple):
    """What a network learns from.

    Args:
        pack: The prepared images.
        labels: The class of each, `(N,)`.
        train: Positions of the training images.
        validation: Positions of the validation images.
        names: Names of all images, for error messages.
    """

    pack: Pack
    labels: NDArray[np.int64]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    names: Sequence[str] = ()


class Feed:
    """Reads the images of a training in batches; each of several processes gets its share of every batch.

    Args:
        material: The images.
        settings: Order, batch size, augmentation.
        num_classes: The number of classes.
        group: The processes that train together.
        device: Where the network is trained; images are augmented there.

    Raises:
        SettingsError: When the batch size is not a multiple of the number of processes.
    """

    def __init__(
        self,
        material: Material,
        settings: Settings,
        num_classes: int,
        group: Group = ALONE,
        device: torch.device = CPU,
    ) -> None:
        self.material, self.settings, self.num_classes, self.group = material, settings, num_classes, group
        self.device = device
        self._parts(material.train)  # refuses an uneven batch
        self.train = content_order(material.pack, material.labels, material.train)
        self.sample = sample_of(self.train)
        self.length = len(self.order(1).indices)  # images in an epoch
        self.steps = max(math.ceil((self.length - joins(settings.batch_size)) / settings.step_size), 1)  # in an epoch
        self._uploads: Uploads | None = None
        if device.type == "cuda":
            needed = np.concatenate([*self._parts(material.train), self.sample, material.validation])
            self._uploads = Uploads(material.pack, needed, device)

    @property
    def batch_size(self) -> int:
        """How many images go through the network together in this process."""
        return self.settings.batch_size // self.group.size

    def step_size(self, seen: int) -> int:
        """How many images the next step has, for all processes together, after so many in the epoch."""
        left, usual = self.length - seen, self.settings.step_size
        return left if left <= usual + joins(self.settings.batch_size) else usual

    def order(self, epoch: int) -> "Order":
        """The images of an epoch, for all processes together."""
        if self.settings.sampling == "balanced":
            return balanced(self.train, self.material.labels[self.train], self.settings.seed, epoch)
        return every_image(self.train, self.settings.seed, epoch)

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels of an epoch, from a position on, augmented and mixed.

        Augmentation uses the network's threads: in a thread of its own it would occupy one of them, and the others
        would wait for that one.
        """
        order = self.order(epoch)
        parts, copies = self._parts(order.indices[start:]), self._parts(order.copies[start:])
        for (pictures, labels, content), times in zip(self._read(parts), copies, strict=True):
            keys = content + times
            changed = augment(as_input(pictures), keys, self.settings, epoch)
            yield mix(changed, uploaded(labels, self.device), self.num_classes, keys, self.settings, epoch)

    def plain(self, indices: NDArray[np.int64]) -> Iterator[tuple[Tensor, Tensor]]:
        """Images without augmentation, and their labels, which stay on the processor."""
        for pictures, labels, _ in self._read(cut(indices, self.settings.batch_size)):
            yield as_input(pictures), torch.from_numpy(labels)

    def release_memory(self) -> bool:
        """Give back the memory of images that stay on a GPU, and upload them for each batch; False if none do."""
        return self._uploads is not None and self._uploads.release()

    def _read(self, parts: list[NDArray[np.int64]]) -> Iterator[tuple[Tensor, NDArray[np.int64], NDArray[np.uint64]]]:
        """Batches on the device, uint8 `(n, height, width, C)`, with labels and keys; they are read ahead."""
        pack, labels = self.material.pack, self.material.labels
        if self._uploads is None:
            for batch in ahead(batch_of(pack, labels, part) for part in parts):
                yield torch.from_numpy(batch.pictures).to(self.device), batch.labels, batch.keys
            return
        for part, pictures in zip(parts, self._uploads.batches(parts), strict=True):
            yield pictures, labels[part], pack.digests.at(part).keys

    def names(self, epoch: int, start: int, count: int) -> list[str]:
        """Names of some images of an epoch."""
        indices = self.order(epoch).indices[start : start + count].tolist()
        return [self.material.names[index] if self.material.names else f"image {index}" for index in indices]

    def _parts(self, order: NDArray[Index]) -> list[NDArray[Index]]:
        """The parts of an epoch's batches that this process reads."""
        return share(order, self.settings.batch_size, self.group.rank, self.group.size)


def sample_of(train: NDArray[np.int64]) -> NDArray[np.int64]:
    """Training images, evenly spread, that are evaluated after each epoch: a sixteenth of them, 250 to 1,000.

    An evaluated image takes about 0.4 of the time of a trained one, so this adds about 2% to an epoch of 4,000.
    With fewer than 250 images the accuracy would move in steps that can be mistaken for changes.
    """
    count = min(max(len(train) // 16, 250), 1000, len(train))
    return train[np.arange(count) * len(train) // count]


class Order(NamedTuple):
    """The order of an epoch.

    Args:
        indices: Positions of the images, int64 `(n,)`.
        copies: How often the image came before in this epoch, uint64 `(n,)`; each time it is augmented differently.
    """

    indices: NDArray[np.int64]
    copies: NDArray[np.uint64]


def every_image(indices: NDArray[np.int64], seed: int, epoch: int) -> Order:
    """Every image once."""
    return Order(shuffled(indices, seed, epoch), np.zeros(len(indices), np.uint64))


def balanced(indices: NDArray[np.int64], labels: NDArray[np.int64], seed: int, epoch: int) -> Order:
    """As many images of each class, together about as many as there are; counts within a class differ by at most one.

    Args:
        indices: Positions of the images.
        labels: The class of each, `(len(indices),)`.
        seed: Decides with the epoch which images, and their order.
        epoch: The epoch.
    """
    classes = np.unique(labels)
    count = max(round(len(indices) / len(classes)), 1)
    parts = [shuffled(indices[labels == label], seed, epoch) for label in classes]
    rounds = [np.arange(count, dtype=np.uint64) // np.uint64(len(part)) for part in parts]
    order = shuffled(np.arange(count * len(parts)), seed, epoch)
    return Order(np.concatenate([np.resize(part, count) for part in parts])[order], np.concatenate(rounds)[order])


def class_weights(labels: NDArray[np.int64], num_classes: int) -> NDArray[np.float32]:
    """Weights of the classes in the loss, `(num_classes,)`: the rarer a class, the larger.

    Their mean over these labels is 1. A class without images has weight 0.
    """
    counts = np.bincount(labels, minlength=num_classes)
    present = np.count_nonzero(counts)
    weights = np.zeros(num_classes, np.float32)
    weights[counts > 0] = len(labels) / (present * counts[counts > 0])
    return weights


def shown(pictures: NDArray[np.uint8], keys: NDArray[np.uint64], settings: Settings, epoch: int) -> NDArray[np.uint8]:
    """Images as the network sees them in an epoch, for people to look at.

    Args:
        pictures: Prepared images, `(N, H, W, 3)`, as one batch.
        keys: A number for the content of each, `(N,)`.
        settings: The augmentation.
        epoch: The epoch.

    Returns:
        uint8, `(N, H, W, 3)`; with mixup or CutMix, each is mixed with the next one.
    """
    changed = augment(as_input(pictures), keys, settings, epoch)
    labels = torch.zeros(len(pictures), dtype=torch.int64)
    mixed, _ = mix(changed, labels, 1, keys, settings, epoch)
    return mixed.permute(0, 2, 3, 1).round().clamp(0, 255).byte().numpy()
