"""What a network is trained for: the loss of a batch, and how good its outputs are on images that it is measured on.

The loop, the learner and the feed are the same for every objective; `Classification` is that of a classifier.
"""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from eyebright.network.torch import TorchNetwork
from eyebright.training.events.fitting import Measure
from eyebright.training.settings import Settings
from eyebright.training.torch.hardware import CPU
from eyebright.trust.metrics import log_softmax


class Score(NamedTuple):
    """Mean loss, and accuracy, 0 to 1: by whatever `Measure` the network is trained for."""

    loss: float
    accuracy: float


class Tally(Protocol):
    """Adds up how good outputs are, batch after batch."""

    def add(self, outputs: NDArray[np.float32], targets: NDArray[np.generic]) -> None:
        """Count a batch: its outputs `(N, ...)`, and what they should be."""

    @property
    def score(self) -> Score:
        """The score of all batches so far."""


class Objective(Protocol):
    """What a network is trained for."""

    measure: Measure
    """What the accuracy of a `Score` is called."""
    by_loss: bool
    """Whether the epoch with the lowest validation loss is kept, not the one with the best accuracy."""

    def outputs(self, module: TorchNetwork, samples: Tensor) -> Tensor:
        """The outputs for a batch, `(N, ...)`, from images or from whatever the supply gives in their place."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss over a batch."""

    def hits(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """How many images of a batch are predicted correctly, where that can be said of an image; otherwise 0."""

    def tally(self) -> Tally:
        """An empty tally."""


class Classification:
    """Cross-entropy, and the share of images whose class is predicted correctly.

    Args:
        labels: The classes of the training images, `(N,)`.
        num_classes: The number of classes.
        settings: Label smoothing and class weights.
        device: Where the loss is computed.
    """

    measure: Measure = "accuracy"
    by_loss = False

    def __init__(
        self, labels: NDArray[np.int64], num_classes: int, settings: Settings, device: torch.device = CPU
    ) -> None:
        self._smoothing = settings.label_smoothing
        self._weights: Tensor | None = None
        if settings.class_weights == "balanced":
            self._weights = torch.from_numpy(class_weights(labels, num_classes)).to(device)

    def outputs(self, module: TorchNetwork, samples: Tensor) -> Tensor:
        """The logits, `(N, num_classes)`."""
        logits: Tensor = module(samples)
        return logits

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean cross-entropy; targets are classes int64 `(N,)`, or shares of them `(N, num_classes)`."""
        if self._weights is None:
            return functional.cross_entropy(outputs, targets, label_smoothing=self._smoothing)
        summed = functional.cross_entropy(
            outputs, targets, self._weights, reduction="sum", label_smoothing=self._smoothing
        )
        return summed / len(targets)  # class weights have the mean 1 over all training images

    def hits(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """How many images have the highest logit at their class, or at the class with the largest share."""
        most = targets if targets.ndim == 1 else targets.argmax(dim=1)
        return (outputs.argmax(dim=1) == most).sum()

    def tally(self) -> "ClassTally":
        """An empty tally."""
        return ClassTally()


class ClassTally:
    """Mean cross-entropy and accuracy over batches."""

    def __init__(self) -> None:
        self._loss, self._correct, self._count = 0.0, 0, 0

    def add(self, outputs: NDArray[np.float32], targets: NDArray[np.generic]) -> None:
        """Count a batch of logits `(N, num_classes)` with the classes `(N,)`."""
        logits = log_softmax(outputs)
        self._loss -= float(logits[np.arange(len(targets)), targets.astype(np.int64, copy=False)].sum())
        self._correct += int((logits.argmax(axis=1) == targets).sum())
        self._count += len(targets)

    @property
    def score(self) -> Score:
        """Mean loss and accuracy."""
        return Score(self._loss / self._count, self._correct / self._count)


def class_weights(labels: NDArray[np.int64], num_classes: int) -> NDArray[np.float32]:
    """Weights of the classes in the loss, `(num_classes,)`: the rarer a class, the larger.

    Their mean over these labels is 1. A class without images has weight 0.
    """
    counts = np.bincount(labels, minlength=num_classes)
    present = np.count_nonzero(counts)
    weights = np.zeros(num_classes, np.float32)
    weights[counts > 0] = len(labels) / (present * counts[counts > 0])
    return weights
