"""The frozen layers of a classifier in training: computed by a faster engine than torch, which only trains the others.

An engine for inference needs about half of torch's time for the same layers. What it gives is as exact as what torch
gives, but not the same bit by bit; images are rounded to whole numbers after they were augmented.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eyebright.network import Network, Weights
from eyebright.network.torch import TorchNetwork
from eyebright.training.settings import ChosenPrecision, Settings
from eyebright.training.stages import settled_layers
from eyebright.training.torch.objective import Classification

Compute: TypeAlias = Callable[[NDArray[np.uint8]], Mapping[str, NDArray[Any]]]
"""From images `(N, H, W, C)` to the values of layers by their names, `(N, *shape)`."""
MakeEngine: TypeAlias = Callable[[Network, Weights, Sequence[str], ChosenPrecision], Compute]
"""Makes what computes the values of some layers of a network."""


class TopClassification(Classification):
    """As `Classification`, for a network on a processor whose first layers are frozen: an engine computes these.

    Args:
        make_engine: Makes the engine.
        labels: The classes of the training images, `(N,)`.
        num_classes: The number of classes.
        settings: As in `Classification`, and the frozen layers.
    """

    def __init__(
        self, make_engine: MakeEngine, labels: NDArray[np.int64], num_classes: int, settings: Settings
    ) -> None:
        super().__init__(labels, num_classes, settings)
        self._make_engine, self._frozen = make_engine, settings.frozen
        self._compute: Compute | None = None
        self._settled: tuple[str, ...] | None = None

    def outputs(self, module: TorchNetwork, samples: Tensor) -> Tensor:
        """The logits, `(N, num_classes)`; the weights of frozen layers are those of the first call."""
        if self._settled is None:
            self._settled = settled_layers(module.network, self._frozen)
        if not self._settled:
            return super().outputs(module, samples)
        if self._compute is None:
            precision: ChosenPrecision = "bfloat16" if torch.is_autocast_enabled("cpu") else "float32"
            self._compute = self._make_engine(module.network, module.get_weights(), self._settled, precision)
        found = self._compute(samples.permute(0, 2, 3, 1).round().clamp(0, 255).byte().numpy())
        return module.from_values({name: _as_value(found[name]) for name in self._settled})


def _as_value(values: NDArray[Any]) -> Tensor:
    tensor = torch.from_numpy(np.asarray(values, np.float32))
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
