"""Training: how weights change.

Settings, events, schedule and history are plain data and import no torch. `trainer()` is the one door to what does.
"""

from contextlib import suppress
from typing import Any

from eyebright.system import machine
from eyebright.system.errors import MissingExtraError
from eyebright.training.settings import DeviceName

machine.yield_when_waiting()


def finds_gpu(device: DeviceName) -> bool:
    """Whether this device would be an NVIDIA GPU here; torch is imported only where there is a driver."""
    if device not in ("auto", "cuda") or not machine.has_nvidia_driver():
        return False
    with suppress(MissingExtraError):
        return trainer().find(device).type == "cuda"  # type: ignore[no-any-return]
    return False


def trainer() -> Any:
    """The module `eyebright.training.torch.fit`, imported only when it is needed.

    Raises:
        MissingExtraError: When torch is not installed.
    """
    try:
        from eyebright.training.torch import fit
    except ModuleNotFoundError as problem:
        if problem.name != "torch":
            raise
        raise MissingExtraError(
            "training needs PyTorch, which is not installed: pip install 'eyebright[train]' "
            "(the README explains how to install a small build without CUDA)"
        ) from problem
    return fit
