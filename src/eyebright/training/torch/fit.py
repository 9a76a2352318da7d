"""What a network gives for pictures that it does not learn from at that moment.

The trainer: weights in, weights out, events on the way.

One epoch is one pass over the training pictures in an order drawn from (seed, epoch); dropout is drawn from (seed,
step), augmentation from (seed, epoch, picture). So a training that goes on from a checkpoint ends with the same
weights as one that was never interrupted. Checkpoints stand between steps, so that one whose gradients are added over
several batches is made whole or not at all.
"""

import math
import time
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from eyebright.data.batches import batches
from eyebright.data.pack import Pack
from eyebright.data.threads import ahead
from eyebright.network import Network, Weights
from eyebright.network.rewrites import faster
from eyebright.network.torch import TorchNetwork, as_input
from eyebright.system import machine
from eyebright.system.errors import SettingsError
from eyebright.system.machine import keep_freed_memory
from eyebright.training import processes
from eyebright.training.budget import VALIDATING, Deadline, Plan
from eyebright.training.events import (
    Emit,
    EpochEnded,
    Planned,
    PrecisionChosen,
    Resumed,
    StartJudged,
    StepDone,
    Stopped,
)
from eyebright.training.schedule import Pace, Position
from eyebright.training.settings import Settings
from eyebright.training.torch import hardware
from eyebright.training.torch.feed import Feed, Material, shown
from eyebright.training.torch.following import Lead, follow, leading
from eyebright.training.torch.keeping import Keeper
from eyebright.training.torch.learner import Learner, Stepping, torch_set_up
from eyebright.training.torch.range_test import range_test
from eyebright.trust.metrics import log_softmax


class Score(NamedTuple):
    """Mean loss and accuracy."""

    loss: float
    accuracy: float


def judge(module: TorchNetwork, feed: Feed, chosen: hardware.Chosen, at: torch.device = hardware.CPU) -> Score:
    """How good a network is on the validation pictures, in the precision of the training and where it is trained."""
    module.eval()
    loss, correct, count = 0.0, 0, len(feed.material.validation)
    with torch.no_grad(), hardware.autocast(chosen, at):
        for pictures, labels in feed.plain(feed.material.validation):
            logits = log_softmax(module(pictures.to(at)).float().cpu().numpy())
            loss -= float(logits[np.arange(len(labels)), labels].sum())
            correct += int((logits.argmax(axis=1) == labels.numpy()).sum())
    return Score(loss / count, correct / count)


def predict_logits(network: Network, weights: Weights, pack: Pack, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """What a network gives, in float32, for pictures of a pack: `(n, classes)`."""
    with torch_set_up(machine.cores()):
        module = TorchNetwork(faster(network), weights).eval()
        with torch.no_grad():
            labels = np.zeros(len(pack.rows), np.int64)
            parts = [module(as_input(batch.pictures)).numpy() for batch in ahead(batches(pack, labels, indices, 64))]
    return np.concatenate(parts) if parts else np.empty((0, *network.output_shape), np.float32)


__all__ = ["Material", "Outcome", "fit", "follow", "leading", "predict_logits", "range_test", "shown"]

Reason: TypeAlias = Literal["finished", "patience", "interrupted", "budget"]


class Outcome(NamedTuple):
    """The weights of the best epoch, and why training ended."""

    weights: Weights
    reason: Reason


def fit(
    network: Network,
    weights: Weights,
    material: Material,
    settings: Settings,
    *,
    emit: Emit,
    checkpoint_folder: Path | None = None,
    resume_with: PrecisionChosen | None = None,
    deadline: Deadline | None = None,
) -> Outcome:
    """Train a network.

    Args:
        network: The network; its result are logits.
        weights: Where to start.
        material: The pictures.
        settings: How.
        emit: Receives the events.
        checkpoint_folder: Where to keep the state, after each epoch and now and then within one; None keeps none.
        resume_with: Go on from the checkpoint there, in the precision that the run chose.
        deadline: When everything is to be done; then it decides how many steps are made, not the epochs.

    Returns:
        The weights of the epoch with the best validation accuracy (of equals, the one with the lowest loss).

    Raises:
        SettingsError: When the loss is no longer a number (step and pictures are named, and the last good checkpoint is
            left), or `frozen` names a layer that is not there.
        KeyboardInterrupt: When interrupted before the end of the first epoch; later, what is best so far is returned.
    """
    if not settings.epochs and deadline is None:
        emit(Stopped(reason="finished", epoch=0, best_epoch=0))
        return Outcome(dict(weights), "finished")
    if settings.judge_start and resume_with is None and deadline is not None and deadline.too_late:
        emit(Planned(steps=0, epochs=0.0, seconds=deadline.left_s))
        emit(Stopped(reason="budget", epoch=0, best_epoch=0))
        return Outcome(dict(weights), "budget")
    keep_freed_memory()
    with torch_set_up(resume_with.threads if resume_with else settings.threads or processes.threads()):
        if resume_with is None:
            settings = _that_fits(network, settings, emit)
        return _Trainer(network, weights, material, settings, emit, checkpoint_folder).run(resume_with, deadline)


def _that_fits(network: Network, settings: Settings, emit: Emit) -> Settings:
    """The settings with a batch for which there is memory; of a GPU's, its errors tell."""
    if hardware.find(settings.device) != hardware.CPU:
        return settings
    event = hardware.lowered(faster(network), settings, machine.free_memory_bytes(), processes.place())
    if event is None:
        return settings
    emit(event)
    return settings.changed({"batch_size": event.batch_size, "accumulation": event.accumulation})


class _Trainer:
    def __init__(
        self,
        network: Network,
        weights: Weights,
        material: Material,
        settings: Settings,
        emit: Emit,
        checkpoint_folder: Path | None,
    ) -> None:
        self.network, self.settings, self.emit, self.material = network, settings, emit, material
        self.feed = Feed(material, settings, network.output_shape[0])
        self.learner = Learner(network, weights, settings, material.labels[material.train])
        self.stepping = Stepping(self.feed, self.learner, settings, emit)
        self.progress = Position()
        self.best: Weights = {}
        self.keeper = Keeper(checkpoint_folder, self.learner, settings.checkpoint_s)
        self.pace = Pace(settings, self.feed.steps)

    def run(self, resume_with: PrecisionChosen | None, deadline: Deadline | None) -> Outcome:
        if resume_with is None:
            self.emit(self.stepping.in_memory(self._choose_precision))
        else:
            self.learner.precision = resume_with.precision
            if (found := self.keeper.restore()) is not None:
                self.progress, self.best = found.progress, found.best
                deadline = deadline and deadline.after(self.progress.used_s)
            self.emit(Resumed(epoch=self.progress.epoch, pictures=self.progress.seen))
        if deadline is not None and not self._make_plan(deadline):
            self.emit(Stopped(reason="budget", epoch=self.progress.epoch, best_epoch=self.progress.best_epoch))
            return Outcome(self.best or self.learner.module.get_weights(), "budget")
        if deadline is None:
            self._foretell()
        if self.settings.judge_start and not self.best:
            self._judge_start()
        self.keeper.begin()
        reason: Reason = "finished" if deadline is None else "budget"
        self.lead = Lead(self.network, self.learner, self.material)
        try:
            self.lead.begin()
            while True:
                stale = self.settings.patience and self.progress.stale_epochs >= self.settings.patience
                if self.pace.more(self.progress) and not stale:
                    self._epoch()
                    self._keep()
                    if self.pace.more(self.progress):
                        self._plan_again()
                elif self.progress.leg < len(self.settings.extended_at):
                    self.progress = self.progress.next_leg()
                else:
                    reason = "patience" if self.pace.more(self.progress) else reason
                    break
        except KeyboardInterrupt:
            if not self.best:
                raise
            reason = "interrupted"
        finally:
            self.lead.end()
        self.emit(Stopped(reason=reason, epoch=self.progress.epoch, best_epoch=self.progress.best_epoch))
        return Outcome(self.best, reason)

    def _make_plan(self, deadline: Deadline) -> bool:
        """Measure a step, and decide how many fit; False where there is no time, and something to keep already."""
        step_s, picture_s = self._times()
        try:
            self.pace.plan = Plan(deadline, step_s, picture_s=picture_s, steps=self.feed.steps,
                                  validation=len(self.material.validation))  # fmt: skip
        except SettingsError:
            if not (self.settings.judge_start or self.best):
                raise
            self.emit(Planned(steps=0, epochs=0.0, seconds=deadline.left_s))
            return False
        self._plan_again()
        return True

    def _foretell(self) -> None:
        """Say how long the epochs that are left will take."""
        step_s, picture_s = self._times()
        epoch_s = self.feed.steps * step_s + len(self.material.validation) * VALIDATING * picture_s
        epochs = self.settings.epochs - self.progress.epoch
        self.emit(Planned(steps=epochs * self.feed.steps, epochs=epochs, seconds=epochs * epoch_s))

    def _times(self) -> tuple[float, float]:
        """Seconds of a step, and those in which this process learns a picture, measured on a few steps."""
        batch_s = self.stepping.in_memory(lambda: self.learner.seconds(*next(self.feed.batches(1))))
        return self.stepping.settings.accumulation * batch_s, batch_s / self.feed.batch_size

    def _choose_precision(self) -> PrecisionChosen:
        return self.learner.choose_precision(*next(self.feed.plain(self.feed.train[: self.feed.batch_size])))

    def _plan_again(self) -> None:
        """Decide anew how many steps to make, and say so."""
        self.progress, planned = self.pace.plan_again(self.progress)
        if planned is not None:
            self.emit(planned)

    def _judge_start(self) -> None:
        """Judge the weights that the training starts from, as those of epoch 0: kept unless an epoch is better."""
        score = self._validate()
        self.best = self.learner.judged.get_weights()
        self.progress = self.progress.at_start(score.loss, score.accuracy)
        self.emit(StartJudged(validation_loss=score.loss, validation_accuracy=score.accuracy))

    def _epoch(self) -> None:
        """One pass over the training pictures, or what the budget leaves of it, and one over those for validation."""
        epoch, start, cpu_start = self.progress.epoch + 1, time.perf_counter(), time.process_time()
        seen_before, step_before = self.progress.seen, self.progress.step  # seen: above 0 where it goes on within one
        self.learner.module.train()
        self.stepping.begin(epoch, seen_before)
        while self.progress.seen < self.feed.length and self.progress.step < self.pace.total:
            self._step(epoch)
            self.pace.end_in_time(self.progress)
            if self.keeper.due:
                self._keep()
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        validation_start = time.monotonic()
        done, score = self.progress, self._validate()
        if self.pace.plan is not None:
            self.pace.plan.measured(done.step - step_before, seconds, time.monotonic() - validation_start)
        self.progress = done.after_epoch(score.loss, score.accuracy)
        best = self.progress.best_epoch == epoch
        if best:
            self.best = self.learner.judged.get_weights()
        self.emit(
            EpochEnded(
                epoch=epoch,
                epochs=self.pace.epochs,
                train_loss=done.losses / done.seen,
                train_accuracy=done.correct / done.seen,
                validation_loss=score.loss,
                validation_accuracy=score.accuracy,
                learning_rate=self._rate(done.step - 1),
                best=best,
                seconds=time.perf_counter() - start,
                cpu_seconds=cpu_seconds,
                pictures_per_second=(done.seen - seen_before) / seconds,
                pictures=done.seen,
            )
        )

    def _step(self, epoch: int) -> None:
        """Learn as many of the coming batches as make a step."""
        before, count = self.progress, min(self.settings.step_size, self.feed.length - self.progress.seen)
        rate = self._rate(before.step)
        with self.lead.step(epoch, before.seen, count, before.step, rate):
            loss, hits = self.stepping.learn(epoch, before.seen, count, step=before.step, rate=rate)
        if not math.isfinite(loss):
            raise self._diverged(f"the loss became {loss}")
        done = self.progress = before.after_step(count, loss, hits)
        self.emit(StepDone(epoch=epoch, epochs=self.pace.epochs, pictures=done.seen, of=self.feed.length,
                           loss=done.losses / done.seen, accuracy=done.correct / done.seen))  # fmt: skip

    def _keep(self) -> None:
        if self.pace.plan is not None:
            self.progress = self.progress.at_time(self.pace.plan.deadline.used_s)
        if not self.keeper.keep(self.progress, self.best):
            raise self._diverged("the weights became nan or infinite")

    def _validate(self) -> Score:
        score = judge(self.learner.judged, self.feed, self.learner.precision, self.learner.device)
        if not math.isfinite(score.loss):
            raise self._diverged(f"the loss on the validation pictures became {score.loss}")
        return score

    def _diverged(self, what: str) -> SettingsError:
        return self.stepping.diverged(what, self.keeper.kept)

    def _rate(self, step: int) -> float:
        return self.pace.rate(step, self.progress)
