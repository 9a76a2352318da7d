import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tasks.detection.sets import drawn

from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.report.mistakes import (
    ComparedBoxes,
    Mistake,
    around,
    find_mistakes,
    looks_of,
    marked,
    picture_of,
    pictures_of,
    sheet_of,
)  # fmt: skip
from eyebright.tasks.detection.trust.matching import Truth, match

CLASSES = ["red", "green"]


def test_each_kind_of_mistake_is_found_and_what_is_ignored_makes_none(known_mistakes) -> None:
    """The less confident of two on one object is a false alarm, as in every measure of detectors."""
    found = [(one.image, one.words(CLASSES)) for one in find_mistakes(*known_mistakes)]
    assert found == [
        (1, "missed: red"),  # the larger one
        (0, "missed: green"),
        (0, "red 80%, labelled green"),
        (0, "false alarm: green 70%"),
        (1, "false alarm: green 50%"),
    ]


def test_an_object_of_its_own_class_is_right_even_where_a_surer_one_of_another_class_lies_on_it() -> None:
    found = Detections(np.array([[0.0, 0, 10, 10]] * 2), np.array([1, 0]), np.array([0.9, 0.5]))
    compared = ComparedBoxes.of(found, Truth.of(np.array([[0.0, 0, 10, 10]]), np.array([0])))
    assert compared.right.tolist() == [False, True] and compared.taken.tolist() == [-1, -1]
    assert not compared.missed.any()


@pytest.mark.parametrize("seed", range(10))
def test_what_is_right_and_missed_is_what_all_measures_count(seed) -> None:
    found, truth, _ = drawn(seed)
    matches, compared = match(found, truth), list(map(ComparedBoxes.of, found, truth))
    wrong_class = sum(int((one.taken >= 0).sum()) for one in compared)
    assert sum(int((~one.right).sum()) for one in compared) >= (~matches.correct & matches.evaluated).sum()
    assert sum(int(one.right.sum()) for one in compared) == (matches.correct | ~matches.evaluated).sum()
    assert (
        sum(int(one.missed.sum()) for one in compared) + wrong_class
        == (matches.counted[0] & np.isneginf(matches.found_at)).sum()
    )


def test_what_lies_on_an_ignored_object_of_another_class_is_a_false_alarm() -> None:
    """As in every measure: COCO ignores what lies on a crowd of its own class."""
    crowd = Truth(np.array([[0.0, 0, 40, 40]]), np.array([0]), np.array([True]))
    found = Detections(np.array([[0.0, 0, 10, 10], [20, 20, 30, 30]]), np.array([1, 0]), np.array([0.9, 0.8]))
    assert ComparedBoxes.of(found, crowd).right.tolist() == [False, True]


def test_without_boxes_there_is_nothing_to_compare() -> None:
    nothing = Detections(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))
    assert find_mistakes([nothing], [Truth.of(np.zeros((0, 4)), np.zeros(0, np.int64))]) == []


def test_a_picture_shows_both_boxes_where_they_are(known_mistakes) -> None:
    pixels = np.zeros((200, 300, 3), np.uint8)
    pixels[:, :, 0] = np.arange(300) % 256
    mistake = next(one for one in find_mistakes(*known_mistakes) if one.kind == "wrong class")
    picture = picture_of(mistake, pixels, "a.jpg", CLASSES)
    assert picture.title == "wrong class: a.jpg" and picture.pixels.shape == (48, 48, 3)  # at the edge, and not smaller
    assert [frame.labels[0] for frame in picture.frames] == ["green", "red 80%"]
    x1, _, x2, _ = picture.frames[1].corners
    left = int(picture.pixels[0, 0, 0])  # the column of the image
    assert (x1 + left, x2 + left) == (20, 30)
    assert looks_of(picture) == ["missed", "wrong"]


def test_a_whole_image_shows_what_is_right_wrong_and_missed(known_mistakes) -> None:
    picture = marked(np.zeros((100, 100, 3), np.uint8), *(pair[0] for pair in known_mistakes), CLASSES)
    assert looks_of(picture) == ["right", "wrong", "wrong", "right", "missed"]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), *[st.floats(0, 1)] * 4)
def test_the_part_of_an_image_holds_the_box_and_stays_within(width, height, a, b, c, d) -> None:
    box = np.array([[min(a, b) * width, min(c, d) * height, max(a, b) * width, max(c, d) * height]])
    left, top, right, bottom = around(box, width, height)
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    if right - left < width:
        assert left - 1 <= box[0, 0] and box[0, 2] <= right + 1
    if bottom - top < height:
        assert top - 1 <= box[0, 1] and box[0, 3] <= bottom + 1


@pytest.mark.parametrize(("most", "expected"), [(3, [1, 1, 1]), (8, [2, 3, 3]), (100, [2, 5, 9])])
def test_a_sheet_has_some_of_each_kind(most, expected) -> None:
    counts = {"missed": 2, "wrong class": 5, "false alarm": 9}
    chosen = sheet_of([Mistake(kind, 0) for kind, count in counts.items() for _ in range(count)], most)  # type: ignore[arg-type]
    assert [sum(one.kind == kind for one in chosen) for kind in counts] == expected


def test_each_image_is_opened_once(known_mistakes) -> None:
    opened: list[int] = []

    def open_image(image: int) -> np.ndarray:
        opened.append(image)
        return np.zeros((100, 100, 3), np.uint8)

    mistakes = find_mistakes(*known_mistakes)
    pictures = pictures_of(mistakes, open_image, ["a", "b"], CLASSES)
    assert sorted(opened) == [0, 1]
    assert [one.title.split(": ")[1] for one in pictures] == ["b", "a", "a", "a", "b"]
