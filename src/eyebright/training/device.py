"""Where a network is trained: on the processor, or on a GPU by CUDA or by Apple's Metal (MPS).

Weights, batches and results are on the processor everywhere else: what is here moves them there and back.
None of this has been run on a GPU yet; the processor's part is what the tests know.
"""

from contextlib import AbstractContextManager

import torch

from eyebright.errors import SettingsError
from eyebright.training import processes
from eyebright.training.settings import DeviceName

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
