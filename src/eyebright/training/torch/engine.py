"""TorchEngine: a network that answers in torch, in float32, on the device where it was trained."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eyebright.network import Network, Weights
from eyebright.network.answering import Answering
from eyebright.network.torch import TorchNetwork, as_input
from eyebright.system import machine
from eyebright.training.settings import DeviceName
from eyebright.training.torch import hardware
from eyebright.training.torch.transfer import uploaded
from eyebright.trust.answers import Answers, answers_of


class TorchEngine:
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
        with hardware.explained(self._device):  # the network as it is: a rewritten one may have its features elsewhere
            self._module = TorchNetwork(network, weights).eval().to(self._device)
        self.answering = Answering()

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """In float32 also where a training in bfloat16 asks for something meanwhile."""
        with (
            hardware.torch_set_up(machine.cores()),
            hardware.explained(self._device),
            hardware.autocast("float32", self._device),
            torch.no_grad(),
        ):
            yield

    def __call__(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """The logits `(N, num_classes)` of prepared images `(N, H, W, C)`."""
        return self.with_features(samples)[0]

    def answers(self, samples: NDArray[Any]) -> Answers:
        """The answers for prepared images, by `answering`."""
        return answers_of(self.answering, *self.with_features(samples))

    def outputs(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """What the network gives, such as the maps `(N, C, H, W)` of a detector, without what comes after it."""
        with self._computing():
            outputs: NDArray[np.float32] = self._module(as_input(uploaded(samples, self._device))).cpu().numpy()
        return outputs

    def with_features(self, samples: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The logits, and the features `(N, features)` that they are computed from."""
        with self._computing():
            logits, features = self._module.with_features(as_input(uploaded(samples, self._device)))
        return logits.cpu().numpy(), features.cpu().numpy()

    def layers(self, samples: NDArray[Any], names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The outputs of these layers, each `(N, *shape)`."""
        with self._computing():
            found = self._module.layers(as_input(uploaded(samples, self._device)), names)
        return {name: found[name].cpu().numpy() for name in names}
