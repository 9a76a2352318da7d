"""Each box that is not used has its reason; no box costs another one."""

import math

import pytest

from eyebright.data.pictures.opening import StoredSize
from eyebright.tasks.detection.data.labels.annotations import Annotation, LabelledImage
from eyebright.tasks.detection.data.labels.checks import check

SIZE = StoredSize((200, 100), (200, 100))


def checked(*boxes, size=SIZE, stated=None, one_class=""):
    return check("a.png", LabelledImage(boxes, stated=stated), size, one_class)


def drawn(*values, form="corners", name="dog", **others):
    return Annotation(values, form, name, **others)


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ("corners", (10, 20, 50, 60)),
        ("corners from 1", ("11", "21.0", " 50 ", "60")),
        ("corner and size", (10, 20, 40, 40)),
        ("shares", (0.15, 0.4, 0.2, 0.4)),
        ("outline", (0.05, 0.4, 0.25, 0.2, 0.1, 0.6)),
    ],
)
def test_all_forms_give_the_same_corners(form, values):
    assert checked(drawn(*values, form=form)).used == (((10, 20, 50, 60), "dog"),)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        (drawn(10, 20, 10, 60), "no area"),
        (drawn(10, 20, 11, 60), "no area"),
        (drawn(50, 20, 10, 60), "no area"),
        (drawn(202, 20, 250, 60), "outside"),
        (drawn(150, 20, 202.1, 60), "over the edge"),
        (drawn(-2.1, 20, 50, 60), "over the edge"),
        (drawn(10, 20, 50, 101.1), "over the edge"),
        (drawn(10, 20, 1e300, 60), "over the edge"),
        (drawn(10, 20, math.nan, 60), "not numbers"),
        (drawn(10, 20, "inf", 60), "not numbers"),
        (drawn(10, 20, "wide", 60), "not numbers"),
        (drawn(10, 20, None, 60), "not numbers"),
        (drawn(10, 20, True, 60), "not numbers"),
        (drawn(10, 20, 50), "not numbers"),
        (drawn(10, 20, 10**400, 60), "not numbers"),
        (drawn(0.1, 0.1, 0.2, 0.2, 0.9, form="outline"), "not numbers"),
        (drawn(10, 20, 50, 60, name="class 7", is_known=False), "unknown class"),
        (drawn(10, 20, 50, 60, ignored="crowd"), "crowd"),
        (drawn(10, 20, 50, 60, ignored="difficult"), "difficult"),
    ],
)
def test_a_box_that_is_not_used_has_its_reason_and_costs_no_other(box, reason):
    found = checked(drawn(1, 2, 3, 4), box)
    assert [one.reason for one in found.unused] == [reason]
    assert found.unused[0].box.startswith(box.text) and found.unused[0].image == "a.png"
    assert found.used == (((1, 2, 3, 4), "dog"),)
    assert len(found.ignored) == (reason in ("crowd", "difficult"))


def test_boxes_a_little_over_the_edge_are_clipped_and_counted():
    found = checked(drawn(-2, -1, 202, 101), drawn(0, 0, 200, 100.001, name="cat"))
    assert found.used == (((0, 0, 200, 100), "dog"), ((0, 0, 200, 100), "cat")) and found.clipped == 1
    small = checked(drawn(-1, 0, 30, 20), size=StoredSize((30, 20), (30, 20)))
    assert small.used == (((0, 0, 30, 20), "dog"),)


def test_the_same_box_twice_is_used_once_also_where_all_classes_are_one():
    boxes = drawn(1, 2, 30, 40), drawn(1.001, 2, 30, 40), drawn(1, 2, 30, 40, name="cat")
    assert [one.reason for one in checked(*boxes).unused] == ["twice"]
    assert [one.reason for one in checked(*boxes, one_class="object").unused] == ["twice", "twice"]


def test_another_size_in_the_file_is_reported_and_whether_it_is_that_of_the_image_on_its_side():
    turned = StoredSize((100, 200), (200, 100))
    unlike, lying = (
        checked(drawn(1, 2, 30, 40), stated=(400, 200)),
        checked(drawn(1, 2, 30, 40), size=turned, stated=(200, 100)),
    )
    assert unlike.unused[0][1:] == ("other size", "dog 1 2 30 40, file says 400x200, image has 200x100")
    assert "drawn before it was turned (EXIF)" in lying.unused[0].box
    shares = checked(drawn(0.5, 0.5, 0.5, 0.5, form="shares"), stated=(400, 200))
    assert shares.used == (((50, 25, 150, 75), "dog"),)  # shares fit any size
    assert checked(drawn(1, 2, 30, 40), size=turned, stated=(100, 200)).used


def test_boxes_of_an_image_that_cannot_be_opened_are_listed():
    assert [one.reason for one in checked(drawn(1, 2, 30, 40), size=None).unused] == ["no image"]
