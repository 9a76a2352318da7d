"""All events there are, and who receives them."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from eyebright.training.events.beginning import AnyBeginning
from eyebright.training.events.learning import AnyLearning
from eyebright.training.events.passing import AnyPassing
from eyebright.training.events.results import AnyResult

AnyEvent: TypeAlias = AnyBeginning | AnyLearning | AnyPassing | AnyResult
Emit: TypeAlias = Callable[[AnyEvent], None]


def to_all(callbacks: Iterable[Emit]) -> Emit:
    """One receiver that passes events on to many."""
    receivers = list(callbacks)

    def emit(event: AnyEvent) -> None:
        for receiver in receivers:
            receiver(event)

    return emit
