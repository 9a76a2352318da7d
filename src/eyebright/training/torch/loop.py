"""The loop over epochs and steps, the same on every rank.

An epoch is one pass over the training images. Their order is a function of (seed, epoch), dropout of (seed, step),
augmentation of (seed, epoch, image). So a training that continues from a checkpoint ends with the same weights as one
that was never interrupted. Checkpoints are written between steps, never between the batches of one step.

Several processes run this loop on their shares of each batch and add up their gradients, so that their weights stay
equal. Rank 0 alone measures time, validates, writes and prints. Before the first step it sends the state of the
training to the other ranks. What it decides later (by the clock, or for Ctrl-C) reaches them with the gradients of a
step, or at the end of an epoch.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eyebright.network import Network, Weights
from eyebright.system import interrupts
from eyebright.system.errors import SettingsError
from eyebright.system.text import listed, printable
from eyebright.training import memory
from eyebright.training.budget import VALIDATING, Deadline, Plan
from eyebright.training.events.event import Emit, StepDone
from eyebright.training.events.fitting import (
    DeviceChanged,
    EpochEnded,
    Planned,
    Reason,
    Stopped,
)
from eyebright.training.events.starting import Resumed
from eyebright.training.schedule import Pace, Position
from eyebright.training.settings import ChosenPrecision, Settings
from eyebright.training.stages import require_batch
from eyebright.training.torch import hardware
from eyebright.training.torch.best import SHARES, BestWeights
from eyebright.training.torch.checkpoint import Keeper, State
from eyebright.training.torch.distributed import ALONE, Group
from eyebright.training.torch.feed import Feed, Task
from eyebright.training.torch.learner import Learner, StepResult
from eyebright.training.torch.objective import Score

T = TypeVar("T")

_CONTINUE, _OUT_OF_TIME, _INTERRUPTED = range(3)  # what rank 0 says at the end of a step
_MEASURING_S = 3.0  # to say how long the epochs will take
_NAMED = 8  # images in an error message
_AHEAD = 4  # steps that are made before the figures of the first of them are read from a GPU


class Outcome(NamedTuple):
    """The result of a training.

    Args:
        weights: The weights of the epoch with the best validation accuracy, of equals the one with the lowest loss; of
            a detector, those of the epoch with the lowest validation loss.
        reason: Why the training ended.
        settings: The settings with all that was measured: precision, threads, device, batch size, accumulation. With
            these the same training runs again.
    """

    weights: Weights
    reason: Reason
    settings: Settings


class DivergedError(SettingsError):
    """The loss is not finite any more; all ranks raise this at the same step."""


class Job(NamedTuple):
    """What the other ranks need to train with rank 0.

    Args:
        network: The network, as JSON.
        task: What it learns from, without names.
        settings: With all that was measured.
        precision: In which is computed.
        state: Weights and position to continue from.
        pace: Steps and learning rates, as they are planned so far.
    """

    network: str
    task: Task
    settings: Settings
    precision: ChosenPrecision
    state: State
    pace: Pace


class Trainer:
    """A training: the loop over epochs and steps, the same on every rank.

    Args:
        network: The network.
        weights: The weights to start from.
        task: The images, and what is learned from them.
        settings: How to train.
        group: The processes that train together.
        emit: Receives the events; only on rank 0.
        on_settled: Receives the settings with all that was measured.
        checkpoint_folder: Where to keep the state; None keeps none.
    """

    def __init__(
        self,
        network: Network,
        weights: Weights,
        task: Task,
        settings: Settings,
        group: Group = ALONE,
        emit: Emit = lambda event: None,
        on_settled: Callable[[Settings], None] = lambda settings: None,
        checkpoint_folder: Path | None = None,
    ) -> None:
        self.network, self.task, self.settings, self.group = network, task, settings, group
        self.emit, self.on_settled = emit, on_settled
        outputs, device = network.output_shape[0], hardware.find(settings.device, group.rank)
        self.learner = Learner(network, weights, settings, task.objective(outputs, settings, device), group)
        self.feed = Feed(task, settings, outputs, group, device)
        self.keeper = Keeper(checkpoint_folder, settings.checkpoint_s)
        self.pace = Pace(settings, self.feed.steps)
        self.plan: Plan | None = None
        self.progress = self.before = Position()  # now, and before the last step
        self.best = BestWeights(self.learner, self._validated, emit)
        self.interrupted = False
        self._coming: Iterator[tuple[Tensor, Tensor]] = iter(())
        self._unread: deque[tuple[int, StepResult]] = deque()  # steps that a GPU may still compute, with their images

    @classmethod
    def of_job(cls, job: Job, group: Group) -> "Trainer":
        """The same training on another rank."""
        trainer = cls(Network.from_json(job.network), job.state.weights, job.task, job.settings, group)
        trainer._restore(job.state)
        trainer.learner.precision = job.precision
        trainer.pace = job.pace
        return trainer

    @property
    def job(self) -> Job:
        """What other ranks need to join, before the first step."""
        task = self.task.without_names()
        return Job(self.network.to_json(), task, self.settings, self.learner.precision, self._state, self.pace)

    @property
    def _state(self) -> State:
        return self.learner.state(self.progress, self.best.weights)._replace(start=self.best.start)

    def start(self, deadline: Deadline | None, *, resume: bool) -> bool:
        """Settle all that is measured, and restore the state; False if there is no time for a step."""
        if resume and self.settings.precision != "auto":
            self.learner.precision = self.settings.precision
        else:
            self._choose_precision()
        if resume:
            state = self.keeper.load(self.learner.module.network, self.learner.parameters)
            if state is not None:
                self._restore(state)
            self.emit(Resumed(epoch=self.progress.epoch, pictures=self.progress.seen))
        before, now = self.progress.device, self.learner.device.type
        if before not in ("", now):
            self.emit(DeviceChanged(before=before, device=now))
        self.progress = self.progress.on(now)
        if deadline is None:
            self._forecast()
        elif not self._make_plan(deadline.after(self.progress.used_s)):
            return False
        if self.settings.keep_start_if_better and not self.best.weights:
            score = self._finite(self._validated())
            self.progress = self.progress.at_start(score.loss, score.accuracy)
            self.best.keep_start(score)
        return True

    def run(self) -> Outcome:
        """Train until the end; without weights in the outcome if interrupted before the end of the first epoch."""
        reason: Reason = "budget" if self.pace.timed else "finished"
        try:
            while not self.interrupted:
                stale = self.settings.patience and self.progress.stale_epochs >= self.settings.patience
                if self.pace.more(self.progress) and not stale:
                    self._epoch()
                elif self.progress.leg < len(self.settings.extended_at):
                    self.progress = self.progress.next_leg()
                else:
                    reason = "patience" if self.pace.more(self.progress) else reason
                    reason = "finished" if self.plan and self.progress.step >= self.plan.enough else reason
                    break
        except KeyboardInterrupt:
            if self.group.size > 1:  # from a callback; Ctrl-C itself is deferred
                raise
            self.interrupted = True
        return self.stopped("interrupted" if self.interrupted else reason)

    def stopped(self, reason: Reason) -> Outcome:
        """The outcome, with the best weights so far; those of the start if there was no time for a step."""
        best = self.best.weights or (self.learner.module.get_weights() if reason == "budget" else {})
        if best:
            self.emit(Stopped(reason=reason, epoch=self.progress.epoch, best_epoch=self.progress.best_epoch))
        if self.best.start and reason != "interrupted" and self.progress.epoch and self.group.rank == 0:
            best = self.best.or_mean(self.progress)
        return Outcome(best, reason, self.settings)

    def _restore(self, state: State) -> None:
        self.learner.restore(state)
        self.progress = self.before = state.progress
        self.best.weights, self.best.start = state.best, state.start

    def _choose_precision(self) -> None:
        chosen = self.learner.choose_precision()
        self._settle(precision=chosen.precision, threads=chosen.threads, device=chosen.device)
        self.emit(chosen)

    def _settle(self, **settled: object) -> None:
        self.settings = self.settings.changed(settled)
        self.on_settled(self.settings)

    def _make_plan(self, deadline: Deadline) -> bool:
        """Measure a step and plan how many fit; False if none fits, and there are weights to keep."""
        step_s, picture_s = self._times(deadline.measuring_s)
        if self.settings.keep_start_if_better:  # and its means with an epoch
            deadline = deadline._replace(evaluated=deadline.evaluated + len(SHARES) * len(self.task.validation))
        self.pace.timed = True
        try:
            self.plan = Plan(deadline, step_s, picture_s=picture_s, steps=self.feed.steps,
                             evaluated=self._evaluated)  # fmt: skip
        except SettingsError:
            if not (self.settings.keep_start_if_better or self.best.weights):
                raise
            self.emit(Planned(steps=0, epochs=0.0, seconds=deadline.left_s))
            return False
        self._plan_steps(*self._remaining())
        return True

    def _remaining(self) -> tuple[int, float]:
        """How many more steps fit into the budget, and the seconds for them; only rank 0 has a plan."""
        return self.plan.remaining(self.progress.step) if self.plan else (0, 0.0)

    def _plan_steps(self, more_steps: int, seconds: float) -> None:
        self.progress = self.pace.plan(self.progress, more_steps)
        self.emit(Planned(steps=self.pace.total, epochs=self.pace.total / self.feed.steps, seconds=seconds))

    def _forecast(self) -> None:
        """Say how long the remaining epochs will take."""
        step_s, picture_s = self._times(_MEASURING_S)
        epoch_s = self.feed.steps * step_s + self._evaluated * VALIDATING * picture_s
        epochs = self.settings.epochs - self.progress.epoch
        self.emit(Planned(steps=epochs * self.feed.steps, epochs=epochs, seconds=epochs * epoch_s))

    def _times(self, most_s: float) -> tuple[float, float]:
        """Seconds of a step, and of an image of this process, measured on a few batches in about so many seconds."""
        batch_s = self._in_memory(lambda: self.learner.seconds(*next(self.feed.batches(1)), most_s))
        return self.settings.accumulation * batch_s, batch_s / self.feed.batch_size

    def _epoch(self) -> None:
        """One pass over the training images, or what the budget leaves of it, and one over the validation images."""
        first = self.progress  # within the epoch, if the training continues there
        epoch, start, cpu_start = first.epoch + 1, time.perf_counter(), time.process_time()
        self.learner.module.train()
        self._coming = self.feed.batches(epoch, first.seen)
        while self._made.seen < self.feed.length and self._made.step < self.pace.total and not self.interrupted:
            self._step(epoch)
            if self.keeper.due:
                self._read(epoch)
                self._keep()
        if not self.interrupted:
            self._read(epoch)
        if self.interrupted:
            return
        self._end_epoch(first, time.perf_counter() - start, time.process_time() - cpu_start)
        self._keep()
        if self.pace.timed and self.pace.more(self.progress):
            self._plan_steps(*self.group.agree(self._remaining))

    def _end_epoch(self, first: Position, seconds: float, cpu_seconds: float) -> None:
        """Measure the weights on some training images and on the validation images, and keep them if they are the best.

        Args:
            first: The position where the epoch started, or was continued.
            seconds: How long its steps took since then.
            cpu_seconds: The same of all cores together.
        """
        start, done = time.monotonic(), self.progress
        known, score, self.interrupted = self.group.agree(
            lambda: (self._score(self.feed.sample), self._validated(), interrupts.pending())
        )
        self._finite(score)
        if self.plan is not None:
            self.plan.measured(done.step - first.step, seconds, time.monotonic() - start)
        self.progress = done.after_epoch(score.loss, score.accuracy, by_loss=self.learner.objective.by_loss)
        best = self.progress.best_epoch == self.progress.epoch
        if best:
            self.best.keep()
        self.emit(
            EpochEnded(
                epoch=self.progress.epoch,
                epochs=self.pace.epochs,
                train_loss=known.loss,
                train_accuracy=known.accuracy,
                validation_loss=score.loss,
                validation_accuracy=score.accuracy,
                learning_rate=self.pace.rate(done.step - 1, done),
                best=best,
                measure=self.learner.objective.measure,
                seconds=seconds + time.monotonic() - start,
                cpu_seconds=cpu_seconds,
                pictures_per_second=(done.seen - first.seen) / seconds,
                pictures=done.seen,
                sample=len(self.feed.sample),
                running_loss=done.losses / done.seen,
                running_accuracy=self._running_accuracy(done),
            )
        )

    def _step(self, epoch: int) -> None:
        """Learn as many of the coming batches as make a step."""
        before = self._made
        count = self.feed.step_size(before.seen)
        rate = self.pace.rate(before.step, before)
        learned = self._in_memory(
            lambda: self.learner.learn(
                islice(self._coming, self.settings.accumulation), count, step=before.step, rate=rate, halt=self._halt
            )
        )
        self._unread.append((count, learned))
        self._read(epoch, _AHEAD if self.learner.ahead else 0)
        if learned.halt == _OUT_OF_TIME:
            self.pace.total = self._made.step
        self.interrupted = learned.halt == _INTERRUPTED

    @property
    def _made(self) -> Position:
        """The position after all steps that were made; the figures of the last ones are not in it."""
        position = self.progress
        for count, _ in self._unread:
            position = position.after_step(count, 0.0, 0)
        return position

    def _read(self, epoch: int, left: int = 0) -> None:
        """Read the figures of the steps that were made, but not of the last ones if some may be left."""
        while len(self._unread) > left:
            count, learned = self._unread.popleft()
            self.before = self.progress
            if not math.isfinite(learned.loss):
                raise DivergedError(self._explained(f"the loss became {learned.loss}"))
            done = self.progress = self.before.after_step(count, learned.loss, learned.correct)
            self.emit(StepDone(epoch=epoch, epochs=self.pace.epochs, pictures=done.seen, of=self.feed.length,
                               loss=done.losses / done.seen, accuracy=self._running_accuracy(done)))  # fmt: skip

    def _running_accuracy(self, done: Position) -> float | None:
        """The share of correct images in the steps of the epoch; None if that cannot be said of an image."""
        return done.correct / done.seen if self.learner.objective.measure == "accuracy" else None

    def _halt(self) -> int:
        """What rank 0 decides at the end of a step; the other ranks have neither a plan nor Ctrl-C."""
        if interrupts.pending():
            return _INTERRUPTED
        return _OUT_OF_TIME if self.plan is not None and self.plan.over else _CONTINUE

    def _in_memory(self, work: Callable[[], T]) -> T:
        """Do something; again with smaller batches as long as a GPU has too little memory for it.

        A batch norm may see a batch that did not fit once more in its parts; otherwise a step is as if it had fitted.
        """
        while True:
            try:
                return work()
            except torch.OutOfMemoryError as problem:
                if not self.feed.release_memory():
                    self._halve(problem)
                self._coming = self.feed.batches(self.progress.epoch + 1, self._made.seen)
                self.learner.release_memory()

    def _halve(self, problem: torch.OutOfMemoryError) -> None:
        """Train with half the batch from now on, in steps of the same size; an error where that is impossible."""
        if self.settings.batch_size == 1 or self.group.size > 1:
            raise hardware.out_of_memory(
                self.learner.device, f" for {self.feed.batch_size} images at once"
            ) from problem
        event = memory.halved(self.settings)
        smaller = {"batch_size": event.batch_size, "accumulation": event.accumulation}
        require_batch(self.network, self.settings.changed(smaller))
        self._settle(**smaller)
        self.feed.settings = self.learner.settings = self.settings
        self.emit(event)

    def _keep(self) -> None:
        """Write a checkpoint, if there is a folder for it; an error where a weight is not finite."""
        if self.plan is not None:
            self.progress = self.progress.at_time(self.plan.deadline.used_s)
        if not self.keeper.keep(self._state):
            raise SettingsError(self._explained("the weights became nan or infinite"))

    @property
    def _evaluated(self) -> int:
        """How many images are evaluated after an epoch."""
        return len(self.feed.sample) + len(self.task.validation)

    def _score(self, indices: NDArray[np.int64]) -> Score:
        """Loss and accuracy on some images, of the training or the validation set: measured in the same way."""
        return self.learner.validate(self.feed.plain(indices))

    def _validated(self) -> Score:
        return self._score(self.task.validation)

    def _finite(self, score: Score) -> Score:
        """The score; an error where its loss is not finite."""
        if not math.isfinite(score.loss):
            raise DivergedError(self._explained(f"the loss on the validation images became {score.loss}"))
        return score

    def _explained(self, what: str) -> str:
        """An error message that names the last step, its images, and the last good checkpoint."""
        last, rate = self.before, self.pace.rate(self.before.step, self.before)
        count = self.feed.step_size(last.seen)
        names = [printable(name) for name in self.feed.names(last.epoch + 1, last.seen, count)]
        kept = f"; the last good checkpoint is kept in {self.keeper.folder}" if self.keeper.kept else ""
        return (
            f"{what} in epoch {last.epoch + 1}, step {last.step}, on {listed(names, _NAMED)}: use a learning rate "
            f"below {rate:.2g}, or clip_norm=1{kept}"
        )
