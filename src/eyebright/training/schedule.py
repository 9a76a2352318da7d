"""The schedule of a training: its learning rates, its position, and how many steps are left.

The learning rate is a pure function of the settings and of the position:

cosine      a linear warm-up, then half a cosine down to almost 0
one-cycle   half a cosine up during 30% of the steps, from 1/25 of the peak, then down to almost 0
constant    a linear warm-up, then the peak

Sources: Loshchilov and Hutter 2017, "SGDR", eq. 5, without restarts; warm-up as in Goyal et al. 2017, section 2.2;
Smith and Topin 2017, "Super-Convergence", in the form and with the numbers of torch's OneCycleLR.

A training that gets more epochs than planned has several legs. Each leg after the first has a schedule of its own,
which starts at a tenth of the peak. A leg ends after its epochs, or earlier by `patience`. So a training that was
extended later has the same learning rates as one that was planned with these legs.
"""

import math
import sys

import msgspec

from eyebright.system.records import Record
from eyebright.training.settings import ScheduleName, Settings

LEG_SHARE = 0.1
"""The peak of a later leg, as a share of the first leg's peak."""

_RISING, _FIRST, _LAST = 0.3, 1 / 25, 1 / 25e4  # one-cycle: share of the steps; shares of the peak
_FINE = 1_000_000  # parts into which the schedule of a timed training is divided
_WARMUP_SHARE = 5  # the warm-up of a timed training takes at most one step in so many


def learning_rate(step: int, *, steps: int, warmup_steps: int, peak: float, schedule: ScheduleName = "cosine") -> float:
    """The learning rate of a step.

    Args:
        step: Counted from 0.
        steps: Of the whole training.
        warmup_steps: Length of the warm-up, at most half of all steps; one-cycle does not use it.
        peak: The highest rate.
        schedule: The name of the schedule.
    """
    if schedule == "one-cycle":
        return peak * _one_cycle(step, steps)
    warmup = min(warmup_steps, steps // 2)
    if step < warmup:
        return peak * (step + 1) / warmup
    if schedule == "constant":
        return peak
    progress = (step - warmup) / max(steps - warmup, 1)
    return peak * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def _one_cycle(step: int, steps: int) -> float:
    """The rate as a share of the peak."""
    top = max(_RISING * steps - 1, 0.0)  # the position of the peak; between two steps, as in torch
    if step <= top:
        return _between(_FIRST, 1.0, step / top if top else 1.0)
    return _between(1.0, _LAST, min((step - top) / max(steps - 1 - top, 1e-9), 1.0))


def _between(start: float, end: float, progress: float) -> float:
    """From start to end along half a cosine."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * progress))


def leg_ends(settings: Settings) -> tuple[int, ...]:
    """The last epoch of each leg."""
    return (*settings.extended_at, settings.epochs)


def leg_rate(step: int, settings: Settings, steps_per_epoch: int, *, leg: int, leg_epoch: int, leg_step: int) -> float:
    """The learning rate of a step in a training with legs.

    Args:
        step: Counted from the start of the training.
        settings: Peak, warm-up, and the ends of the legs.
        steps_per_epoch: Steps in an epoch.
        leg: The leg of the step, counted from 0.
        leg_epoch: Complete epochs before that leg.
        leg_step: Steps before that leg.
    """
    return learning_rate(
        step - leg_step,
        steps=(leg_ends(settings)[leg] - leg_epoch) * steps_per_epoch,
        warmup_steps=0 if leg else round(settings.warmup_epochs * steps_per_epoch),
        peak=settings.learning_rate * (LEG_SHARE if leg else 1),
        schedule=settings.schedule,
    )


class Position(Record, frozen=True, kw_only=True):
    """The position of a training, and its best result so far; part of every checkpoint.

    Args:
        epoch: Complete epochs.
        step: Steps in all.
        seen: Images learned in the current epoch.
        losses: Sum of their losses.
        correct: How many of them were predicted correctly.
        best_epoch: The epoch with the best weights; 0 for those at the start.
        best_accuracy: Its validation accuracy; below 0 if nothing was validated yet.
        best_loss: Its validation loss.
        start_accuracy: The validation accuracy of the weights at the start; below 0 if they were not validated.
        lowest_loss: The lowest validation loss so far.
        stale_epochs: Epochs since the accuracy or the loss improved.
        leg: The current leg, counted from 0: how often more epochs were started than planned before.
        leg_epoch: Complete epochs before this leg.
        leg_step: Steps before this leg.
        phase: With a budget of time: the part of the schedule, 0 to 1, that was complete at `phase_step`.
        phase_step: The step at which the last plan was made.
        planned: Steps in all according to that plan.
        used_s: Seconds of the budget that were used.
        device: Where the last steps were computed: "cpu", "cuda" or "mps"; empty in checkpoints of older versions.
    """

    epoch: int = 0
    step: int = 0
    seen: int = 0
    losses: float = 0.0
    correct: int = 0
    best_epoch: int = 0
    best_accuracy: float = -1.0
    best_loss: float = sys.float_info.max  # JSON knows no infinity
    start_accuracy: float = -1.0
    lowest_loss: float = sys.float_info.max
    stale_epochs: int = 0
    leg: int = 0
    leg_epoch: int = 0
    leg_step: int = 0
    phase: float = 0.0
    phase_step: int = 0
    planned: int = 0
    used_s: float = 0.0
    device: str = ""

    def at_start(self, loss: float, accuracy: float) -> "Position":
        """Before the first epoch, with the validation loss and accuracy of the weights at the start."""
        return msgspec.structs.replace(
            self, start_accuracy=accuracy, best_accuracy=accuracy, best_loss=loss, lowest_loss=loss
        )

    def after_step(self, count: int, loss: float, correct: int) -> "Position":
        """One step later; its number of images, their mean loss, and how many were predicted correctly."""
        return msgspec.structs.replace(
            self,
            step=self.step + 1,
            seen=self.seen + count,
            losses=self.losses + loss * count,
            correct=self.correct + correct,
        )

    def after_epoch(self, loss: float, accuracy: float, *, by_loss: bool = False) -> "Position":
        """One epoch later, with its validation loss and accuracy; the best epoch is the one with the best accuracy.

        With `by_loss` it is the one with the lowest loss.
        """
        best = loss < self.best_loss if by_loss else (accuracy, -loss) > (self.best_accuracy, -self.best_loss)
        if not self.best_epoch:  # one more correct image alone does not beat the start
            best &= loss < self.best_loss
        return msgspec.structs.replace(
            self,
            epoch=self.epoch + 1,
            seen=0,
            losses=0.0,
            correct=0,
            best_epoch=self.epoch + 1 if best else self.best_epoch,
            best_accuracy=accuracy if best else self.best_accuracy,
            best_loss=loss if best else self.best_loss,
            lowest_loss=min(loss, self.lowest_loss),
            stale_epochs=0 if best or loss < self.lowest_loss else self.stale_epochs + 1,
        )

    def at_phase(self, phase: float, planned: int) -> "Position":
        """With so much of the schedule complete, and the rest of it spread over the steps up to `planned`."""
        return msgspec.structs.replace(self, phase=phase, phase_step=self.step, planned=planned)

    def at_time(self, used_s: float) -> "Position":
        """With so many seconds of the budget used."""
        return msgspec.structs.replace(self, used_s=used_s)

    def on(self, device: str) -> "Position":
        """With the steps to come computed on a device."""
        return msgspec.structs.replace(self, device=device)

    def next_leg(self) -> "Position":
        """At the start of the next leg."""
        return msgspec.structs.replace(self, leg=self.leg + 1, leg_epoch=self.epoch, leg_step=self.step, stale_epochs=0)


class Pace:
    """The steps of a training and their learning rates: as the epochs say, or as many as a budget of time allows.

    Attributes:
        total: Steps in all.

    Args:
        settings: Epochs, learning rate and schedule.
        steps: Steps in an epoch.
        timed: Whether there is a budget of time; then `plan` decides how many steps are made.
    """

    def __init__(self, settings: Settings, steps: int, *, timed: bool = False) -> None:
        self.settings, self.steps, self.timed = settings, steps, timed
        self.total = settings.epochs * steps
        self.warmup = 0  # steps, of a timed training

    @property
    def epochs(self) -> int:
        """How many epochs there will be; a budget may cut the last one short."""
        return math.ceil(self.total / self.steps)

    def more(self, at: Position) -> bool:
        """Whether there are steps left; without a budget, in this leg."""
        if self.timed:
            return at.step < self.total
        return at.epoch < leg_ends(self.settings)[at.leg]

    def plan(self, at: Position, more_steps: int) -> Position:
        """Plan so many more steps: what is left of the schedule is spread over them.

        The learning rate never jumps, however much the speed of the machine changes.
        """
        phase = self._phase(at.step, at) if at.step else 0.0
        self.total = at.step + more_steps
        if not self.warmup:
            self.warmup = min(round(self.settings.warmup_epochs * self.steps), self.total // _WARMUP_SHARE)
        return at.at_phase(phase, planned=self.total)

    def rate(self, step: int, at: Position) -> float:
        """The learning rate of a step."""
        settings = self.settings
        if not self.timed:
            return leg_rate(step, settings, self.steps, leg=at.leg, leg_epoch=at.leg_epoch, leg_step=at.leg_step)
        rate = learning_rate(round(_FINE * self._phase(step, at)), steps=_FINE, warmup_steps=0,
                             peak=settings.learning_rate, schedule=settings.schedule)  # fmt: skip
        return rate if settings.schedule == "one-cycle" else rate * min((step + 1) / max(self.warmup, 1), 1.0)

    def _phase(self, step: int, at: Position) -> float:
        """The part of the schedule that is complete at a step, 0 to 1."""
        left = max(at.planned - at.phase_step, 1)
        return min(at.phase + (1 - at.phase) * (step - at.phase_step) / left, 1.0)
