import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyebright.report.pages.charts import BOTTOM, LEFT, RIGHT, TOP, Axis, Chart, Series, round_numbers


def chart(x: Axis, y: Axis, *series: Series) -> Chart:
    return Chart("title", "words", x, y, series, (), ())


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_round_numbers_are_few_in_steps_of_1_2_or_5_and_within_the_ends(low: float, width: float) -> None:
    high = low + width
    if high - low < 1e-9 * max(abs(low), abs(high)):
        return
    found = round_numbers(low, high)
    assert 2 <= len(found) <= 7
    slack = 1e-6 * width
    assert low - slack <= found[0] and found[-1] <= high + slack
    step = found[1] - found[0]
    assert f"{step:.0e}"[0] in "125"
    assert all(b - a == pytest.approx(step, rel=1e-4) for a, b in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("low", "high", "numbers"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 0.87, [0, 0.2, 0.4, 0.6, 0.8]), (0, 30, [0, 10, 20, 30])],
)
def test_round_numbers(low: float, high: float, numbers: list[float]) -> None:
    assert round_numbers(low, high) == pytest.approx(numbers)


def test_the_ends_of_the_axes_are_the_corners_of_the_chart() -> None:
    drawn = chart(Axis.linear("", 10, 20), Axis.linear("", 0, 1))
    assert [drawn.across(10), drawn.across(15), drawn.across(20)] == [LEFT, (LEFT + RIGHT) / 2, RIGHT]
    assert [drawn.down(0), drawn.down(0.5), drawn.down(1)] == [BOTTOM, (BOTTOM + TOP) / 2, TOP]
    assert drawn.down(7) == TOP and drawn.down(-7) == BOTTOM


def test_equal_factors_are_equal_distances_on_a_logarithmic_axis() -> None:
    drawn = chart(Axis.of_values("", (0.01, 1, 0.1)), Axis.linear("", 0, 1))
    assert [drawn.across(value) for value in (0.01, 0.1, 1)] == [LEFT, (LEFT + RIGHT) / 2, RIGHT]
    assert drawn.x.ticks == ((0.01, "0.01"), (1, "1"), (0.1, "0.1"))


def test_a_line_goes_through_its_points() -> None:
    series = Series("s", ((0, 0), (1, 1)))
    assert chart(Axis.linear("", 0, 1), Axis.linear("", 0, 1), series).line(series) == (
        f"M{LEFT}.0,{BOTTOM}.0L{RIGHT}.0,{TOP}.0"
    )


def test_many_points_and_references_have_no_dots() -> None:
    assert Series("few", ((0, 0),)).dotted
    assert not Series("many", ((0, 0),) * 41).dotted and not Series("reference", ((0, 0),), "mark").dotted


def test_values_that_are_all_the_same_stand_in_the_middle_of_their_axis() -> None:
    drawn = chart(Axis.of_values("", [0.3]), Axis("", 5, 5, ()))
    assert drawn.across(0.3) == (LEFT + RIGHT) / 2 and drawn.down(5) == (BOTTOM + TOP) / 2
