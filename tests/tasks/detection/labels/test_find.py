"""Boxes at any path."""

import pytest
from tests.tasks.detection.making import scenes, write_voc

from eyebright.system.errors import DataError
from eyebright.tasks.detection.labels.find import find_boxes, has_boxes


def test_a_folder_with_one_folder_a_class_has_no_boxes(make_folder):
    assert not has_boxes(make_folder())
    with pytest.raises(DataError, match="has no boxes in a known format"):
        find_boxes(make_folder("others"))


def test_what_does_not_exist_is_named(tmp_path):
    assert not has_boxes(tmp_path / "none")
    with pytest.raises(DataError, match="does not exist: expected a folder with boxes"):
        find_boxes(tmp_path / "none")


def test_voc_is_found(tmp_path):
    assert has_boxes(write_voc(tmp_path, scenes(3)))
    assert find_boxes(tmp_path).form == "Pascal VOC"
