from collections.abc import Callable

import numpy as np
import pytest

from eyebright.report import rates
from eyebright.report.figures import BLUE, ORANGE
from eyebright.training.rates import RangeTest

TRIED = tuple(np.geomspace(1e-6, 1e-1, 6).tolist())
TEST = RangeTest(TRIED, (2.0, 2.1, 1.5, 1.0, 1.2, 40.0), (2.0, 2.05, 1.8, 1.5, 1.4, 9.0), 1e-3)


def test_the_figure_shows_the_smoothed_loss_against_the_rate_and_the_suggestion(as_figure: Callable) -> None:
    (axes,) = as_figure(rates, "draw_rates", TEST).axes
    lines = {line.get_color(): line for line in axes.lines}
    assert lines[BLUE].get_xydata().tolist() == [list(pair) for pair in zip(TRIED, TEST.smoothed, strict=True)]
    assert set(lines[ORANGE].get_xdata()) == {1e-3}
    assert axes.get_xscale() == "log"
    low, high = axes.get_ylim()
    assert low < 1.4 and 2.05 < high < 9  # what bursts is cut off


def test_rates_below_the_axis_are_plain_numbers(as_figure: Callable) -> None:
    """Figures know no formulas, which matplotlib would write there."""
    figure = as_figure(rates, "draw_rates", TEST)
    figure.draw_without_rendering()
    words = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert {"1e-06", "0.0001", "0.1"} <= set(words)
    assert not any("$" in word for word in words)


def test_the_suggestion_is_told(as_figure: Callable) -> None:
    (legend,) = as_figure(rates, "draw_rates", TEST).legends
    assert "suggested: 0.001" in [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize("test", [TEST, TEST._replace(losses=(np.inf,) * 6)])
def test_it_is_a_png(decode: Callable[[bytes], np.ndarray], test: RangeTest) -> None:
    assert decode(rates.draw_rates(test)).shape == (480, 840, 3)
