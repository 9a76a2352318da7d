"""An exponential mean of the weights over the steps of a training (EMA); it often judges better than the last weights.

Running statistics of batch norms are averaged as the weights are: they belong to them. The first steps would weigh too
much, so the mean begins short: a tenth of the steps so far, at most `1 / (1 - decay)`.

Sources: Polyak and Juditsky 1992; the warm-up is that of TensorFlow's ExponentialMovingAverage (`num_updates`).

One step of learning: loss, gradients (added over several batches, clipped), optimizer, mean of the weights.

The steps of an epoch: which batches they are made of, and what goes wrong with them.

Where a GPU's memory refuses a batch, half of it is tried, and twice as many make the same step.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from eyebright.network import Network, Weights
from eyebright.network.rewrites import faster
from eyebright.network.torch import TorchNetwork
from eyebright.system.errors import SettingsError
from eyebright.system.text import printable
from eyebright.training import processes
from eyebright.training.events import Emit, PrecisionChosen
from eyebright.training.settings import Settings
from eyebright.training.stages import decaying, frozen_layers, rate_factors
from eyebright.training.torch import checkpoint, distributed, feed, hardware
from eyebright.training.torch.checkpoint import Checkpoint
from eyebright.training.torch.feed import Feed


class Average:
    """A second network of the same layers, whose weights are the mean.

    Args:
        network: The layers.
        weights: The weights before the first step.
        decay: What is kept of the mean in each step, at most.
        at: Where it is computed.
    """

    def __init__(self, network: Network, weights: Weights, decay: float, at: torch.device = hardware.CPU) -> None:
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


_TIMED = 5  # batches by which time is measured


class Learned(NamedTuple):
    """What a step gave: the mean loss of its pictures, and how many were told right; both before the step."""

    loss: float
    hits: int


class Learner:
    """A network that learns.

    Args:
        network: The network.
        weights: Where to start; they are copied.
        settings: How.
        labels: The classes of the training pictures.
    """

    def __init__(self, network: Network, weights: Weights, settings: Settings, labels: NDArray[np.int64]) -> None:
        self.settings = settings
        self.device = hardware.find(settings.device)
        self.module = TorchNetwork(faster(network), weights).to(self.device)
        self.module.freeze(frozen_layers(network, settings.frozen))
        if settings.norm_statistics == "kept":
            self.module.keep_statistics()
        self.optimizer = _optimizer(self.module, network, settings)
        self.average = Average(faster(network), weights, settings.ema, self.device) if settings.ema else None
        self.precision: hardware.Chosen = "float32"
        (num_classes,) = network.output_shape
        self.class_weights: Tensor | None = None
        if settings.class_weights == "balanced":
            self.class_weights = torch.from_numpy(feed.class_weights(labels, num_classes)).to(self.device)

    @property
    def judged(self) -> TorchNetwork:
        """The network that is judged and kept."""
        return self.average.module if self.average else self.module

    def learn(self, batches: Iterable[tuple[Tensor, Tensor]], count: int, *, step: int, rate: float) -> Learned:
        """Make one step; nothing is changed where the loss is no number.

        Args:
            batches: Pictures and labels; of several processes, those of this one.
            count: How many pictures they have together, of all processes.
            step: Counted from 0; with the seed it decides what dropout leaves out.
            rate: The learning rate.
        """
        torch.manual_seed(_seed(self.settings.seed, step))
        self.optimizer.zero_grad(set_to_none=True)
        total, hits = 0.0, 0
        for pictures, labels in batches:
            loss, logits = self.loss(pictures, labels, self.precision)
            share = len(labels) / count
            total += share * loss.item()
            if not math.isfinite(total):
                break
            (loss if share == 1 else share * loss).backward()  # type: ignore[no-untyped-call]
            most = labels if labels.ndim == 1 else labels.argmax(dim=1)
            hits += int((logits.argmax(dim=1).cpu() == most).sum())
        total, hits = distributed.add_up(self.moved, total, hits)
        if math.isfinite(total):
            self._change(step, rate)
        return Learned(total, hits)

    def _change(self, step: int, rate: float) -> None:
        """Change the weights along their gradients."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        if self.settings.clip_norm:
            clip_grad_norm_(self.moved, self.settings.clip_norm)
        self.optimizer.step()
        if self.average:
            self.average.follow(self.module, step)

    def loss(self, pictures: Tensor, labels: Tensor, chosen: hardware.Chosen) -> tuple[Tensor, Tensor]:
        """The mean loss of a batch, and the logits. Class weights are 1 in the mean over the training pictures."""
        labels = labels.to(self.device)
        with hardware.autocast(chosen, self.device):
            logits = self.module(pictures.to(self.device)).float()
        smoothing = self.settings.label_smoothing
        if self.class_weights is None:
            return functional.cross_entropy(logits, labels, label_smoothing=smoothing), logits
        summed = functional.cross_entropy(
            logits, labels, self.class_weights, reduction="sum", label_smoothing=smoothing
        )
        return summed / len(labels), logits

    @property
    def moved(self) -> list[Tensor]:
        """What the optimizer moves, in its order."""
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    def restore(self, kept: Checkpoint) -> None:
        """Take over what was kept of a training."""
        self.module.set_weights(kept.weights)
        if self.average:
            self.average.module.set_weights(kept.average or kept.weights)
        checkpoint.restore(self.optimizer, kept.moments)

    def seconds(self, pictures: Tensor, labels: Tensor) -> float:
        """How long a batch takes, its step left out; the weights stay as they are."""
        weights = self.module.get_weights()
        took = []
        for _ in range(_TIMED):
            start = time.perf_counter()
            self.optimizer.zero_grad(set_to_none=True)
            self.loss(pictures, labels, self.precision)[0].backward()  # type: ignore[no-untyped-call]
            hardware.wait(self.device)
            took.append(time.perf_counter() - start)
        self.module.set_weights(weights)
        return sorted(took)[_TIMED // 2]

    def choose_precision(self, pictures: Tensor, labels: Tensor) -> PrecisionChosen:
        """Try steps on a batch of the training pictures, then put everything back as it was."""
        weights = self.module.get_weights()

        def try_step(chosen: hardware.Chosen) -> None:
            self.optimizer.zero_grad(set_to_none=True)
            loss, _ = self.loss(pictures, labels, chosen)
            loss.backward()  # type: ignore[no-untyped-call]
            hardware.wait(self.device)

        multiply_adds = self.module.network.multiply_adds * len(labels)
        chosen = hardware.choose(self.settings.precision, multiply_adds, try_step, self.device)
        self.module.set_weights(weights)
        self.precision = chosen.precision
        return chosen


def _optimizer(module: TorchNetwork, network: Network, settings: Settings) -> torch.optim.Optimizer:
    """The optimizer, with a group for each rate and weight decay; what is frozen is in none."""
    factors = rate_factors(network, settings.stage_decay)
    decayed = {f"{name}.{key}" for name, place in network.places.items() for key in decaying(place)}
    groups: dict[tuple[float, bool], list[Tensor]] = {(1.0, True): [], (1.0, False): []}
    for name, tensor in module.named_tensors():
        if tensor.requires_grad:
            groups.setdefault((factors[name.rpartition(".")[0]], name in decayed), []).append(tensor)
    described: list[dict[str, Any]] = [
        {"params": tensors, "factor": factor, "weight_decay": settings.weight_decay if decays else 0.0}
        for (factor, decays), tensors in groups.items()
        if tensors
    ]
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(described, fused=True)
    nesterov = settings.nesterov and settings.momentum > 0
    return torch.optim.SGD(described, lr=1.0, momentum=settings.momentum, nesterov=nesterov, fused=True)


def _seed(seed: int, step: int) -> int:
    """What dropout is drawn from; each of several processes has other pictures, and leaves out other values."""
    rank = processes.place().rank
    text = f"step {seed} {step} {rank}" if rank else f"step {seed} {step}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


@contextmanager
def torch_set_up(threads: int) -> Iterator[None]:
    """So many threads, and random numbers of its own; afterwards both are the caller's again."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(before)


T = TypeVar("T")
_NAMED = 8  # pictures in a message


class _Last(NamedTuple):
    """The step made last: which it was, which pictures of the epoch it had, and its rate."""

    epoch: int = 1
    start: int = 0
    size: int = 0
    step: int = 0
    rate: float = 0.0


class Stepping:
    """Leads the pictures of an epoch to the learner, step by step.

    Args:
        feed: The pictures.
        learner: What learns.
        settings: How large batches and steps are.
        emit: Receives what is changed about that.
    """

    def __init__(self, feed: Feed, learner: Learner, settings: Settings, emit: Emit) -> None:
        self.feed, self.learner, self.settings, self.emit = feed, learner, settings, emit
        self._last = _Last(rate=settings.learning_rate)
        self._coming: Iterator[tuple[Tensor, Tensor]] = iter(())

    def begin(self, epoch: int, start: int) -> None:
        """Read the pictures of an epoch from some place on."""
        self._coming = self.feed.batches(epoch, start)

    def learn(self, epoch: int, start: int, count: int, *, step: int, rate: float) -> Learned:
        """Learn as many of the coming batches as make a step; see `Learner.learn`.

        Batch norms may see a batch that did not fit once more in its parts; else a step is as if it had fitted.

        Raises:
            SettingsError: When not even the smallest batch fits.
        """
        self._last = _Last(epoch, start, count, step, rate)

        def attempt() -> Learned:
            try:
                parts = islice(self._coming, self.settings.accumulation)
                return self.learner.learn(parts, count, step=step, rate=rate)
            except torch.OutOfMemoryError:
                self.begin(epoch, start)
                raise

        return self.in_memory(attempt)

    def in_memory(self, work: Callable[[], T]) -> T:
        """Do something again, with smaller batches, until there is memory for it; errors as in `learn`."""
        while True:
            try:
                return work()
            except torch.OutOfMemoryError as problem:
                self._halve(problem)

    def diverged(self, what: str, kept: Path | None) -> SettingsError:
        """The error that says what happened, where, on which pictures, and where the last good state is kept."""
        last = self._last
        names = self.feed.names(last.epoch, last.start, min(last.size, _NAMED))
        more = f" and {last.size - _NAMED:,} more" if last.size > _NAMED else ""
        left = f"; the last good state is kept in {kept}" if kept else ""
        return SettingsError(
            f"{what} in epoch {last.epoch}, step {last.step}, on {', '.join(map(printable, names))}{more}: try a "
            f"learning rate below {last.rate:.2g}, or clip_norm=1{left}"
        )

    def _halve(self, problem: torch.OutOfMemoryError) -> None:
        if self.settings.batch_size == 1 or processes.place().of > 1:
            raise SettingsError(
                f"the GPU has too little memory for {self.feed.batch_size} pictures at once: give a smaller "
                "batch_size, a smaller network or smaller pictures"
            ) from problem
        event = hardware.halved(self.settings)
        smaller = {"batch_size": event.batch_size, "accumulation": event.accumulation}
        self.settings = self.feed.settings = self.settings.changed(smaller)
        self.learner.optimizer.zero_grad(set_to_none=True)
        hardware.forget(self.learner.device)
        self.emit(event)
