"""How far long work has come: the stages that take time, and the function that every room reports them to."""

from collections.abc import Callable
from typing import Literal, TypeAlias

Stage: TypeAlias = Literal[
    "scanning", "preparing", "comparing", "computing features", "downloading", "unpacking", "trying learning rates"
]
Report: TypeAlias = Callable[[Stage, int, int | None], None]
"""Called with the stage, how many units of it are done, and how many there are (None where that is not known)."""


def quiet(stage: Stage, done: int, of: int | None) -> None:
    """Report to nobody."""
