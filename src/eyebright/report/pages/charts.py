"""Charts as inline SVG: what is drawn, and where; templates/chart.html draws it in the colours of the page.

Each chart comes with a sentence that a screen reader says, and with its figures as a table.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeAlias

WIDTH, HEIGHT = 400, 270
LEFT, RIGHT, TOP, BOTTOM = 50, 388, 28, 222
"""Where the axes are, in a chart of 400 x 270."""
Look: TypeAlias = Literal["one", "two", "mark"]
"""The main series, the one that it is compared with, and a reference."""
_MOST_TICKS, _MOST_DOTS = 6, 40


class Axis(NamedTuple):
    """An axis: its label, its ends, and where numbers stand; a logarithmic one has ends above 0."""

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value lies between the two ends, 0 to 1; in the middle where they are the same."""
        low, high, here = (math.log(each) if self.logarithmic else each for each in (self.low, self.high, value))
        return (here - low) / (high - low) if high != low else 0.5

    @classmethod
    def linear(cls, label: str, low: float, high: float, text: Callable[[float], str] = "{:g}".format) -> "Axis":
        """An axis with at most six round numbers."""
        return cls(label, low, high, tuple((value, text(value)) for value in round_numbers(low, high)))

    @classmethod
    def of_values(cls, label: str, values: Sequence[float]) -> "Axis":
        """A logarithmic axis with a number at each of the values, which are above 0 and differ."""
        return cls(label, min(values), max(values), tuple((value, f"{value:g}") for value in values), logarithmic=True)


class Series(NamedTuple):
    """Points that belong together.

    Args:
        name: What they are, for the legend.
        points: `(x, y)` of each.
        look: How they are drawn.
        bars: The lower and upper end of the interval of each point; empty without intervals.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    look: Look = "one"
    bars: tuple[tuple[float, float], ...] = ()

    @property
    def dotted(self) -> bool:
        """Whether each point has a dot: not where there are many, and not on a reference."""
        return self.look != "mark" and len(self.points) <= _MOST_DOTS


class Chart(NamedTuple):
    """A chart.

    Args:
        title: What it shows.
        words: What it says, in a sentence.
        x: The axis across.
        y: The axis upwards.
        series: What is drawn.
        headings: Of the columns of the figures.
        rows: The figures.
    """

    title: str
    words: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def across(self, value: float) -> float:
        """Where a value of x is drawn."""
        return round(LEFT + (RIGHT - LEFT) * self.x.share(value), 1)

    def down(self, value: float) -> float:
        """Where a value of y is drawn; above the axis is drawn on its end."""
        return round(BOTTOM - (BOTTOM - TOP) * min(max(self.y.share(value), 0.0), 1.0), 1)

    def line(self, series: Series) -> str:
        """The points of a series as a path of SVG."""
        return "M" + "L".join(f"{self.across(x)},{self.down(y)}" for x, y in series.points)


def round_numbers(low: float, high: float) -> list[float]:
    """At most six multiples of 1, 2 or 5 times a power of ten, from `low` to `high`.

    >>> round_numbers(0, 1)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    rough = (high - low) / (_MOST_TICKS - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]
