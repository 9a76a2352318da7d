"""float32 or bfloat16: whichever trains faster here, found by trying a few steps of both."""

import time
from collections.abc import Callable
from typing import Any, Literal

import torch

from eyebright.training import device
from eyebright.training.events import PrecisionChosen
from eyebright.training.settings import Precision

_WARM_UP, _TIMED = 2, 3
_WORTHWHILE = 1.1  # gains below this are within the noise, and float32 is the safer of two equals
_SMALL = 100_000_000  # multiply-adds a batch; up to here bfloat16 gains so little that noise would choose

Chosen = Literal["float32", "bfloat16"]


def choose(
    wanted: Precision, multiply_adds: int, try_step: Callable[[Chosen], None], at: torch.device = device.CPU
) -> PrecisionChosen:
    """Choose the precision.

    Args:
        wanted: What the settings say.
        multiply_adds: How many a batch takes on its way through the network.
        try_step: Does one training step in a precision, on weights that will not be used, and waits for its end.
        at: The device.
    """

    def chosen(precision: Chosen, reason: str) -> PrecisionChosen:
        kind: Any = at.type
        return PrecisionChosen(precision=precision, reason=reason, threads=torch.get_num_threads(), device=kind)

    if wanted != "auto":
        return chosen(wanted, "as asked")
    if not device.computes_in_bfloat16(at):
        return chosen("float32", "this processor does not compute in bfloat16")
    if multiply_adds < _SMALL:
        return chosen("float32", "the network is too small to gain from bfloat16")
    for _ in range(_WARM_UP):
        try_step("float32")
        try_step("bfloat16")
    pairs = [(_seconds(try_step, "float32"), _seconds(try_step, "bfloat16")) for _ in range(_TIMED)]
    slow, fast = map(min, zip(*pairs, strict=True))
    reason = f"a step takes {1000 * fast:.0f} ms in bfloat16, {1000 * slow:.0f} ms in float32"
    return chosen("bfloat16" if slow > _WORTHWHILE * fast else "float32", reason)


def _seconds(try_step: Callable[[Chosen], None], precision: Chosen) -> float:
    start = time.perf_counter()
    try_step(precision)
    return time.perf_counter() - start
