"""The first of several processes leads a training, the others follow it step by step.

They are told the network, its weights and where the prepared pictures lie; then, for each step, which pictures of which
epoch it has. Each learns from its share of them, gradients are added up, and every process changes its weights by the
same sums: so they stay the same. What stands in a run (progress, budget, best epoch, events) is the first one's alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from eyebright.data.digests import Digests
from eyebright.data.pack import Pack
from eyebright.data.pictures import Preparation
from eyebright.network import Network, Weights
from eyebright.system.errors import DataError, EyebrightError
from eyebright.system.machine import keep_freed_memory
from eyebright.training import processes
from eyebright.training.settings import Settings
from eyebright.training.torch import checkpoint, distributed
from eyebright.training.torch.feed import Feed, Material
from eyebright.training.torch.hardware import Chosen
from eyebright.training.torch.learner import Learner, torch_set_up


class Job(NamedTuple):
    """What a follower needs to know of a training."""

    network: str  # as JSON
    weights: Weights
    moments: dict[str, Tensor]
    settings: Settings
    precision: Chosen
    folder: Path
    preparation: Preparation
    rows: NDArray[np.int64]
    digests: NDArray[np.void]
    labels: NDArray[np.int64]
    train: NDArray[np.int64]


class _Step(NamedTuple):
    """Which pictures of an epoch a step has, and how it is made; with none, the training ends."""

    epoch: int
    start: int
    pictures: int
    step: int
    rate: float


class Lead:
    """What the first process tells the others; nothing where it is alone.

    Args:
        network: The network.
        learner: What learns here.
        material: The pictures.

    Raises:
        DataError: When the others could not read the pictures.
    """

    def __init__(self, network: Network, learner: Learner, material: Material) -> None:
        self.alone, self.begun = processes.place().of == 1, False
        self.network, self.learner, self.material = network, learner, material
        if material.pack.streamed and not self.alone:
            raise DataError(
                "several processes share the prepared pictures, for which the disk of the cache has no room: make "
                "room, set EYEBRIGHT_CACHE, or train in one process"
            )

    def begin(self) -> None:
        """Let the others begin to train."""
        if self.alone:
            return
        network, learner, (pack, labels, train, *_) = self.network, self.learner, self.material
        job = Job(
            network.to_json(), learner.module.get_weights(), checkpoint.moments(learner.optimizer), learner.settings,
            learner.precision, pack.folder, pack.preparation, pack.rows, pack.digests.values, labels, train,
        )  # fmt: skip
        with processes.held():
            distributed.say(job)
            self.begun = True

    @contextmanager
    def step(self, epoch: int, start: int, pictures: int, step: int, rate: float) -> Iterator[None]:
        """Let all make a step; this process makes it in the block."""
        if self.alone:
            yield
            return
        with processes.held():
            try:
                distributed.say_numbers(_Step(epoch, start, pictures, step, rate))
                yield
            except BaseException:  # the others wait in the middle of a step, and can be told nothing any more
                self.alone = True
                distributed.leave()
                raise

    def end(self) -> None:
        """Let the others wait for the next training."""
        if self.begun and not self.alone:
            with suppress(EyebrightError), processes.held():
                distributed.say_numbers(_Step(0, 0, 0, 0, 0.0))


@contextmanager
def leading() -> Iterator[None]:
    """Lead the other processes as long as the block takes, and let them go."""
    with distributed.joined():
        processes.interrupts_once()
        try:
            yield
        finally:
            if distributed.is_connected():
                with suppress(EyebrightError), processes.held():
                    distributed.say(None)


def follow() -> None:
    """Follow the first process through all its trainings, until it lets go.

    Raises:
        EyebrightError: When it is gone.
    """
    with distributed.joined():
        processes.is_ignored()
        while (job := distributed.listen()) is not None:
            _train(job)


def _train(job: Job) -> None:
    pack = Pack(job.folder, job.preparation, job.rows, Digests(job.digests), [])
    network, settings = Network.from_json(job.network), job.settings.changed({"ema": 0.0})  # the first one's is kept
    material = Material(pack, job.labels, job.train, job.train[:0])
    keep_freed_memory()
    with torch_set_up(processes.threads()):
        feed = Feed(material, settings, network.output_shape[0])
        learner = Learner(network, job.weights, settings, job.labels[job.train])
        checkpoint.restore(learner.optimizer, job.moments)
        learner.precision = job.precision
        learner.module.train()
        coming, next_at = feed.batches(1), (1, 0)
        for step in _steps():
            if (step.epoch, step.start) != next_at:
                coming = feed.batches(step.epoch, step.start)
            learner.learn(islice(coming, settings.accumulation), step.pictures, step=step.step, rate=step.rate)
            next_at = step.epoch, step.start + step.pictures


def _steps() -> Iterator[_Step]:
    """The steps of a training, as the first process tells them."""
    while True:
        epoch, start, pictures, number, rate = distributed.listen_numbers(len(_Step._fields))
        step = _Step(int(epoch), int(start), int(pictures), int(number), rate)
        if not step.pictures:
            return
        yield step
