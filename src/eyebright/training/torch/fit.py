"""Train a network: weights in, weights out, events on the way. This module is what `training.trainer()` gives.

Several processes train together with `run_together`: rank 0 runs a command, and whenever it calls `fit`, all ranks run
the same loop (`loop.py`) on their shares of each batch.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import batches
from eyebright.data.pack import Pack
from eyebright.data.threads import ahead
from eyebright.network import Network, Weights
from eyebright.network.rewrites import faster
from eyebright.system import interrupts, machine
from eyebright.system.errors import DataError, EyebrightError
from eyebright.system.machine import keep_freed_memory
from eyebright.training import memory, processes
from eyebright.training.budget import Deadline
from eyebright.training.events.event import Emit
from eyebright.training.events.fitting import Planned, Stopped
from eyebright.training.settings import Settings
from eyebright.training.stages import require_batch
from eyebright.training.torch import distributed, hardware
from eyebright.training.torch.engine import TorchEngine
from eyebright.training.torch.feed import Material, Task, shown
from eyebright.training.torch.hardware import find, torch_set_up
from eyebright.training.torch.loop import DivergedError, Outcome, Trainer
from eyebright.training.torch.range_test import range_test
from eyebright.training.torch.regression import fit_values

__all__ = [
    "Material",
    "Outcome",
    "TorchEngine",
    "find",
    "fit",
    "fit_values",
    "predict_logits",
    "range_test",
    "run_together",
    "shown",
]


def fit(
    network: Network,
    weights: Weights,
    task: Task,
    settings: Settings,
    *,
    emit: Emit,
    on_settled: Callable[[Settings], None] = lambda settings: None,
    checkpoint_folder: Path | None = None,
    resume: bool = False,
    deadline: Deadline | None = None,
) -> Outcome:
    """Train a network, together with the other processes if there are any.

    Args:
        network: The network.
        weights: The weights to start from.
        task: The images, and what is learned from them.
        settings: How to train.
        emit: Receives the events.
        on_settled: Receives the settings with all that was measured, before the first step; a second time if the
            memory of a GPU turns out to be too small.
        checkpoint_folder: Where to keep the state, after each epoch and within one; None keeps none.
        resume: Continue from the last checkpoint there. The settings must be the ones that were settled.
        deadline: The end of the budget of time. With a deadline, the time decides how many steps are made.

    Raises:
        SettingsError: When loss or weights are no longer finite (the error names the step and its images, and the last
            good checkpoint is kept), or when `frozen` names an unknown layer.
        DataError: When several processes train images that are not prepared on the disk.
        KeyboardInterrupt: When interrupted before the end of the first epoch. Later the outcome has the best weights.
    """
    if not settings.epochs and deadline is None:
        emit(Stopped(reason="finished", epoch=0, best_epoch=0))
        return Outcome(dict(weights), "finished", settings)
    if settings.keep_start_if_better and not resume and deadline is not None and deadline.too_late:
        emit(Planned(steps=0, epochs=0.0, seconds=deadline.left_s))
        emit(Stopped(reason="budget", epoch=0, best_epoch=0))
        return Outcome(dict(weights), "budget", settings)
    group = distributed.group()
    if group.size > 1 and task.pack.streamed:
        raise DataError(
            "several processes share the prepared images, but the disk of the cache has no room for them: make room, "
            "set EYEBRIGHT_CACHE to another disk, or train in one process"
        )
    if group.size > 1:
        task.pack.check(np.concatenate([task.train, task.validation]))
    keep_freed_memory()
    if resume and not hardware.available()[settings.device]:  # as after a GPU has gone
        settings = settings.changed({"device": "auto", "precision": "auto"})
    device = find(settings.device, group.rank)
    threads = settings.threads or processes.threads()
    with torch_set_up(threads, deterministic=settings.deterministic), hardware.explained(device):
        if not resume and device == hardware.CPU:  # the memory of a GPU is not estimated: it raises errors
            settings = _within_memory(network, settings, emit)
        require_batch(network, settings, group.size)
        trainer = Trainer(network, weights, task, settings, group, emit, on_settled, checkpoint_folder)
        if not trainer.start(deadline, resume=resume):
            return trainer.stopped("budget")
        outcome = _run(trainer)
    if not outcome.weights:
        raise KeyboardInterrupt
    return outcome


def _within_memory(network: Network, settings: Settings, emit: Emit) -> Settings:
    """The settings with a batch that fits into memory."""
    event = memory.lowered(faster(network), settings, machine.free_memory_bytes(), processes.place())
    if event is None:
        return settings
    emit(event)
    return settings.changed({"batch_size": event.batch_size, "accumulation": event.accumulation})


def _run(trainer: Trainer) -> Outcome:
    """Train to the end. An error that only this rank has ends the other ranks too, which would wait for ever."""
    if trainer.group.size == 1:
        return trainer.run()
    with interrupts.deferred():
        try:
            if trainer.group.rank == 0:
                trainer.group.send(trainer.job)
            return trainer.run()
        except DivergedError:  # on all ranks alike
            raise
        except BaseException:
            trainer.group.leave()
            raise


def run_together(command: Callable[[], None]) -> None:
    """Join the processes that a launcher has started: rank 0 runs the command, the others train whenever it trains.

    Raises:
        EyebrightError: When another process has ended.
    """
    with distributed.joined() as group:
        processes.interrupt_only_rank_0()
        if group.rank == 0:
            try:
                command()
            finally:
                if group.connected:
                    with suppress(EyebrightError), interrupts.deferred():
                        group.send(None)
        while group.rank and (job := group.receive()) is not None:
            keep_freed_memory()
            threads = job.settings.threads or processes.threads()
            with torch_set_up(threads, deterministic=job.settings.deterministic):
                trainer = Trainer.of_job(job, group)
                with suppress(DivergedError):
                    _run(trainer)


def predict_logits(network: Network, weights: Weights, pack: Pack, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """The logits of a network, computed in float32, for images of a pack: `(n, num_classes)`."""
    engine, labels = TorchEngine(network, weights), np.zeros(len(pack.rows), np.int64)
    parts = [engine(batch.pictures) for batch in ahead(batches(pack, labels, indices, 64))]
    return np.concatenate(parts) if parts else np.empty((0, *network.output_shape), np.float32)
