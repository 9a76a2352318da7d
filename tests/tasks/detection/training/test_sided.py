"""Names of classes that say left or right."""

import pytest

from eyebright.tasks.detection.training.sided import says_side


@pytest.mark.parametrize(
    "name",
    ["greenleft", "turn_left", "LeftArrow", "right-hand", "arrowright", "arrowRight", "RIGHT", "turnleftahead",
     "upRight", "bright right", "Pfeil rechts", "tourner à gauche"],
)  # fmt: skip
def test_a_side_is_found(name):
    assert says_side(name)


@pytest.mark.parametrize(
    "name",
    ["bright", "Bright_Light", "brightness", "very-bright", "veryBright", "upright", "copyright", "alright", "cleft",
     "leftover", "straight", "light"],
)  # fmt: skip
def test_other_words_say_no_side(name):
    assert not says_side(name)
