"""What a file says of a box is kept as text, for the list of boxes that are not used."""

from eyebright.tasks.detection.labels.drawn import Drawn


def test_a_box_is_shown_as_the_file_gives_it():
    assert Drawn(["12", None, "x", 4.0], "corners", "dog").text == "dog 12 None x 4.0"
