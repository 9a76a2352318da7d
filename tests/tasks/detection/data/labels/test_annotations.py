"""What a file says of a box is kept as text, for the list of boxes that are not used."""

import pytest

from eyebright.tasks.detection.data.labels.annotations import Annotation, stated_size


def test_a_box_is_shown_as_the_file_gives_it():
    assert Annotation(["12", None, "x", 4.0], "corners", "dog").text == "dog 12 None x 4.0"
    assert Annotation(["1" * 90, *range(90)], "outline", "dog").text == f"dog {'1' * 40} 0 1 2 3 4 5 6 ..."


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(640, "480", (640, 480)), (640.0, " 480.0 ", (640, 480)), (0, 0, None), (None, 480, None), ("wide", 480, None),
     (1e400, 480, None), (float("nan"), 480, None)],
)  # fmt: skip
def test_the_size_that_a_file_states_is_two_positive_numbers_or_none(width, height, size):
    assert stated_size(width, height) == size
