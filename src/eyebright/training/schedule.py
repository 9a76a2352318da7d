"""The learning rate as a pure function of the step: a linear warm-up, then half a cosine down to nearly nothing.

Source: Loshchilov and Hutter 2017, "SGDR", eq. 5, without restarts; warm-up as in Goyal et al. 2017, section 2.2.
"""

import math


def learning_rate(step: int, *, steps: int, warmup_steps: int, peak: float) -> float:
    """The rate for a step.

    Args:
        step: Counted from 0.
        steps: Of the whole training.
        warmup_steps: How many of them lead up to the peak; at most half of all.
        peak: The greatest rate.
    """
    warmup = min(warmup_steps, steps // 2)
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(steps - warmup, 1)
    return peak * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
