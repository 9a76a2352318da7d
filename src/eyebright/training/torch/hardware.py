"""Where a network is trained: on the processor, or on a GPU by CUDA or by Apple's Metal (MPS).

Weights, batches and results are on the processor everywhere else: what is here moves them there and back.
None of this has been run on a GPU yet; the processor's part is what the tests know.

float32 or bfloat16: whichever trains faster here, found by trying a few steps of both.

Whether a batch fits into memory, told from the shapes of the network before anything is computed.
"""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Literal

import msgspec
import torch

from eyebright.network import Network
from eyebright.system.errors import SettingsError
from eyebright.training import processes
from eyebright.training.events import BatchLowered, PrecisionChosen
from eyebright.training.processes import Place
from eyebright.training.settings import DeviceName, Precision, Settings

_NATIVE = ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16")  # how processors call that they compute in bfloat16
CPU = torch.device("cpu")


def find(wanted: DeviceName) -> torch.device:
    """The device that is asked for; "auto" takes a GPU where there is one. Several processes take one GPU each.

    Raises:
        SettingsError: When it is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    kind = next(name for name, here in there.items() if here) if wanted == "auto" else wanted
    if not there[kind]:
        known = ", ".join(name for name, here in there.items() if here)
        raise SettingsError(
            f"device={kind} is not here, as far as torch {torch.__version__} can tell: take device=auto, or {known}"
        )
    if kind == "cuda":
        return torch.device("cuda", processes.place().rank % torch.cuda.device_count())
    return torch.device(kind)


def autocast(precision: str, device: torch.device = CPU) -> AbstractContextManager[None]:
    """The context in which a network runs in this precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether it is worth trying; on Apple's GPUs not yet."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type == "cpu" and any(torch.cpu.get_capabilities().get(name) for name in _NATIVE)


def wait(device: torch.device) -> None:
    """Wait until what was asked of a GPU is done, so that its time can be measured."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def forget(device: torch.device) -> None:
    """Give back the memory of a GPU that is kept for later."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


_WARM_UP, _TIMED = 2, 3
_WORTHWHILE = 1.1  # gains below this are within the noise, and float32 is the safer of two equals
_SMALL = 100_000_000  # multiply-adds a batch; up to here bfloat16 gains so little that noise would choose

Chosen = Literal["float32", "bfloat16"]


def choose(
    wanted: Precision, multiply_adds: int, try_step: Callable[[Chosen], None], at: torch.device = CPU
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
    if not computes_in_bfloat16(at):
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


_FLOAT = 4  # bytes of a number; bfloat16 takes less, but float32 is tried too
_COPIES = 7  # of the weights: themselves, gradients, two moments, their mean, the best, one that is written
_SHARE = 0.7  # of the free memory that is counted on; measured peaks are up to a fifth above what shapes tell


def picture_bytes(network: Network) -> int:
    """What a picture takes while it is learned: what every layer gives, and the gradients of the two largest."""
    sizes = sorted(math.prod(place.shape) for place in network.places.values())
    return _FLOAT * (sum(sizes) + sum(sizes[-2:]))


def weight_bytes(network: Network) -> int:
    """What the weights take with all that is kept for each of them."""
    return _FLOAT * _COPIES * network.parameter_count


def lowered(network: Network, settings: Settings, free_bytes: int, place: Place) -> BatchLowered | None:
    """The greatest batch that fits, of which a whole number makes the same step; None where the one asked for does.

    Args:
        network: As it is trained.
        settings: How large batch and steps are.
        free_bytes: What the machine has left, for all processes on it.
        place: Which of several processes this is.
    """
    each = picture_bytes(network)
    left = _SHARE * free_bytes / place.here - weight_bytes(network)
    most = max(int(left / each), 1) * place.of  # pictures of all processes together
    if settings.batch_size <= most or settings.batch_size % place.of:  # which is refused elsewhere
        return None
    event = _smaller(settings, most, place.of)
    needed = settings.batch_size // place.of * each + weight_bytes(network)
    return msgspec.structs.replace(event, needed_bytes=needed, free_bytes=free_bytes // place.here)


def halved(settings: Settings) -> BatchLowered:
    """Half the batch, or what is nearest below it and divides it."""
    return _smaller(settings, settings.batch_size // 2, 1)


def _smaller(settings: Settings, most: int, of: int) -> BatchLowered:
    """The greatest batch up to `most` pictures, a multiple of `of`, of which a whole number makes the same step."""
    size = max(size for size in range(of, most + 1, of) if settings.batch_size % size == 0)
    return BatchLowered(batch_size=size, accumulation=settings.accumulation * (settings.batch_size // size))
