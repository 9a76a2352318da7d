"""The audit of boxes: planted faults are found, and a sound set has none."""

import shutil
from collections import Counter

import numpy as np
import pytest
from tests.tasks.detection.making import Scene, write_voc

from eyebright.data.pictures import Preparation
from eyebright.tasks.detection.data.audit import BOX_FINDING_KINDS, BoxFindingKind, audit_boxes
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.geometry.finding import Detections

BOX = ("dog", 10, 10, 40, 40)
CAT = ("cat", 60, 10, 90, 40)


@pytest.fixture
def prepared(tmp_path):
    def make(*boxes, size=(100, 80)):
        root = write_voc(tmp_path, [Scene("a", size, boxes), Scene("b", (100, 80), [BOX, CAT])], lists=False)
        return PreparedBoxes.whole(BoxDataset.open(root), Preparation(width=64, height=64, fit="pad"))

    return make


def found(*items):
    corners = np.array([item[1:5] for item in items], float).reshape(-1, 4)
    labels = np.array([["cat", "dog"].index(item[0]) for item in items], np.int64)
    return Detections(corners, labels, np.array([item[5] for item in items], float))


def kinds_of(prepared, detections=None):
    return Counter(one.kind for one in audit_boxes(prepared, detections).findings)


def test_a_sound_set_has_no_findings(prepared):
    detections = [found(("dog", 11, 9, 41, 42, 0.95), ("cat", 60, 60, 70, 70, 0.3)), None]
    assert kinds_of(prepared(BOX, CAT), detections) == {}


@pytest.mark.parametrize(
    ("boxes", "kind"),
    [
        ((BOX, ("cat", 11, 10, 41, 40)), "two classes"),
        ((BOX, ("dog", 11, 10, 41, 40)), "almost twice"),
        ((BOX, ("dog", 50, 50, 55, 70)), "tiny"),
        ((("dog", 0, 0, 100, 76),), "huge"),
    ],
)
def test_boxes_that_are_odd_by_themselves(prepared, boxes, kind):
    assert kinds_of(prepared(*boxes)) == {kind: 1}


@pytest.mark.parametrize(
    ("detection", "kinds"),
    [
        (("cat", 60, 60, 80, 79, 0.9), {"not labelled": 1}),
        (("cat", 12, 12, 40, 40, 0.9), {"probably another class": 1}),
        (("dog", 12, 12, 60, 50, 0.9), {}),  # a bad box for an object that is labelled
        (("cat", 60, 60, 80, 79, 0.49), {}),
    ],
)
def test_what_a_detector_finds_against_the_labels(prepared, detection, kinds):
    assert kinds_of(prepared(BOX), [found(detection), None]) == kinds


def test_crowds_excuse_what_is_found_in_them(tmp_path, prepared):
    made = prepared(BOX)
    file = tmp_path / "Annotations" / "a.xml"
    corners = "<xmin>55</xmin><ymin>55</ymin><xmax>99</xmax><ymax>79</ymax>"
    crowd = f"<object><name>cat</name><difficult>1</difficult><bndbox>{corners}</bndbox></object>"
    file.write_text(file.read_text().replace("</annotation>", f"{crowd}</annotation>"))
    made = PreparedBoxes.whole(BoxDataset.open(tmp_path), made.pack.preparation)
    assert kinds_of(made, [found(("cat", 60, 60, 80, 79, 0.9)), None]) == {}


def test_copies_with_other_boxes(tmp_path, prepared):
    made = prepared(BOX, CAT)
    (tmp_path / "JPEGImages/c.png").write_bytes((tmp_path / "JPEGImages/a.png").read_bytes())
    text = (tmp_path / "Annotations/a.xml").read_text()
    (tmp_path / "Annotations/c.xml").write_text(text[: text.index("<object>")] + "</annotation>")
    made = PreparedBoxes.whole(BoxDataset.open(tmp_path), made.pack.preparation)
    (one,) = audit_boxes(made).findings
    assert (one.kind, one.picture, one.figure, len(one.corners)) == ("copies differ", "JPEGImages/a.png", 2, 2)
    assert one.sentence == "its copy JPEGImages/c.png does not have these boxes"


def test_kinds_have_an_explanation_and_an_order():
    assert set(BOX_FINDING_KINDS) == set(BoxFindingKind.__args__)


def test_what_is_known_of_the_set_is_counted(tmp_path, prepared):
    made = prepared(BOX, BOX, CAT)  # twice the same box
    found = audit_boxes(made)
    assert (found.pictures, found.classes) == (2, {"cat": 2, "dog": 2})
    assert found.unused == ({"image": "JPEGImages/a.png", "reason": "twice", "box": "dog 11 11 40 40"},)
    (tmp_path / "JPEGImages/c.png").write_bytes((tmp_path / "JPEGImages/b.png").read_bytes())
    shutil.copy(tmp_path / "Annotations/b.xml", tmp_path / "Annotations/c.xml")
    again = audit_boxes(PreparedBoxes.whole(BoxDataset.open(tmp_path), made.pack.preparation))
    assert [(one.kind, one.pictures) for one in again.images if "duplicates" in one.kind] == [
        ("exact duplicates", ("JPEGImages/b.png", "JPEGImages/c.png"))
    ]
