"""Train a network to give values, such as prices or positions: the mean squared error, by Adam at a constant rate.

The order of each epoch and what dropout drops are functions of the seed, so that the same call gives the same weights.
"""

import math
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from eyebright.data.batches import seed_of, shuffled
from eyebright.network import Network, Weights
from eyebright.network.rewrites import faster
from eyebright.network.torch import TorchNetwork, as_input
from eyebright.system.errors import SettingsError
from eyebright.training import processes
from eyebright.training.events.event import Emit, Progress
from eyebright.training.settings import Settings
from eyebright.training.torch import hardware
from eyebright.training.torch.hardware import torch_set_up
from eyebright.training.torch.optimizer import eager

Pairs: TypeAlias = tuple[NDArray[Any], NDArray[np.float32]]
"""Samples, vectors `(N, features)` or images `(N, height, width, channels)`; and the targets, `(N, *output_shape)`."""


def fit_values(
    network: Network, weights: Weights, train: Pairs, settings: Settings, *, validation: Pairs | None, emit: Emit
) -> tuple[Weights, list[float], list[float]]:
    """Train a network by the mean squared error.

    Args:
        network: The network.
        weights: The weights to start from; they are not changed.
        train: What it learns from.
        settings: `epochs`, `batch_size`, `learning_rate`, `seed`, `threads` and `device`; the others are not used.
        validation: What its loss is also measured on after each epoch.
        emit: Receives the progress.

    Returns:
        The weights after the last epoch; the training loss of each epoch, the mean over its steps; its validation loss.

    Raises:
        SettingsError: When the loss is no longer finite.
    """
    device = hardware.find(settings.device)
    count, steps = len(train[0]), math.ceil(len(train[0]) / settings.batch_size)
    losses: list[float] = []
    later: list[float] = []
    with torch_set_up(settings.threads or processes.threads()), hardware.explained(device):
        module = TorchNetwork(faster(network), weights).to(device)
        learning = [tensor for _, tensor in module.named_tensors() if tensor.requires_grad]
        optimizer = eager(torch.optim.Adam)(learning, lr=settings.learning_rate)
        for epoch in range(1, settings.epochs + 1):
            module.train()
            hardware.seed(device, seed_of(f"values {settings.seed} {epoch}") >> 1)
            total = 0.0
            for part in np.array_split(shuffled(np.arange(count), settings.seed, epoch), steps):  # none is left alone
                optimizer.zero_grad(set_to_none=True)
                loss = _loss(module, train, part, device)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                total += loss.item() * len(part)
            losses.append(_finite(total / count, epoch, settings))
            note = f"loss {losses[-1]:.4g}"
            if validation is not None:
                later.append(_finite(_measured(module, validation, settings.batch_size, device), epoch, settings))
                note += f"  validation loss {later[-1]:.4g}"
            emit(Progress(stage="training", done=epoch, of=settings.epochs, note=note))
        return module.get_weights(), losses, later


def _loss(module: TorchNetwork, pairs: Pairs, part: NDArray[np.int64], device: torch.device) -> torch.Tensor:
    """The mean squared error of some samples."""
    found = module(as_input(pairs[0][part]).to(device))
    return functional.mse_loss(found, torch.from_numpy(pairs[1][part]).to(device))


def _measured(module: TorchNetwork, pairs: Pairs, batch_size: int, device: torch.device) -> float:
    """The mean squared error of all samples, with the network as it predicts."""
    module.eval()
    parts = np.array_split(np.arange(len(pairs[0])), math.ceil(len(pairs[0]) / batch_size))
    with torch.no_grad():
        return sum(_loss(module, pairs, part, device).item() * len(part) for part in parts) / len(pairs[0])


def _finite(loss: float, epoch: int, settings: Settings) -> float:
    if not math.isfinite(loss):
        raise SettingsError(
            f"the loss became {loss} in epoch {epoch}: use a learning rate below {settings.learning_rate:g}, or scale "
            "samples and targets to about -1 to 1"
        )
    return loss
