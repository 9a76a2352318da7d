"""What a detector learns from and what for: kept views of images with their boxes, and the loss and mAP50 of maps.

`Objects` is the task that `eyebright.training.torch.fit` trains. The layers up to the kept ones are frozen and never
computed here.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eyebright.data.batches import evenly
from eyebright.data.pack import Pack
from eyebright.data.threads import ahead
from eyebright.network.detecting import BOX_CHANNELS, LARGEST, Detecting, centres, detected, outward
from eyebright.network.torch import TorchNetwork
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.geometry.finding import LEAST, find
from eyebright.tasks.detection.training.augmentation import boxes_in
from eyebright.tasks.detection.training.torch.loss import BOX_WEIGHT, box_loss, focal
from eyebright.tasks.detection.training.torch.targets import targets
from eyebright.tasks.detection.training.views import Views
from eyebright.tasks.detection.trust.matching import Truth, match
from eyebright.tasks.detection.trust.precision import average_precision
from eyebright.training.events.fitting import Measure
from eyebright.training.settings import Settings
from eyebright.training.torch.objective import Score
from eyebright.training.torch.transfer import uploaded

_SAMPLE = 32  # training images that are evaluated after each epoch


class Objects(NamedTuple):
    """The task of a detector.

    Args:
        prepared: The images with their boxes.
        views: Their views, with what the frozen layers give for them.
        detecting: What comes after the maps.
    """

    prepared: PreparedBoxes
    views: Views
    detecting: Detecting

    @property
    def pack(self) -> Pack:
        """The prepared images."""
        return self.prepared.pack

    @property
    def labels(self) -> NDArray[np.int64]:
        """One class for all images: they are not balanced by classes."""
        return np.zeros(len(self.prepared.sides), np.int64)

    @property
    def train(self) -> NDArray[np.int64]:
        """Positions of the training images."""
        return self.prepared.indices("train")

    @property
    def validation(self) -> NDArray[np.int64]:
        """Positions of the validation images."""
        return self.prepared.indices("validation")

    @property
    def names(self) -> Sequence[str]:
        """Names of all images."""
        return self.prepared.dataset.source.names

    def objective(self, outputs: int, settings: Settings, device: torch.device) -> "Detection":
        """The loss and mAP50."""
        return Detection(self, outputs - BOX_CHANNELS, device)

    def supply(self, outputs: int, settings: Settings, device: torch.device, needed: NDArray[np.int64]) -> "KeptViews":
        """The kept views and their target maps."""
        return KeptViews(self, outputs - BOX_CHANNELS, device)

    def sample(self, train: NDArray[np.int64]) -> NDArray[np.int64]:
        """Some training images, evenly spread."""
        return evenly(train, _SAMPLE)

    def without_names(self) -> "Objects":
        """The same: the names are part of the images."""
        return self

    def target(self, index: int, view: int, num_classes: int) -> NDArray[np.float32]:
        """The target maps of a view of an image."""
        boxes, ignored = boxes_in(self.prepared, self.views.settings, index, view)
        stride = self.detecting.stride
        return targets(
            boxes.corners, boxes.labels, ignored.corners, num_classes=num_classes,
            size=self.pack.preparation.width // stride, stride=stride,
        )  # fmt: skip


class KeptViews:
    """Gives what the frozen layers make of views, each as one row of numbers.

    Args:
        task: The images and their views.
        num_classes: Number of classes.
        device: Where they are used; they are uploaded ahead.
    """

    def __init__(self, task: Objects, num_classes: int, device: torch.device) -> None:
        self._task, self._num_classes, self._device = task, num_classes, device

    def changed(
        self, parts: list[NDArray[np.int64]], copies: list[NDArray[np.uint64]], epoch: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches to learn from: an image shows its views in turn, each image starting with another one."""
        count = np.uint64(self._task.views.count)
        keys = (self._task.pack.digests.at(part).keys for part in parts)
        views = [
            ((np.uint64(epoch) + key + copy) % count).astype(np.int64) for key, copy in zip(keys, copies, strict=True)
        ]
        yield from ahead(map(self._learned, parts, views))

    def plain(self, parts: list[NDArray[np.int64]]) -> Iterator[tuple[Tensor, Tensor]]:
        """The images as they are, with their positions in place of target maps."""
        for part in parts:
            yield self._rows(part, np.zeros(len(part), np.int64)), torch.from_numpy(part)

    def release_memory(self) -> bool:
        """Nothing stays on a GPU."""
        return False

    def _learned(self, part: NDArray[np.int64], views: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        pairs = zip(part.tolist(), views.tolist(), strict=True)
        wanted = np.stack([self._task.target(index, view, self._num_classes) for index, view in pairs])
        return self._rows(part, views), uploaded(wanted, self._device)

    def _rows(self, part: NDArray[np.int64], views: NDArray[np.int64]) -> Tensor:
        return uploaded(self._task.views.rows.read(part, views), self._device)


class Detection:
    """The loss of a detector, and its mean average precision at an overlap of 0.5.

    Args:
        task: The images and their views.
        num_classes: Number of classes.
        device: Where the loss is computed.
    """

    measure: Measure = "mAP50"
    by_loss = True  # mAP50 of a few validation images changes by chance from epoch to epoch

    def __init__(self, task: Objects, num_classes: int, device: torch.device) -> None:
        self.task, self.num_classes = task, num_classes
        size = task.pack.preparation.width // task.detecting.stride
        self.device = device
        self._centres = torch.from_numpy(centres(task.detecting, size, size)).to(device)
        self._outward = torch.from_numpy(outward(task.detecting)).to(device)

    def outputs(self, module: TorchNetwork, samples: Tensor) -> Tensor:
        """The maps, `(N, num_classes + 4, h, w)`, from rows `(N, numbers)` that hold the kept values, channels last."""
        kept = {}
        for name, (channels, height, width), part in self.task.views.layout:
            values = samples[:, part].float().view(-1, height, width, channels).permute(0, 3, 1, 2)
            kept[name] = values.contiguous(memory_format=torch.channels_last)
        return module.from_values(kept)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Focal loss of the classes and the loss of the boxes; targets as `targets.targets` gives them."""
        heatmaps, corners, weight = targets[:, : self.num_classes], targets[:, self.num_classes : -1], targets[:, -1]
        found = self._centres + self._outward * outputs[:, self.num_classes :].clamp(max=LARGEST).exp()
        return focal(outputs[:, : self.num_classes], heatmaps) + BOX_WEIGHT * box_loss(found, corners, weight)

    def hits(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """0: whether an image is correct cannot be said."""
        return torch.zeros((), device=outputs.device)

    def tally(self) -> "FoundTally":
        """An empty tally."""
        return FoundTally(self)


class FoundTally:
    """Mean loss and mAP50 over batches."""

    def __init__(self, objective: Detection) -> None:
        self._objective, self._losses, self._positions = objective, 0.0, list[int]()
        self._found, self._truth = [], []  # type: ignore[var-annotated]

    def add(self, outputs: NDArray[np.float32], targets: NDArray[np.generic]) -> None:
        """Count a batch of maps, with the positions of the images `(N,)`."""
        objective, task = self._objective, self._objective.task
        positions = targets.astype(np.int64).tolist()
        wanted = np.stack([task.target(index, 0, objective.num_classes) for index in positions])
        found, expected = (torch.from_numpy(values).to(objective.device) for values in (outputs, wanted))
        self._losses += len(positions) * float(objective.loss(found, expected))
        scores, boxes = detected(outputs, task.detecting)
        size = task.pack.preparation.width
        for index, score, box in zip(positions, scores, boxes, strict=True):
            self._found.append(find(score, box.clip(0, size), least=LEAST))
            self._truth.append(Truth.of_boxes(task.prepared.boxes[index], task.prepared.ignored[index]))

    @property
    def score(self) -> Score:
        """Mean loss and mAP50; 0 where there are no boxes."""
        precisions = average_precision(match(self._found, self._truth), self._objective.num_classes)[0, 0, 0]
        known = precisions[~np.isnan(precisions)]
        return Score(self._losses / len(self._truth), float(known.mean()) if len(known) else 0.0)
