"""The learning-rate range test: how great a rate may be, found by raising it from step to step.

The loss first stays, then falls, then rises again and bursts. The best rate lies where it falls steeply, well before
its lowest point. Only training pictures are looked at, and the weights that were given stay as they are.

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
from eyebright.training import processes
from eyebright.training.events import Emit, Progress
from eyebright.training.range_test import RangeTest, rate_at, smoothed, suggestion
from eyebright.training.settings import Settings
from eyebright.training.torch.feed import Feed, Material
from eyebright.training.torch.learner import Learner, torch_set_up

_BURST = 4  # times the lowest loss


def range_test(
    network: Network, weights: Weights, material: Material, settings: Settings, *, emit: Emit, steps: int = 200
) -> RangeTest:
    """Try growing rates, each for one step.

    Args:
        network: The network; its result are logits.
        weights: Where to start; they are not changed.
        material: The pictures; only those to train are used.
        settings: How to train. Rate, schedule and number of epochs do not count.
        emit: Receives the progress.
        steps: How many rates to try.

    Raises:
        SettingsError: When the loss falls at no rate.
    """
    keep_freed_memory()
    rates: list[float] = []
    losses: list[float] = []
    with processes.taking(), torch_set_up(machine.cores()):
        feed = Feed(material, settings, network.output_shape[0])
        learner = Learner(network, weights, settings, material.labels[material.train])
        learner.choose_precision(*next(feed.plain(feed.train[: settings.batch_size])))
        learner.module.train()
        for step, (parts, count) in enumerate(islice(_steps(feed, settings), steps)):
            rate = rate_at(step, steps)
            loss, _ = learner.learn(parts, count, step=step, rate=rate)
            if not math.isfinite(loss):
                break
            rates.append(rate)
            losses.append(loss)
            smooth = smoothed(losses)
            note = f"rate {rate:.1e}  loss {smooth[-1]:.3f}"
            emit(Progress(stage="trying learning rates", done=step + 1, of=steps, note=note))
            if smooth[-1] > _BURST * min(smooth):
                break
    return RangeTest(tuple(rates), tuple(losses), tuple(smoothed(losses)), suggestion(rates, smoothed(losses)))


def _steps(feed: Feed, settings: Settings) -> Iterator[tuple[Iterator[tuple[Tensor, Tensor]], int]]:
    """Steps without end, epoch after epoch: batches, and how many pictures they have together."""
    epoch = 0
    while True:
        epoch += 1
        coming = feed.batches(epoch)
        for start in range(0, feed.length, settings.step_size):
            yield islice(coming, settings.accumulation), min(settings.step_size, feed.length - start)
