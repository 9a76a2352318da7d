"""Wall and CPU seconds, and the figures every peer script reports from them.

Shared by the scripts of this folder; nothing to run here.
"""

import os
import time


class Stopwatch:
    """Measures from its creation; a busy machine shows as wall seconds growing while CPU seconds stay."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = _cpu_seconds()

    def wall_seconds(self) -> float:
        """Seconds on the clock since the start."""
        return round(time.perf_counter() - self._wall, 4)

    def rates(self, pictures: int) -> dict[str, float]:
        """Report what a run over so many pictures has taken until now.

        Returns:
            `pictures`, `wall_seconds`, `cpu_seconds` (all threads, and the worker processes that have ended) and
            `pictures_per_second` of wall time.
        """
        wall = self.wall_seconds()
        return {
            "pictures": pictures,
            "wall_seconds": wall,
            "cpu_seconds": round(_cpu_seconds() - self._cpu, 4),
            "pictures_per_second": round(pictures / wall, 2),
        }


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
