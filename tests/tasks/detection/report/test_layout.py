import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.tasks.detection.report.layout import place_labels

WIDTH, HEIGHT = 200.0, 120.0


@st.composite
def pictures_with_boxes(draw: st.DrawFn) -> tuple[np.ndarray, list[list[tuple[float, float]]]]:
    count = draw(st.integers(0, 25))
    ends = st.tuples(st.floats(0, WIDTH), st.floats(0, WIDTH), st.floats(0, HEIGHT), st.floats(0, HEIGHT))
    boxes = [
        (min(a, b), min(c, d), max(a, b), max(c, d))
        for a, b, c, d in draw(st.lists(ends, min_size=count, max_size=count))
    ]
    wide = draw(st.lists(st.floats(5, 250), min_size=count, max_size=count))
    return np.array(boxes).reshape(-1, 4), [[(each, 12.0), (each / 3, 12.0)] for each in wide]


@settings(max_examples=60, deadline=None)
@given(pictures_with_boxes())
def test_labels_stay_in_the_picture_at_their_box_and_off_each_other(given) -> None:
    boxes, sizes = given
    taken: list[tuple[float, float, float, float]] = []
    for box, forms, place in zip(boxes, sizes, place_labels(boxes, sizes, WIDTH, HEIGHT), strict=True):
        if place is None:
            continue
        form, left, top = place
        right, bottom = left + forms[form][0], top + forms[form][1]
        assert left >= 0 and top >= 0 and right <= WIDTH + 1e-9 and bottom <= HEIGHT + 1e-9
        assert left <= box[2] + 1e-9 and right >= box[0] - 1e-9 and top <= box[3] + 1e-9 and bottom >= box[1] - 1e-9
        assert all(
            min(right, other[2]) - max(left, other[0]) <= 1e-9 or min(bottom, other[3]) - max(top, other[1]) <= 1e-9
            for other in taken
        )
        taken.append((left, top, right, bottom))


def test_the_first_label_stands_above_its_box_at_the_left() -> None:
    assert place_labels(np.array([[50.0, 40, 90, 80]]), [[(30, 12)]], WIDTH, HEIGHT) == [(0, 50, 28)]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((50, 5, 90, 80), (50, 80)),  # below, where there is no room above
        ((180, 40, 199, 80), (170, 28)),  # shifted to the left, at the right edge
        ((50, 5, 90, 118), (90, 5)),  # beside it, where there is no room above and below
        ((0, 0, 200, 120), (0, 0)),  # within it, where it is the whole picture
    ],
)
def test_a_label_moves_where_its_first_place_is_outside(box, expected) -> None:
    assert place_labels(np.array([box], np.float64), [[(30, 12)]], WIDTH, HEIGHT) == [(0, *expected)]


def test_a_label_goes_where_it_hides_no_other_box() -> None:
    """Above the second box is the first one, below it nothing."""
    boxes = np.array([[50.0, 20, 90, 50], [50, 52, 90, 80]])
    assert place_labels(boxes, [[], [(30, 12)]], WIDTH, HEIGHT)[1] == (0, 50, 80)


def test_the_shorter_form_is_taken_where_the_whole_has_no_room_and_none_where_that_has_none_either() -> None:
    box = np.array([[0.0, 0, 200, 120]])
    assert place_labels(box, [[(300, 12), (40, 12)]], WIDTH, HEIGHT) == [(1, 0, 0)]
    assert place_labels(box, [[(300, 12), (40, 130)]], WIDTH, HEIGHT) == [None]
