"""More epochs than were planned at first: each leg but the first is a cosine of its own, from a tenth of the peak.

A leg ends after its epochs, or earlier where nothing gets better any more. The rate is a function of the settings and
of where the leg began, so a training that was planned with legs and one that was extended afterwards are the same.
"""

from eyebright.training.schedule import learning_rate
from eyebright.training.settings import Settings

SHARE = 0.1
"""Of the peak: where the learning rate begins when more epochs are asked for."""


def ends(settings: Settings) -> tuple[int, ...]:
    """The epoch after which each leg ends at the latest."""
    return (*settings.extended_at, settings.epochs)


def rate(step: int, settings: Settings, steps_per_epoch: int, *, leg: int, leg_epoch: int, leg_step: int) -> float:
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
        steps=(ends(settings)[leg] - leg_epoch) * steps_per_epoch,
        warmup_steps=0 if leg else round(settings.warmup_epochs * steps_per_epoch),
        peak=settings.learning_rate * (SHARE if leg else 1),
        schedule=settings.schedule,
    )
