"""How far a comparison of many pictures is."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[float], None]
"""Called now and then with the share that is done, 0 to 1."""


def part(progress: Progress | None, begin: float, end: float) -> Progress | None:
    """The progress of a step that takes the work from one share to another."""
    return None if progress is None else lambda share: progress(begin + share * (end - begin))
