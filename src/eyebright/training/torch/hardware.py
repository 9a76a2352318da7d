"""What a training computes with: the device, the precision, threads.

A network is trained on the processor or on a GPU, by CUDA or by Apple's Metal (MPS). Outside of this folder weights,
batches and results are always on the processor. No Apple GPU has run this yet: the tests put doubles in its place.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

from eyebright.network import Network
from eyebright.system import machine
from eyebright.system.errors import EyebrightError, SettingsError
from eyebright.training.events.fitting import PrecisionChosen
from eyebright.training.settings import ChosenPrecision, DeviceName, Precision

CPU = torch.device("cpu")
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # before CUDA starts: its products have the same bits then

_NATIVE = ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16")  # names of processor features that compute in bfloat16
_HIDDEN, _NONE = "CUDA_VISIBLE_DEVICES hides all GPUs", "no NVIDIA GPU is there"
_EXPECTED = (_HIDDEN, _NONE)  # reasons to compute on the processor that need no warning
_LARGE = 3_000_000  # multiply-adds for an image: below, a step in bfloat16 takes as long as one in float32

_MB = 10**6


def find(wanted: DeviceName, rank: int = 0) -> torch.device:
    """The device that is asked for; "auto" takes a GPU if there is one. Each of several processes takes another GPU.

    An NVIDIA GPU that "auto" cannot use, and that is not hidden, is reported as a warning.

    Raises:
        SettingsError: When there is no such device, or this build of torch cannot use it.
    """
    there = available()
    kind = next(name for name, usable in there.items() if usable) if wanted == "auto" else wanted
    if not there[kind]:
        known = ", ".join(name for name in there if there[name] and name != "auto")
        why = f" ({cuda_problem()})" if kind == "cuda" else ""
        raise SettingsError(
            f"device={kind} is not available{why}: torch {torch.__version__} finds only {known}; use device=auto"
        )
    if wanted == "auto" and kind == "cpu" and machine.has_nvidia_driver() and (why := cuda_problem()) not in _EXPECTED:
        warnings.warn(f"the NVIDIA GPU is not used, because {why}: docs/hardware.md says what to do", stacklevel=1)
    if kind == "cuda":
        return torch.device("cuda", rank % torch.cuda.device_count())
    return torch.device(kind)


def available() -> dict[DeviceName, bool]:
    """Which devices can be used here, the best first."""
    return {"cuda": not cuda_problem(), "mps": torch.backends.mps.is_available(), "cpu": True, "auto": True}


def cuda_problem() -> str:
    """Why CUDA cannot be used here, for people; empty if it can."""
    with warnings.catch_warnings(record=True) as said:  # such as: the driver is too old
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    if available:
        capability = torch.cuda.get_device_capability()
        built_for = [int(name.removeprefix("sm_")) for name in torch.cuda.get_arch_list() if name[3:].isdecimal()]
        if built_for and 10 * capability[0] + capability[1] < min(built_for):
            return (
                f"{torch.cuda.get_device_name()} is too old for this build of torch: it has compute capability "
                f"{capability[0]}.{capability[1]}, and torch needs {min(built_for) / 10:.1f}"
            )
        return ""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return _HIDDEN
    if torch.version.cuda is None:
        return "this build of torch has no CUDA"
    return str(said[0].message).splitlines()[0] if said else _NONE


@contextmanager
def explained(device: torch.device) -> Iterator[None]:
    """Errors of a GPU in words.

    Raises:
        SettingsError: When its memory is too small.
        EyebrightError: When it fails.
    """
    try:
        yield
    except torch.OutOfMemoryError as problem:
        raise out_of_memory(device) from problem
    except RuntimeError as problem:
        if device.type != "cuda" or not str(problem).startswith(("CUDA", "cuDNN")):
            raise
        raise EyebrightError(
            f"the GPU failed ({str(problem).splitlines()[0]}): look for it with nvidia-smi. A run continues from its "
            "last checkpoint with eyebright train --resume, also without a GPU"
        ) from problem


def out_of_memory(device: torch.device, for_what: str = "") -> SettingsError:
    """The error that says what a GPU's memory is used for, and what can be done."""
    memory = ""
    if device.type == "cuda":
        free, total = (size // _MB for size in torch.cuda.mem_get_info(device))
        own = torch.cuda.memory_reserved(device) // _MB
        memory = f" ({total:,} MB: {own:,} used here, {total - free - own:,} by other programs, {free:,} free)"
    return SettingsError(
        f"the GPU has too little memory{for_what}{memory}: use a smaller batch_size, a smaller network or smaller "
        "images, end other programs that use it, or set device=cpu"
    )


def autocast(precision: str, device: torch.device = CPU) -> AbstractContextManager[None]:
    """The context in which a network runs in this precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is worth a try on this device; on Apple's GPUs it is not."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type == "cpu" and any(torch.cpu.get_capabilities().get(name) for name in _NATIVE)


def wait(device: torch.device) -> None:
    """Wait until a GPU has finished, so that its time can be measured."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def release_memory(device: torch.device) -> None:
    """Give back the GPU memory that torch keeps for later."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def seed(device: torch.device, value: int) -> None:
    """Start the random numbers of the processor and of this device from a seed.

    The numbers are those after `torch.manual_seed`, which also notes a traceback for each kind of device that is not
    in use: with a small network, this takes as long as a step.
    """
    torch.default_generator.manual_seed(value)
    if device.type == "cuda":
        torch.cuda.manual_seed_all(value)
    elif device.type == "mps":
        torch.mps.manual_seed(value)


@contextmanager
def torch_set_up(threads: int, *, deterministic: bool = True) -> Iterator[None]:
    """Compute with so many threads, and on a GPU in the same order each time or in the fastest one.

    The caller's settings and random state return at the end. float32 is float32 on every GPU, not TF32.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    gpus = range(torch.cuda.device_count() if torch.cuda.is_initialized() else 0)  # type: ignore[no-untyped-call]
    flags = torch.backends.cudnn.flags(
        enabled=True, benchmark=not deterministic, deterministic=deterministic, allow_tf32=False
    )
    try:
        with torch.random.fork_rng(devices=gpus), flags:
            yield
    finally:
        torch.set_num_threads(before)


def choose(wanted: Precision, network: Network, device: torch.device = CPU) -> PrecisionChosen:
    """Choose the precision: what the settings say or, for "auto", the one that is usually faster.

    This is a function of the network and the processor, so that the same command gives the same weights; a measurement
    would decide otherwise when the machine is busy. On two cores of an AMD EPYC with AVX512_BF16, a step in bfloat16
    took this share of the time of one in float32: vgg11, flowers_cnn and compact 0.57, alexnet_owt 0.63, resnet18 0.68,
    nin 0.77, googlenet 0.87, efficientnet_lite0 0.64 (with `network.torch.depthwise`; its last blocks alone 0.58).

    Args:
        wanted: The setting.
        network: The network as it is trained.
        device: Where it is trained.
    """

    def chosen(precision: ChosenPrecision, reason: str) -> PrecisionChosen:
        kind: Any = device.type
        return PrecisionChosen(precision=precision, reason=reason, threads=torch.get_num_threads(), device=kind)

    if wanted != "auto":
        return chosen(wanted, "as set")
    if not computes_in_bfloat16(device):
        return chosen("float32", f"this {'processor' if device == CPU else 'GPU'} does not compute in bfloat16")
    if network.multiply_adds < _LARGE:
        return chosen("float32", "the network is too small to gain from bfloat16")
    return chosen("bfloat16", "the processor is faster in it" if device == CPU else "the GPU is faster in it")
