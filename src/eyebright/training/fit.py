"""The trainer: weights in, weights out, events on the way.

One epoch is one pass over the training pictures in an order drawn from (seed, epoch); dropout is drawn from (seed,
step), augmentation from (seed, epoch, picture). So a training that goes on from a checkpoint ends with the same
weights as one that was never interrupted.
"""

import contextlib
import hashlib
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from eyebright import machine
from eyebright.datasets import Pack, ahead, batches, content_order, shuffled
from eyebright.errors import SettingsError
from eyebright.evaluation import log_softmax
from eyebright.modules import TorchNetwork, as_input
from eyebright.network import Network, Weights
from eyebright.network.rewrites import faster
from eyebright.training import checkpoint, legs, precision
from eyebright.training.augmentation import augment
from eyebright.training.checkpoint import Progress
from eyebright.training.events import Emit, EpochEnded, PrecisionChosen, Resumed, StepDone, Stopped
from eyebright.training.memory import keep_freed_memory
from eyebright.training.mixing import mix
from eyebright.training.settings import Settings

_CHECKPOINT_SHARE = 50  # times as long is trained between checkpoints as they take


class Material(NamedTuple):
    """What is learned from: prepared pictures, the class of each, and which are on which side."""

    pack: Pack
    labels: NDArray[np.int64]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]


class Outcome(NamedTuple):
    """The weights of the best epoch, and why training ended."""

    weights: Weights
    reason: Literal["finished", "patience", "interrupted"]


class Score(NamedTuple):
    """Mean loss and accuracy."""

    loss: float
    accuracy: float


def fit(
    network: Network,
    weights: Weights,
    material: Material,
    settings: Settings,
    *,
    emit: Emit,
    checkpoint_folder: Path | None = None,
    resume_with: PrecisionChosen | None = None,
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

    Returns:
        The weights of the epoch with the best validation accuracy (of equals, the one with the lowest loss).

    Raises:
        SettingsError: When the loss is no longer a number.
        KeyboardInterrupt: When interrupted before the end of the first epoch; later, what is best so far is returned.
    """
    keep_freed_memory()
    threads = resume_with.threads if resume_with else settings.threads or machine.cores()
    with torch.random.fork_rng(devices=[]), _threads(threads):
        trainer = _Trainer(network, weights, material, settings, emit)
        return trainer.run(checkpoint_folder, resume_with)


def predict_logits(network: Network, weights: Weights, pack: Pack, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """What a network gives, in float32, for pictures of a pack: `(n, classes)`."""
    with _threads(machine.cores()):
        module = TorchNetwork(faster(network), weights).eval()
        with torch.no_grad():
            labels = np.zeros(len(pack.rows), np.int64)
            parts = [module(as_input(batch.pictures)).numpy() for batch in ahead(batches(pack, labels, indices, 64))]
    return np.concatenate(parts) if parts else np.empty((0, *network.output_shape), np.float32)


class _Trainer:
    def __init__(self, network: Network, weights: Weights, material: Material, settings: Settings, emit: Emit) -> None:
        self.settings, self.emit, self.material = settings, emit, material
        self.train = content_order(material.pack, material.labels, material.train)
        self.module = TorchNetwork(faster(network), weights)
        self.optimizer = torch.optim.AdamW(_decayed(self.module, settings.weight_decay), fused=True)
        self.progress = Progress()
        self.folder: Path | None = None
        self.kept_until = time.monotonic()  # when the next checkpoint within an epoch is due
        self.best: Weights = {}
        self.precision: precision.Chosen = "float32"

    def run(self, folder: Path | None, resume_with: PrecisionChosen | None) -> Outcome:
        self.folder = folder
        if resume_with is None:
            chosen = self._choose_precision()
            self.emit(chosen)
        else:
            chosen = resume_with
            if folder is not None:
                moved = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
                self.progress, weights, self.best, moments = checkpoint.load(folder, self.module.network, moved)
                self.module.set_weights(weights)
                checkpoint.restore(self.optimizer, moments)
            self.emit(Resumed(epoch=self.progress.epoch, pictures=self.progress.seen))
        self.precision = chosen.precision
        self.kept_until = time.monotonic() + self.settings.checkpoint_s
        reason: Literal["finished", "patience", "interrupted"] = "finished"
        ends = legs.ends(self.settings)
        try:
            while True:
                stale = self.settings.patience and self.progress.stale_epochs >= self.settings.patience
                if self.progress.epoch < ends[self.progress.leg] and not stale:
                    self._epoch()
                    self._keep()
                elif self.progress.leg + 1 < len(ends):
                    self.progress = self.progress.next_leg()
                else:
                    reason = "patience" if self.progress.epoch < self.settings.epochs else "finished"
                    break
        except KeyboardInterrupt:
            if not self.best:
                raise
            reason = "interrupted"
        self.emit(Stopped(reason=reason, epoch=self.progress.epoch, best_epoch=self.progress.best_epoch))
        return Outcome(self.best, reason)

    def _epoch(self) -> None:
        """One pass over the training pictures and one over the validation pictures."""
        epoch, start, cpu_start = self.progress.epoch + 1, time.perf_counter(), time.process_time()
        seen_before = self.progress.seen  # above 0 where the training goes on within an epoch
        self.module.train()
        for pictures, labels in self._batches(shuffled(self.train, self.settings.seed, epoch)[seen_before:], epoch):
            loss, hits = self._step(pictures, labels, self.progress.step)
            done = self.progress = self.progress.after_batch(len(labels), loss, hits)
            self.emit(StepDone(epoch=epoch, epochs=self.settings.epochs, pictures=done.seen, of=len(self.train),
                               loss=done.losses / done.seen, accuracy=done.correct / done.seen))  # fmt: skip
            if time.monotonic() >= self.kept_until:
                self._keep()
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        done, score = self.progress, self._validate()
        self.progress = done.after_epoch(score.loss, score.accuracy)
        best = self.progress.best_epoch == epoch
        if best:
            self.best = self.module.get_weights()
        self.emit(
            EpochEnded(
                epoch=epoch,
                epochs=self.settings.epochs,
                train_loss=done.losses / done.seen,
                train_accuracy=done.correct / done.seen,
                validation_loss=score.loss,
                validation_accuracy=score.accuracy,
                learning_rate=self._rate(done.step - 1),
                best=best,
                seconds=time.perf_counter() - start,
                cpu_seconds=cpu_seconds,
                pictures_per_second=(done.seen - seen_before) / seconds,
            )
        )

    def _keep(self) -> None:
        """Write a checkpoint; the next one within an epoch waits until this one's time is small beside it."""
        if self.folder is None:
            return
        start = time.monotonic()
        checkpoint.save(self.folder, self.progress, self.module.get_weights(), self.best, self.optimizer)
        took = time.monotonic() - start
        pause = self.settings.checkpoint_s
        self.kept_until = start + took + (max(pause, _CHECKPOINT_SHARE * took) if pause else 0)

    def _step(self, pictures: Tensor, labels: Tensor, step: int) -> tuple[float, int]:
        """Learn one batch; returns its loss and how many were told right."""
        torch.manual_seed(_seed(self.settings.seed, step))
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(step)
        loss, logits = self._loss(pictures, labels, self.precision)
        if not math.isfinite(value := loss.item()):
            raise SettingsError(
                f"the loss became {value} in epoch {self.progress.epoch + 1}, step {step}: "
                f"try a learning rate below {self._rate(step):.2g}"
            )
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        most = labels if labels.ndim == 1 else labels.argmax(dim=1)
        return value, int((logits.argmax(dim=1) == most).sum())

    def _loss(self, pictures: Tensor, labels: Tensor, chosen: precision.Chosen) -> tuple[Tensor, Tensor]:
        self.optimizer.zero_grad(set_to_none=True)
        with precision.autocast(chosen):
            logits = self.module(pictures).float()
        return functional.cross_entropy(logits, labels, label_smoothing=self.settings.label_smoothing), logits

    def _validate(self) -> Score:
        self.module.eval()
        loss, correct = 0.0, 0
        with torch.no_grad(), precision.autocast(self.precision):
            for pictures, labels in self._batches(self.material.validation):
                logits = log_softmax(self.module(pictures).float().numpy())
                loss -= float(logits[np.arange(len(labels)), labels].sum())
                correct += int((logits.argmax(axis=1) == labels.numpy()).sum())
        count = len(self.material.validation)
        return Score(loss / count, correct / count)

    def _choose_precision(self) -> PrecisionChosen:
        """Try steps on a batch of the training pictures, then put everything back as it was."""
        weights = self.module.get_weights()
        pictures, labels = next(self._batches(self.train[: self.settings.batch_size]))

        def try_step(chosen: precision.Chosen) -> None:
            loss, _ = self._loss(pictures, labels, chosen)
            loss.backward()  # type: ignore[no-untyped-call]

        multiply_adds = self.module.network.multiply_adds * len(labels)
        chosen = precision.choose(self.settings.precision, multiply_adds, try_step)
        self.module.set_weights(weights)
        return chosen

    def _batches(self, indices: NDArray[np.int64], epoch: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Pictures and labels, read by a thread of their own; augmented and mixed where an epoch is given.

        Augmentation shares the network's threads: in a thread of its own it would hold up one of them, and the others
        would wait for that one.
        """
        for batch in ahead(batches(self.material.pack, self.material.labels, indices, self.settings.batch_size)):
            pictures = as_input(batch.pictures)
            if epoch is not None:
                pictures = augment(pictures, batch.keys, self.settings, epoch)
                num_classes = self.module.network.output_shape[0]
                yield mix(pictures, torch.from_numpy(batch.labels), num_classes, batch.keys, self.settings, epoch)
            else:
                yield pictures, torch.from_numpy(batch.labels)

    def _rate(self, step: int) -> float:
        steps_per_epoch = math.ceil(len(self.train) / self.settings.batch_size)
        at = self.progress
        return legs.rate(step, self.settings, steps_per_epoch, leg=at.leg, leg_epoch=at.leg_epoch, leg_step=at.leg_step)


def _decayed(module: TorchNetwork, weight_decay: float) -> list[dict[str, object]]:
    """Parameters in two groups: weights decay, biases and other vectors do not."""
    weights = [parameter for parameter in module.parameters() if parameter.ndim >= 2]
    vectors = [parameter for parameter in module.parameters() if parameter.ndim < 2]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def _seed(seed: int, step: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"step {seed} {step}".encode(), digest_size=8).digest(), "little") >> 1


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
