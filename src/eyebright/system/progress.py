"""How far long work has come: the stages that take time, and the function that every room reports them to."""

from collections.abc import Callable
from typing import Literal, TypeAlias

Stage: TypeAlias = Literal[
    "scanning", "preparing", "comparing", "computing features", "downloading", "trying learning rates"
]
Report: TypeAlias = Callable[[Stage, int, int | None], None]
"""Called with the stage, how many units of it are done, and how many there are (None where that is not known)."""


def quiet(stage: Stage, done: int, of: int | None) -> None:
    """Report to nobody."""


ReportShare: TypeAlias = Callable[[float], None]
"""Called now and then with the share of the work that is done, 0 to 1."""


def quiet_share(share: float) -> None:
    """Report to nobody."""


def part_of(report: ReportShare, start: float, end: float) -> ReportShare:
    """The report of a step that takes the work from one share to another."""
    return lambda share: report(start + share * (end - start))
