"""An exponential mean of the weights over the steps of a training (EMA); it often judges better than the last weights.

Running statistics of batch norms are averaged as the weights are: they belong to them. The first steps would weigh too
much, so the mean begins short: a tenth of the steps so far, at most `1 / (1 - decay)`.

Sources: Polyak and Juditsky 1992; the warm-up is that of TensorFlow's ExponentialMovingAverage (`num_updates`).
"""

import torch

from eyebright.modules import TorchNetwork
from eyebright.network import Network, Weights
from eyebright.training import device


class Average:
    """A second network of the same layers, whose weights are the mean.

    Args:
        network: The layers.
        weights: The weights before the first step.
        decay: What is kept of the mean in each step, at most.
        at: Where it is computed.
    """

    def __init__(self, network: Network, weights: Weights, decay: float, at: torch.device = device.CPU) -> None:
        self.module = TorchNetwork(network, weights).to(at).eval()
        self.decay = decay

    @torch.no_grad()
    def follow(self, module: TorchNetwork, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        mean = [tensor for _, tensor in self.module.named_tensors()]
        now = [tensor for _, tensor in module.named_tensors()]
        torch._foreach_lerp_(mean, now, 1 - decay_at(step, self.decay))


def decay_at(step: int, decay: float) -> float:
    """What is kept of the mean in a step, counted from 0."""
    return min(decay, (1 + step) / (10 + step))
