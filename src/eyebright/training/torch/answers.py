"""A network that answers in torch, in float32, on the device where it was trained."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eyebright.network import Network, Weights
from eyebright.network.rewrites import faster
from eyebright.network.torch import TorchNetwork, as_input
from eyebright.system import machine
from eyebright.training.settings import DeviceName
from eyebright.training.torch import hardware
from eyebright.training.torch.transfer import uploaded
from eyebright.trust.metrics import softmax


class Answers:
    """Computes what an ONNX graph computes.

    Attributes:
        on_gpu: Whether this is faster than the graph, which runs on the processor.

    Args:
        network: The network.
        weights: Its weights.
        device: Where it runs.
    """

    def __init__(self, network: Network, weights: Weights, device: DeviceName = "cpu") -> None:
        self._device = hardware.find(device)
        self.on_gpu = self._device.type == "cuda"
        with hardware.explained(self._device):
            self._module = TorchNetwork(faster(network), weights).eval().to(self._device)
        self.temperature: float | None = None

    def __call__(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """Logits or, with a temperature, probabilities `(N, num_classes)` of prepared images `(N, H, W, C)`."""
        with hardware.torch_set_up(machine.cores()), hardware.explained(self._device), torch.no_grad():
            found = self._module(as_input(uploaded(samples, self._device))).cpu().numpy()
        return found if self.temperature is None else softmax(found / self.temperature).astype(np.float32)
