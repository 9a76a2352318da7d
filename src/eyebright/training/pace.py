"""How many steps a training makes, and at what rates: as its epochs say, or as many as fit into a budget of time."""

import math

from eyebright.training import legs
from eyebright.training.budget import Plan
from eyebright.training.checkpoint import Progress
from eyebright.training.events import Planned
from eyebright.training.schedule import learning_rate
from eyebright.training.settings import Settings

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

    def more(self, at: Progress) -> bool:
        """Whether there are steps left to make; without a budget, in this leg."""
        if self.plan is not None:
            return at.step < self.total
        return at.epoch < legs.ends(self.settings)[at.leg]

    @property
    def epochs(self) -> int:
        """How many epochs there will be, the last one perhaps cut short."""
        return math.ceil(self.total / self.steps)

    def plan_again(self, at: Progress) -> tuple[Progress, Planned | None]:
        """Decide anew how many steps to make. Without a budget that is settled, and nothing is planned."""
        if self.plan is None:
            return at, None
        phase = self._phase(at.step, at) if at.step else 0.0
        self.total = at.step + self.plan.more_steps()
        at = at.at_phase(phase, planned=self.total)
        if not self.warmup:
            self.warmup = min(round(self.settings.warmup_epochs * self.steps), self.total // _WARMUP_SHARE)
        return at, Planned(steps=self.total, epochs=self.total / self.steps, seconds=self.plan.deadline.left_s)

    def end_in_time(self, at: Progress) -> None:
        """Make no further step where the budget leaves no time for one."""
        if self.plan is not None and self.plan.over:
            self.total = at.step

    def rate(self, step: int, at: Progress) -> float:
        """The learning rate of a step."""
        settings = self.settings
        if self.plan is None:
            return legs.rate(step, settings, self.steps, leg=at.leg, leg_epoch=at.leg_epoch, leg_step=at.leg_step)
        rate = learning_rate(round(_FINE * self._phase(step, at)), steps=_FINE, warmup_steps=0,
                             peak=settings.learning_rate, schedule=settings.schedule)  # fmt: skip
        return rate if settings.schedule == "one-cycle" else rate * min((step + 1) / max(self.warmup, 1), 1.0)

    def _phase(self, step: int, at: Progress) -> float:
        """How much of its schedule a training with a budget has gone through, 0 to 1.

        A new plan stretches or shortens what is left of it: the rate never jumps, however the machine's speed changes.
        """
        left = max(at.planned - at.phase_step, 1)
        return min(at.phase + (1 - at.phase) * (step - at.phase_step) / left, 1.0)
