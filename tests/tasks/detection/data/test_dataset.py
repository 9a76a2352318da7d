"""A set of images with boxes: what is used, what is not and why, and what is refused."""

import numpy as np
import pytest
from PIL import Image
from tests.tasks.detection.making import Scene, draw, scenes, write_voc, write_xml

from eyebright.system.errors import DataError, SettingsError
from eyebright.tasks.detection.data.dataset import BoxDataset


def test_classes_boxes_sets_and_sizes(tmp_path):
    drawn = scenes(6)
    found = BoxDataset.open(write_voc(tmp_path, drawn))
    assert found.classes == ("Plate let", "cell") and len(found) == 6
    assert found.sides.tolist() == [0, 1, 2] * 2 and not found.unused and not found.notices
    for scene, boxes, size in zip(drawn, found.boxes, found.sizes, strict=True):
        assert tuple(size) == scene.size
        wanted = sorted((x1, y1, x2, y2, found.classes.index(name)) for name, x1, y1, x2, y2 in scene.boxes)
        assert [
            (*corners, label) for corners, label in zip(boxes.corners.tolist(), boxes.labels, strict=True)
        ] == wanted
    assert "BoxDataset: " in repr(found) and "Plate let" in repr(found)


def test_an_image_without_labels_is_refused_by_name_unless_it_is_background(tmp_path):
    write_voc(tmp_path, scenes(6), lists=False)
    for number in range(4):
        draw(Scene(f"new {number}", (30, 20), []), tmp_path / "JPEGImages" / f"new {number}.png")
    named = "4 images of 10 have no labels: JPEGImages/new 0.png, .* and 1 more"
    with pytest.raises(DataError, match=named):
        BoxDataset.open(tmp_path)
    found = BoxDataset.open(tmp_path, unlabelled="background")
    assert len(found) == 10 and len(found.boxes[-1]) == 0
    with pytest.raises(SettingsError, match="did you mean 'background'"):
        BoxDataset.open(tmp_path, unlabelled="backgruond")


def test_labels_without_an_image_are_listed_and_those_of_another_set_refused(tmp_path):
    write_voc(tmp_path, scenes(6), lists=False)
    write_xml(tmp_path / "Annotations" / "gone.xml", Scene("gone", (30, 20), [("dog", 1, 2, 9, 9)]))
    found = BoxDataset.open(tmp_path)
    assert [(box.image, box.reason) for box in found.unused] == [("Annotations/gone.xml", "no image")]
    assert found.notices == ("Labels of 1 image that cannot be found: Annotations/gone.xml.",)
    for file in (tmp_path / "JPEGImages").iterdir():
        file.rename(file.with_stem("x" + file.stem))
    with pytest.raises(
        DataError,
        match=r"for 7 images that cannot be found, .* 0 that can: are these the labels of other",
    ):
        BoxDataset.open(tmp_path)


def test_a_set_without_any_box_is_refused(tmp_path):
    write_voc(tmp_path, [Scene("a", (30, 20), [])], lists=False)
    with pytest.raises(DataError, match="but no boxes"):
        BoxDataset.open(tmp_path)
    write_voc(tmp_path, [Scene("a", (30, 20), [("dog", 5, 5, 5, 5)])], lists=False)
    with pytest.raises(DataError, match="none of its boxes can be used: 1 no area"):
        BoxDataset.open(tmp_path)


def test_classes_in_another_spelling_are_named_and_not_merged(tmp_path):
    boxes = [("traffic light", 1, 1, 9, 9), ("Traffic  Light", 10, 1, 19, 9)]
    write_voc(tmp_path, [Scene("a", (30, 20), boxes)], lists=False)
    found = BoxDataset.open(tmp_path)
    assert found.classes == ("Traffic  Light", "traffic light")
    assert "'Traffic  Light' and 'traffic light' differ only in capitals or spaces" in found.notices[0]


def test_a_class_in_two_forms_of_unicode_is_one_class(tmp_path):
    boxes = [("caf\u00e9", 1, 1, 9, 9), ("cafe\u0301", 10, 1, 19, 9)]
    found = BoxDataset.open(write_voc(tmp_path, [Scene("a", (30, 20), boxes)], lists=False))
    assert found.classes == ("caf\u00e9",) and found.box_count == 2


def test_all_classes_as_one(tmp_path):
    found = BoxDataset.open(write_voc(tmp_path, scenes(6)), one_class=True)
    assert found.classes == ("object",) and {label for boxes in found.boxes for label in boxes.labels} == {0}


def test_images_in_no_list_are_left_out_with_a_notice(tmp_path):
    write_voc(tmp_path, scenes(6))
    (tmp_path / "ImageSets/Main/test.txt").write_text("img 02\n")
    found = BoxDataset.open(tmp_path)
    assert len(found) == 5 and found.notices == ("1 image in no set left out: JPEGImages/img 05.png.",)


def test_a_photograph_on_its_side_has_boxes_as_it_is_seen(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a.jpg").parent.mkdir(exist_ok=True)
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    write_xml(tmp_path / "a.xml", Scene("a", (20, 30), [("dog", 1, 1, 19, 29)]))
    found = BoxDataset.open(tmp_path)
    assert found.boxes[0].corners.tolist() == [[1, 1, 19, 29]] and found.sizes.tolist() == [[20, 30]]


def test_groups_by_name_and_excluded_images(tmp_path):
    write_voc(tmp_path, scenes(6), lists=False)
    found = BoxDataset.open(tmp_path, group_by=r"img (\d)", exclude=["JPEGImages/img 03.png"])
    assert len(found) == 5 and len(np.unique(found.groups)) == 1


def test_a_thousand_boxes_in_one_image(tmp_path):
    boxes = [("dog", x, y, x + 3, y + 3) for x in range(0, 160, 4) for y in range(0, 100, 4)]
    found = BoxDataset.open(write_voc(tmp_path, [Scene("a", (200, 120), boxes)], lists=False))
    assert found.box_count == 1000 and found.clipped == 0


def test_an_image_that_cannot_be_opened_is_reported(tmp_path):
    write_voc(tmp_path, scenes(6), lists=False)
    (tmp_path / "JPEGImages/img 05.png").write_bytes(b"no image")
    found = BoxDataset.open(tmp_path)
    assert {box.reason for box in found.unused} == {"no image"} and found.sizes[5].tolist() == [0, 0]
    assert "1 image cannot be opened: JPEGImages/img 05.png." in found.notices
