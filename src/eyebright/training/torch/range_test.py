"""The learning-rate range test: train with a higher learning rate in each step, and record the loss.

The loss first stays, then falls, then rises and diverges. The best rate lies where it falls steeply, well before its
minimum. Only training images are used, and the given weights stay the same.

Sources: Smith 2015, "Cyclical Learning Rates for Training Neural Networks", section 3.3; the smoothing and the stop at
four times the lowest loss are those of fastai's `lr_find`.
"""

import math
from collections.abc import Iterator
from itertools import islice

from torch import Tensor

from eyebright.network import Network, Weights
from eyebright.system import machine
from eyebright.system.machine import keep_freed_memory
from eyebright.training.events.event import Emit, Progress
from eyebright.training.range_test import RangeTest, rate_at, smoothed, suggestion
from eyebright.training.settings import Settings
from eyebright.training.torch import hardware
from eyebright.training.torch.feed import Feed, Material
from eyebright.training.torch.hardware import torch_set_up
from eyebright.training.torch.learner import Learner

_DIVERGED = 4  # times the lowest loss


def range_test(
    network: Network, weights: Weights, material: Material, settings: Settings, *, emit: Emit, steps: int = 200
) -> RangeTest:
    """Try growing learning rates, each for one step.

    Args:
        network: The network; its outputs are logits.
        weights: The weights to start from; they are not changed.
        material: The images; only the training images are used.
        settings: How to train; learning rate, schedule and number of epochs are not used.
        emit: Receives the progress.
        steps: How many rates to try.

    Raises:
        SettingsError: When the loss does not fall at any rate.
    """
    keep_freed_memory()
    rates: list[float] = []
    losses: list[float] = []
    device = hardware.find(settings.device)
    with torch_set_up(machine.cores(), deterministic=settings.deterministic), hardware.explained(device):
        outputs = network.output_shape[0]
        learner = Learner(network, weights, settings, material.objective(outputs, settings, device))
        feed = Feed(material, settings, outputs, device=device)
        learner.choose_precision()
        learner.module.train()
        for step, (parts, count) in enumerate(islice(_steps(feed, settings), steps)):
            rate = rate_at(step, steps)
            loss = learner.learn(parts, count, step=step, rate=rate).loss
            if not math.isfinite(loss):
                break
            rates.append(rate)
            losses.append(loss)
            smooth = smoothed(losses)
            note = f"rate {rate:.1e}  loss {smooth[-1]:.3f}"
            emit(Progress(stage="trying learning rates", done=step + 1, of=steps, note=note))
            if smooth[-1] > _DIVERGED * min(smooth):
                break
    return RangeTest(tuple(rates), tuple(losses), tuple(smoothed(losses)), suggestion(rates, smoothed(losses)))


def _steps(feed: Feed, settings: Settings) -> Iterator[tuple[Iterator[tuple[Tensor, Tensor]], int]]:
    """Steps without end, epoch after epoch: their batches, and how many images these have together."""
    epoch = 0
    while True:
        epoch += 1
        coming, seen = feed.batches(epoch), 0
        while seen < feed.length:
            count = feed.step_size(seen)
            yield islice(coming, settings.accumulation), count
            seen += count
