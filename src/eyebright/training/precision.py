"""float32 or bfloat16: whichever trains faster here, found by trying a few steps of both."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal

import torch

from eyebright.training.events import PrecisionChosen
from eyebright.training.settings import Precision

_NATIVE = ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16")
_WARM_UP, _TIMED = 2, 3
_WORTHWHILE = 1.1  # gains below this are within the noise, and float32 is the safer of two equals
_SMALL = 100_000_000  # multiply-adds a batch; up to here bfloat16 gains so little that noise would choose

Chosen = Literal["float32", "bfloat16"]


def autocast(precision: Chosen) -> AbstractContextManager[None]:
    """The context in which a network runs in this precision."""
    return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")


def choose(wanted: Precision, multiply_adds: int, try_step: Callable[[Chosen], None]) -> PrecisionChosen:
    """Choose the precision.

    Args:
        wanted: What the settings say.
        multiply_adds: How many a batch takes on its way through the network.
        try_step: Does one training step in a precision, on weights that will not be used.
    """
    threads = torch.get_num_threads()
    if wanted != "auto":
        return PrecisionChosen(precision=wanted, reason="as asked", threads=threads)
    if not any(torch.cpu.get_capabilities().get(name) for name in _NATIVE):
        return PrecisionChosen(
            precision="float32", reason="this processor does not compute in bfloat16", threads=threads
        )
    if multiply_adds < _SMALL:
        return PrecisionChosen(
            precision="float32", reason="the network is too small to gain from bfloat16", threads=threads
        )
    for _ in range(_WARM_UP):
        try_step("float32")
        try_step("bfloat16")
    pairs = [(_seconds(try_step, "float32"), _seconds(try_step, "bfloat16")) for _ in range(_TIMED)]
    slow, fast = map(min, zip(*pairs, strict=True))
    reason = f"a step takes {1000 * fast:.0f} ms in bfloat16, {1000 * slow:.0f} ms in float32"
    return PrecisionChosen(
        precision="bfloat16" if slow > _WORTHWHILE * fast else "float32", reason=reason, threads=threads
    )


def _seconds(try_step: Callable[[Chosen], None], precision: Chosen) -> float:
    start = time.perf_counter()
    try_step(precision)
    return time.perf_counter() - start
