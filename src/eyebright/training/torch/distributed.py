"""What processes that train together say to each other, by torch.distributed: nothing where there is only one.

gloo carries it, which runs everywhere. A process may prepare pictures for hours while the others wait for it, so they
wait as long as it takes; when one dies, the connections to it break, and the others end with an error.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed.nn
from torch import Tensor, distributed
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from eyebright.system.errors import EyebrightError
from eyebright.training import processes

_PATIENCE = timedelta(days=20)


@contextmanager
def joined() -> Iterator[None]:
    """Be one of the processes that the launcher has started; leaves them at the end."""
    with _explained():
        store, rank, of = next(rendezvous("env://", timeout=_PATIENCE))
        store = PrefixStore(f"start {processes.restarts()}", store)  # torchrun keeps what the dead wrote
        distributed.init_process_group("gloo", store=store, rank=rank, world_size=of, timeout=_PATIENCE)
    try:
        with processes.taking(processes.started()):
            yield
    finally:
        leave()


def leave() -> None:
    """Have nothing more to do with the others; those that still wait for this process end with an error."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def is_connected() -> bool:
    """Whether there are others that this process has not left."""
    return distributed.is_initialized()


def say(something: Any) -> None:
    """Tell all others something; every one of them must be listening."""
    with _explained():
        distributed.broadcast_object_list([something], src=0)


def listen() -> Any:
    """What the first process says."""
    heard: list[Any] = [None]
    with _explained():
        distributed.broadcast_object_list(heard, src=0)
    return heard[0]


def say_numbers(numbers: Sequence[float]) -> None:
    """Tell all others a few numbers, which is faster."""
    with _explained():
        distributed.broadcast(torch.tensor(numbers, dtype=torch.float64), src=0)


def listen_numbers(count: int) -> list[float]:
    """So many numbers that the first process says."""
    heard = torch.empty(count, dtype=torch.float64)
    with _explained():
        distributed.broadcast(heard, src=0)
    return [float(number) for number in heard]


def add_up(parameters: Sequence[Tensor], loss: float, hits: int) -> tuple[float, int]:
    """Add the gradients of all processes, and two figures: all get the sums.

    Args:
        parameters: Their gradients are replaced by the sums; one that has none has nothing to add.
        loss: This process's part of the mean loss.
        hits: How many pictures it told right.
    """
    if processes.place().of == 1:
        return loss, hits
    for parameter in parameters:
        if parameter.grad is None:  # its share of the last batch may be empty
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients]).cpu()
    figures = torch.tensor([loss, hits], dtype=torch.float64)
    with _explained():
        distributed.all_reduce(flat)
        distributed.all_reduce(figures)
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view(gradient.shape))
    return float(figures[0]), int(figures[1])


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except RuntimeError as problem:  # of gloo, where a connection broke
        raise EyebrightError(
            "another of the processes that train together is gone; torchrun --max-restarts 3 would start them again, "
            f"to go on from the last checkpoint ({str(problem).splitlines()[0][:200]})"
        ) from problem
