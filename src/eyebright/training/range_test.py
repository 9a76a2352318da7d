"""The result of a learning-rate range test, and the rate that it suggests: plain numbers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eyebright.system.errors import SettingsError

LOWEST, HIGHEST = 1e-6, 10.0
_SMOOTHING = 0.95
_FIRST_STEPS = 10  # in which the smoothed loss is not reliable


class RangeTest(NamedTuple):
    """The learning rates, the loss before each step, the smoothed loss, and the suggested learning rate."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float

    def __repr__(self) -> str:
        return f"RangeTest(suggestion={self.suggestion:.2g}, {len(self.rates)} learning rates)"


def rate_at(step: int, steps: int) -> float:
    """The learning rate of a step: from the lowest to the highest, by the same factor in each step."""
    return float(LOWEST * (HIGHEST / LOWEST) ** (step / max(steps - 1, 1)))


def smoothed(losses: Sequence[float]) -> list[float]:
    """The exponential moving average of the losses, corrected for its start."""
    mean, result = 0.0, []
    for number, loss in enumerate(losses, start=1):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
        result.append(mean / (1 - _SMOOTHING**number))
    return result


def suggestion(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The suggested learning rate: a tenth of the one with the lowest smoothed loss, as in fastai's `lr_find`.

    There the loss still falls steadily; at its minimum the steps are already too large.

    Raises:
        SettingsError: When the loss does not fall.
    """
    lowest = int(np.argmin(losses)) if losses else 0
    if lowest < _FIRST_STEPS:
        raise SettingsError(
            f"the loss does not fall at any learning rate from {LOWEST:g} to {rates[-1] if rates else LOWEST:.2g}: "
            "check that the classes can be distinguished in the images, or start from other weights"
        )
    return float(rates[lowest]) / 10
