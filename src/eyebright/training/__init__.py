"""Training: how weights change.

Settings, events, schedule and history are plain data and import no torch. `trainer()` is the one door to what does.
"""

from typing import Any

from eyebright.system import machine
from eyebright.system.errors import MissingExtraError

machine.yield_when_waiting()


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
