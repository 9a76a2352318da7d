"""Progress of long operations: the names of the stages, and the type of function that receives the progress."""

from collections.abc import Callable
from typing import Literal, TypeAlias

Stage: TypeAlias = Literal[
    "scanning", "preparing", "comparing", "computing features", "downloading", "unpacking", "trying learning rates"
]
Report: TypeAlias = Callable[[Stage, int, int | None], None]
"""Called with the stage, the number of units done, and the total number (None if it is not known)."""


def quiet(stage: Stage, done: int, of: int | None) -> None:
    """Ignore the progress."""
