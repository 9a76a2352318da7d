"""Progress of long operations: the names of the stages, and the type of function that receives the progress."""

from collections.abc import Callable
from typing import Literal, TypeAlias

Stage: TypeAlias = Literal[
    "scanning",
    "preparing",
    "comparing",
    "computing features",
    "downloading",
    "unpacking",
    "trying learning rates",
    "evaluating",
    "training",
]
Report: TypeAlias = Callable[[Stage, int, int | None], None]
"""Called with the stage, the number of units done, and the total number (None if it is not known)."""


def quiet(stage: Stage, done: int, of: int | None) -> None:
    """Ignore the progress."""


ReportShare: TypeAlias = Callable[[float], None]
"""Called now and then with the share of the work that is done, 0 to 1."""


def quiet_share(share: float) -> None:
    """Ignore the progress."""


def part_of(report: ReportShare, start: float, end: float) -> ReportShare:
    """The report of a step that takes the work from one share to another."""
    return lambda share: report(start + share * (end - start))
