"""The training images on their way to the network: in the order of an epoch, in batches, augmented and mixed.

Order and augmentation are pure functions of the seed, the epoch and the content of the images. They depend neither on
the batch nor on the process that reads an image, nor on whether the training was interrupted.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eyebright.data.batches import Index, batch_of, content_order, cut, evenly, joins, share, shuffled
from eyebright.data.pack import Pack
from eyebright.data.threads import ahead
from eyebright.network.torch import as_input
from eyebright.training.settings import Settings
from eyebright.training.torch.augment import augment
from eyebright.training.torch.distributed import ALONE, Group
from eyebright.training.torch.frozen import MakeEngine, TopClassification
from eyebright.training.torch.hardware import CPU
from eyebright.training.torch.mixing import mix
from eyebright.training.torch.objective import Classification, Objective
from eyebright.training.torch.transfer import Uploads, uploaded


class Supply(Protocol):
    """Gives batches of chosen images with what their outputs should be, as tensors that a learner takes."""

    def changed(
        self, parts: list[NDArray[np.int64]], copies: list[NDArray[np.uint64]], epoch: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches to learn from, augmented for an epoch; `copies` as in `Order`, part by part."""

    def plain(self, parts: list[NDArray[np.int64]]) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches without augmentation; what the outputs should be stays on the processor."""

    def release_memory(self) -> bool:
        """Give back the memory of images that stay on a GPU, and upload them for each batch; False if none do."""


class Task(Protocol):
    """What a network learns from, and what for: all that the loop does not know of itself."""

    @property
    def pack(self) -> Pack:
        """The prepared images."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class of each image, by which epochs are balanced, `(N,)`."""

    @property
    def train(self) -> NDArray[np.int64]:
        """Positions of the training images."""

    @property
    def validation(self) -> NDArray[np.int64]:
        """Positions of the validation images."""

    @property
    def names(self) -> Sequence[str]:
        """Names of all images, for error messages; maybe none."""

    def objective(self, outputs: int, settings: Settings, device: torch.device) -> Objective:
        """The loss and the score, for a network with so many outputs (of a pixel, where it gives maps)."""

    def supply(self, outputs: int, settings: Settings, device: torch.device, needed: NDArray[np.int64]) -> Supply:
        """What reads the images; `needed` are the positions of those that will be."""

    def sample(self, train: NDArray[np.int64]) -> NDArray[np.int64]:
        """The training images that are evaluated after each epoch, of these."""

    def without_names(self) -> "Task":
        """The same for other processes."""


class Material(NamedTuple):
    """What a classifier learns from.

    Args:
        pack: The prepared images.
        labels: The class of each, `(N,)`.
        train: Positions of the training images.
        validation: Positions of the validation images.
        names: Names of all images, for error messages.
        make_engine: Makes what computes frozen layers on a processor; torch does unless given.
    """

    pack: Pack
    labels: NDArray[np.int64]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    names: Sequence[str] = ()
    make_engine: MakeEngine | None = None

    def objective(self, outputs: int, settings: Settings, device: torch.device) -> Classification:
        """Cross-entropy and accuracy."""
        labels = self.labels[self.train]
        if self.make_engine is None or not settings.frozen or device != CPU:
            return Classification(labels, outputs, settings, device)
        return TopClassification(self.make_engine, labels, outputs, settings)

    def supply(self, outputs: int, settings: Settings, device: torch.device, needed: NDArray[np.int64]) -> "Pictures":
        """The images, augmented on the device."""
        return Pictures(self.pack, self.labels, outputs, settings, device, needed)

    def sample(self, train: NDArray[np.int64]) -> NDArray[np.int64]:
        """As `sample_of`."""
        return sample_of(train)

    def without_names(self) -> "Material":
        """The same without names."""
        return self._replace(names=())


class Feed:
    """Orders the images of a training and cuts them into batches; each of several processes gets its share of them.

    Args:
        task: The images.
        settings: Order, batch size, augmentation.
        outputs: The number of classes, or of the outputs of a pixel.
        group: The processes that train together.
        device: Where the network is trained; images are augmented there.

    Raises:
        SettingsError: When the batch size is not a multiple of the number of processes.
    """

    def __init__(
        self, task: Task, settings: Settings, outputs: int, group: Group = ALONE, device: torch.device = CPU
    ) -> None:
        self.task, self.settings, self.group = task, settings, group
        parts = self._parts(task.train)  # refuses an uneven batch
        self.train = content_order(task.pack, task.labels, task.train)
        self.sample = task.sample(self.train)
        self.length = len(self.order(1).indices)  # images in an epoch
        self.steps = max(math.ceil((self.length - joins(settings.batch_size)) / settings.step_size), 1)  # in an epoch
        needed = np.concatenate([*parts, self.sample, task.validation])
        self._supply = task.supply(outputs, settings, device, needed)

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
            return balanced(self.train, self.task.labels[self.train], self.settings.seed, epoch)
        return every_image(self.train, self.settings.seed, epoch)

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels of an epoch, from a position on, augmented."""
        order = self.order(epoch)
        return self._supply.changed(self._parts(order.indices[start:]), self._parts(order.copies[start:]), epoch)

    def plain(self, indices: NDArray[np.int64]) -> Iterator[tuple[Tensor, Tensor]]:
        """Images without augmentation, and their labels, which stay on the processor."""
        return self._supply.plain(cut(indices, self.settings.batch_size))

    def release_memory(self) -> bool:
        """Give back the memory of images that stay on a GPU, and upload them for each batch; False if none do."""
        return self._supply.release_memory()

    def names(self, epoch: int, start: int, count: int) -> list[str]:
        """Names of some images of an epoch."""
        indices = self.order(epoch).indices[start : start + count].tolist()
        return [self.task.names[index] if self.task.names else f"image {index}" for index in indices]

    def _parts(self, order: NDArray[Index]) -> list[NDArray[Index]]:
        """The parts of an epoch's batches that this process reads."""
        return share(order, self.settings.batch_size, self.group.rank, self.group.size)


class Pictures:
    """Reads the images of a classifier, augments and mixes them.

    Args:
        pack: The prepared images.
        labels: The class of each, `(N,)`.
        num_classes: The number of classes.
        settings: The augmentation.
        device: Where images are augmented.
        needed: The images that will be read, as positions.
    """

    def __init__(
        self,
        pack: Pack,
        labels: NDArray[np.int64],
        num_classes: int,
        settings: Settings,
        device: torch.device,
        needed: NDArray[np.int64],
    ) -> None:
        self._pack, self._labels, self._num_classes, self._settings = pack, labels, num_classes, settings
        self._device = device
        self._uploads = Uploads(pack, needed, device) if device.type == "cuda" else None

    def changed(
        self, parts: list[NDArray[np.int64]], copies: list[NDArray[np.uint64]], epoch: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Augmented and mixed batches.

        Augmentation uses the network's threads: in a thread of its own it would occupy one of them, and the others
        would wait for that one.
        """
        for (pictures, labels, content), times in zip(self._read(parts), copies, strict=True):
            keys = content + times
            changed = augment(as_input(pictures), keys, self._settings, epoch)
            yield mix(changed, uploaded(labels, self._device), self._num_classes, keys, self._settings, epoch)

    def plain(self, parts: list[NDArray[np.int64]]) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches without augmentation, and their labels on the processor."""
        for pictures, labels, _ in self._read(parts):
            yield as_input(pictures), torch.from_numpy(labels)

    def release_memory(self) -> bool:
        """As in `Supply`."""
        return self._uploads is not None and self._uploads.release()

    def _read(self, parts: list[NDArray[np.int64]]) -> Iterator[tuple[Tensor, NDArray[np.int64], NDArray[np.uint64]]]:
        """Batches on the device, uint8 `(n, height, width, C)`, with labels and keys; they are read ahead."""
        if self._uploads is None:
            for batch in ahead(batch_of(self._pack, self._labels, part) for part in parts):
                yield torch.from_numpy(batch.pictures).to(self._device), batch.labels, batch.keys
            return
        for part, pictures in zip(parts, self._uploads.batches(parts), strict=True):
            yield pictures, self._labels[part], self._pack.digests.at(part).keys


def sample_of(train: NDArray[np.int64]) -> NDArray[np.int64]:
    """Training images, evenly spread, that are evaluated after each epoch: a sixteenth of them, 250 to 1,000.

    An evaluated image takes about 0.4 of the time of a trained one, so this adds about 2% to an epoch of 4,000.
    With fewer than 250 images the accuracy would move in steps that can be mistaken for changes.
    """
    return evenly(train, min(max(len(train) // 16, 250), 1000))


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
