"""The learning rate as a pure function of the step.

cosine: a linear warm-up, then half a cosine down to nearly nothing.
one-cycle: along half a cosine up for three tenths of the steps, from a 25th of the peak, then down to next to nothing.
constant: a linear warm-up, then the peak.

Sources: Loshchilov and Hutter 2017, "SGDR", eq. 5, without restarts; warm-up as in Goyal et al. 2017, section 2.2;
Smith and Topin 2017, "Super-Convergence", in the form and with the numbers of torch's OneCycleLR.

More epochs than were planned at first: each leg but the first is a cosine of its own, from a tenth of the peak.

A leg ends after its epochs, or earlier where nothing gets better any more. The rate is a function of the settings and
of where the leg began, so a training that was planned with legs and one that was extended afterwards are the same.

How many steps a training makes, and at what rates: as its epochs say, or as many as fit into a budget of time.
"""

import math
import sys

import msgspec

from eyebright.system.records import Record
from eyebright.training.budget import Plan
from eyebright.training.events import Planned
from eyebright.training.settings import ScheduleName, Settings

_RISING, _FIRST, _LAST = 0.3, 1 / 25, 1 / 25e4  # of the steps; of the peak


def learning_rate(step: int, *, steps: int, warmup_steps: int, peak: float, schedule: ScheduleName = "cosine") -> float:
    """The rate for a step.

    Args:
        step: Counted from 0.
        steps: Of the whole training.
        warmup_steps: How many of them lead up to the peak; at most half of all. One-cycle has its own.
        peak: The greatest rate.
        schedule: Which course it takes.
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
    """The share of the peak."""
    top = max(_RISING * steps - 1, 0.0)  # where the peak lies; between two steps, as in torch
    if step <= top:
        return _between(_FIRST, 1.0, step / top if top else 1.0)
    return _between(1.0, _LAST, min((step - top) / max(steps - 1 - top, 1e-9), 1.0))


def _between(start: float, end: float, progress: float) -> float:
    """From start to end along half a cosine."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * progress))


LEG_SHARE = 0.1
"""Of the peak: where the learning rate begins when more epochs are asked for."""


def leg_ends(settings: Settings) -> tuple[int, ...]:
    """The epoch after which each leg ends at the latest."""
    return (*settings.extended_at, settings.epochs)


def leg_rate(step: int, settings: Settings, steps_per_epoch: int, *, leg: int, leg_epoch: int, leg_step: int) -> float:
    """The learning rate of a step.

    Args:
        step: Counted from the beginning of the training.
        settings: Peak, warm-up, and the ends of the legs.
        steps_per_epoch: Batches in an epoch.
        leg: Which leg the step belongs to, counted from 0.
        leg_epoch: Complete epochs when that leg began.
        leg_step: Batches learned when that leg began.
    """
    return learning_rate(
        step - leg_step,
        steps=(leg_ends(settings)[leg] - leg_epoch) * steps_per_epoch,
        warmup_steps=0 if leg else round(settings.warmup_epochs * steps_per_epoch),
        peak=settings.learning_rate * (LEG_SHARE if leg else 1),
        schedule=settings.schedule,
    )


class Position(Record, frozen=True, kw_only=True):
    """How far a training has come, and how good it was at its best.

    Args:
        epoch: Complete epochs.
        step: Steps made in all.
        seen: Pictures learned in the epoch that is not complete yet; `losses` and `correct` are sums over them.
        best_epoch: The epoch whose weights are kept, with its accuracy and loss on the validation pictures.
        lowest_loss: The lowest loss on the validation pictures so far.
        stale_epochs: Epochs since anything got better.
        leg: How many times more epochs have been begun than were planned at first; see `training/legs.py`.
        leg_epoch: Complete epochs when this leg began, and steps made by then, `leg_step`.
        phase: With a budget of time, how much of the schedule was gone through, 0 to 1, at the step `phase_step`.
        planned: How many steps the plan made at that step foresees in all.
        used_s: Seconds of the budget that had gone by.
    """

    epoch: int = 0
    step: int = 0
    seen: int = 0
    losses: float = 0.0
    correct: int = 0
    best_epoch: int = 0
    best_accuracy: float = -1.0
    best_loss: float = sys.float_info.max  # JSON knows no infinity
    lowest_loss: float = sys.float_info.max
    stale_epochs: int = 0
    leg: int = 0
    leg_epoch: int = 0
    leg_step: int = 0
    phase: float = 0.0
    phase_step: int = 0
    planned: int = 0
    used_s: float = 0.0

    def at_start(self, loss: float, accuracy: float) -> "Position":
        """Before the first epoch, with the loss and accuracy of the weights that are started from."""
        return msgspec.structs.replace(self, best_accuracy=accuracy, best_loss=loss, lowest_loss=loss)

    def after_step(self, count: int, loss: float, correct: int) -> "Position":
        """One step further: how many pictures it had, their mean loss, how many were told right."""
        return msgspec.structs.replace(
            self,
            step=self.step + 1,
            seen=self.seen + count,
            losses=self.losses + loss * count,
            correct=self.correct + correct,
        )

    def after_epoch(self, loss: float, accuracy: float) -> "Position":
        """One epoch further, with its loss and accuracy on the validation pictures."""
        best = (accuracy, -loss) > (self.best_accuracy, -self.best_loss)
        if not self.best_epoch and self.best_accuracy >= 0:  # a good start is not left for one picture more
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
        """With so much of the schedule gone through, and the rest of it spread over the steps up to `planned`."""
        return msgspec.structs.replace(self, phase=phase, phase_step=self.step, planned=planned)

    def at_time(self, used_s: float) -> "Position":
        """With so many seconds of the budget gone by."""
        return msgspec.structs.replace(self, used_s=used_s)

    def next_leg(self) -> "Position":
        """At the beginning of the epochs that were added."""
        return msgspec.structs.replace(self, leg=self.leg + 1, leg_epoch=self.epoch, leg_step=self.step, stale_epochs=0)


_FINE = 1_000_000  # parts of a schedule
_WARMUP_SHARE = 5  # of the steps that fit into a budget, one in so many at most leads up to the peak


class Pace:
    """What is left to do, asked before each step.

    Args:
        settings: Epochs, rates and their schedule.
        steps: Of an epoch.
    """

    def __init__(self, settings: Settings, steps: int) -> None:
        self.settings, self.steps = settings, steps
        self.plan: Plan | None = None
        self.total = settings.epochs * steps  # steps to make
        self.warmup = 0  # steps of a training with a budget that lead up to the peak

    def more(self, at: Position) -> bool:
        """Whether there are steps left to make; without a budget, in this leg."""
        if self.plan is not None:
            return at.step < self.total
        return at.epoch < leg_ends(self.settings)[at.leg]

    @property
    def epochs(self) -> int:
        """How many epochs there will be, the last one perhaps cut short."""
        return math.ceil(self.total / self.steps)

    def plan_again(self, at: Position) -> tuple[Position, Planned | None]:
        """Decide anew how many steps to make. Without a budget that is settled, and nothing is planned."""
        if self.plan is None:
            return at, None
        phase = self._phase(at.step, at) if at.step else 0.0
        self.total = at.step + self.plan.more_steps()
        at = at.at_phase(phase, planned=self.total)
        if not self.warmup:
            self.warmup = min(round(self.settings.warmup_epochs * self.steps), self.total // _WARMUP_SHARE)
        return at, Planned(steps=self.total, epochs=self.total / self.steps, seconds=self.plan.deadline.left_s)

    def end_in_time(self, at: Position) -> None:
        """Make no further step where the budget leaves no time for one."""
        if self.plan is not None and self.plan.over:
            self.total = at.step

    def rate(self, step: int, at: Position) -> float:
        """The learning rate of a step."""
        settings = self.settings
        if self.plan is None:
            return leg_rate(step, settings, self.steps, leg=at.leg, leg_epoch=at.leg_epoch, leg_step=at.leg_step)
        rate = learning_rate(round(_FINE * self._phase(step, at)), steps=_FINE, warmup_steps=0,
                             peak=settings.learning_rate, schedule=settings.schedule)  # fmt: skip
        return rate if settings.schedule == "one-cycle" else rate * min((step + 1) / max(self.warmup, 1), 1.0)

    def _phase(self, step: int, at: Position) -> float:
        """How much of its schedule a training with a budget has gone through, 0 to 1.

        A new plan stretches or shortens what is left of it: the rate never jumps, however the machine's speed changes.
        """
        left = max(at.planned - at.phase_step, 1)
        return min(at.phase + (1 - at.phase) * (step - at.phase_step) / left, 1.0)
