"""The learning rate as a pure function of the step.

cosine: a linear warm-up, then half a cosine down to nearly nothing.
one-cycle: along half a cosine up for three tenths of the steps, from a 25th of the peak, then down to next to nothing.
constant: a linear warm-up, then the peak.

Sources: Loshchilov and Hutter 2017, "SGDR", eq. 5, without restarts; warm-up as in Goyal et al. 2017, section 2.2;
Smith and Topin 2017, "Super-Convergence", in the form and with the numbers of torch's OneCycleLR.
"""

import math

from eyebright.training.settings import ScheduleName

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
