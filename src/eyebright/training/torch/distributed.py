"""What the processes that train together send each other, with torch.distributed and its gloo backend.

Rank 0 may prepare images for hours while the others wait, so there is no timeout. When a process dies, its connections
break, and the others end with an error.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed.nn  # while there is no group: its default arguments would keep that group alive for ever
from torch import Tensor, distributed
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from eyebright.system.errors import EyebrightError
from eyebright.training import processes
from eyebright.training.processes import ProcessPlace

_NO_TIMEOUT = timedelta(days=20)
T = TypeVar("T")


class Group(ProcessPlace):
    """The processes that train together, as one of them sees it: what they decide and add up together.

    All ranks call the same methods in the same order. For a process alone they return what they are given.
    """

    __slots__ = ()

    def send(self, message: Any) -> None:
        """Send a message from rank 0 to all others, each of which must call `receive`."""
        if self.size > 1:
            _broadcast(message)

    def receive(self) -> Any:
        """The message that rank 0 sends."""
        return _broadcast(None)

    def agree(self, decide: Callable[[], T]) -> T:
        """Let rank 0 decide: it alone calls the function, and all ranks get its result."""
        decided = decide() if self.rank == 0 else None
        if self.size > 1:
            decided = _broadcast(decided)
        return decided  # type: ignore[return-value]

    def add_up(self, parameters: Sequence[Tensor], figures: Sequence[float]) -> list[float]:
        """Add the gradients of all ranks, and some figures beside them.

        Args:
            parameters: Their gradients are replaced by the sums. A parameter without a gradient counts as zero: a
                rank's share of the last batch may be empty.
            figures: Numbers of this rank.

        Returns:
            The sums of the figures.
        """
        if self.size == 1:
            return list(figures)
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients]).cpu()
        sums = torch.tensor(figures, dtype=torch.float64)
        with _explained():
            distributed.all_reduce(flat)
            distributed.all_reduce(sums)
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))
        return [float(value) for value in sums]

    def leave(self) -> None:
        """Break the connections; ranks that still wait for this one end with an error."""
        if distributed.is_initialized():
            distributed.destroy_process_group()

    @property
    def connected(self) -> bool:
        """Whether there are other ranks, and this one has not left them."""
        return bool(distributed.is_initialized())


ALONE = Group()


def group() -> Group:
    """The group that this process has joined, or itself alone."""
    return Group(*processes.place())


@contextmanager
def joined() -> Iterator[Group]:
    """Join the processes that the launcher has started, and leave them at the end of the block."""
    with _explained():
        store, rank, size = next(rendezvous("env://", timeout=_NO_TIMEOUT))
        store = PrefixStore(f"start {processes.restarts()}", store)  # torchrun keeps what dead processes wrote
        distributed.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=_NO_TIMEOUT)
    with processes.joined(processes.launched()):
        try:
            yield group()
        finally:
            group().leave()


def _broadcast(message: Any) -> Any:
    """The message of rank 0, on every rank."""
    messages = [message]
    with _explained():
        distributed.broadcast_object_list(messages, src=0)
    return messages[0]


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except RuntimeError as problem:  # gloo's, when a connection breaks
        raise EyebrightError(
            "another of the processes that train together has ended; torchrun --max-restarts 3 starts them again, and "
            f"they continue from the last checkpoint ({str(problem).splitlines()[0][:200]})"
        ) from problem
