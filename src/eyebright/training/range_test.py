"""What a learning-rate range test gave, and the rate that it suggests: plain numbers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eyebright.system.errors import SettingsError

LOWEST, GREATEST = 1e-6, 10.0
_SMOOTHING = 0.95
_FIRST_STEPS = 10  # in which the smoothed loss says little yet


class RangeTest(NamedTuple):
    """The rates that were tried, the loss before each step, the same smoothed, and the rate to train with."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float


def rate_at(step: int, steps: int) -> float:
    """The rate of a step: from the lowest to the greatest, by the same factor each time."""
    return float(LOWEST * (GREATEST / LOWEST) ** (step / max(steps - 1, 1)))


def smoothed(losses: Sequence[float]) -> list[float]:
    """An exponential mean over the steps so far, in which the first ones do not weigh more than others."""
    mean, result = 0.0, []
    for number, loss in enumerate(losses, start=1):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
        result.append(mean / (1 - _SMOOTHING**number))
    return result


def suggestion(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The rate to train with: a tenth of the one at which the smoothed loss is lowest.

    There it still falls steadily; at the lowest point the steps are already too long. So does fastai's `lr_find`, too.

    Raises:
        SettingsError: When the loss does not fall.
    """
    lowest = int(np.argmin(losses)) if losses else 0
    if lowest < _FIRST_STEPS:
        raise SettingsError(
            f"the loss falls at no learning rate from {LOWEST:g} to {rates[-1] if rates else LOWEST:.2g}: "
            "look whether the classes can be told apart at all, or start from other weights"
        )
    return float(rates[lowest]) / 10
