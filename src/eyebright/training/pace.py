"""How many steps a training makes, and at what rates: as its epochs say, or as many as fit into a budget of time."""

import math

from eyebright.training import legs
from eyebright.training.budget import Plan
from eyebright.training.checkpoint import Progress
from eyebright.training.events import Planned
from eyebright.training.schedule import learning_rate
from eyebright.training.settings import Settings

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

    def more(self, at: Progress) -> bool:
        """Whether there are steps left to make; without a budget, in this leg."""
        if self.plan is not None:
            return at.step < self.total
        return at.epoch < legs.ends(self.settings)[at.leg]

    @property
    def epochs(self) -> int:
        """How many epochs there will be, the last one perhaps cut short."""
        return math.ceil(self.total / self.steps)

    def plan_again(self, at: Progress) -> Planned | None:
        """Decide anew how many steps to make; None without a budget, where that is settled."""
        if self.plan is None:
            return None
        self.total = at.step + self.plan.more_steps()
        return Planned(steps=self.total, epochs=self.total / self.steps, seconds=self.plan.deadline.left_s)

    def end_in_time(self, at: Progress) -> None:
        """Make no further step where the budget leaves no time for one."""
        if self.plan is not None and self.plan.over:
            self.total = at.step

    def rate(self, step: int, at: Progress) -> float:
        """The learning rate of a step."""
        settings = self.settings
        if self.plan is None:
            return legs.rate(step, settings, self.steps, leg=at.leg, leg_epoch=at.leg_epoch, leg_step=at.leg_step)
        return learning_rate(
            step,
            steps=self.total,
            warmup_steps=min(round(settings.warmup_epochs * self.steps), self.total // _WARMUP_SHARE),
            peak=settings.learning_rate,
            schedule=settings.schedule,
        )
