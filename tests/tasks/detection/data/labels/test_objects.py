"""Hugging Face's objects: lists in a mapping or mappings in a list, classes as texts or numbers."""

import json

import pytest
from tests.tasks.detection.making import Scene, draw, scenes, write_parquet

from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.labels.find import has_boxes

SCENE = Scene("a", (100, 50), [("dog", 10, 10, 30, 40)])


@pytest.mark.parametrize(
    ("objects", "classes"),
    [
        ({"bbox": [[10, 10, 20, 30]], "categories": [0]}, ("0",)),
        ({"bbox": [[10, 10, 20, 30]], "label": ["dog"], "area": [600]}, ("dog",)),
        ([{"bbox": [10, 10, 20, 30], "category": "dog"}], ("dog",)),
    ],
)
def test_objects_of_all_kinds(tmp_path, objects, classes):
    draw(SCENE, tmp_path / "a.png")
    (tmp_path / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png", "objects": objects}))
    found = BoxDataset.open(tmp_path)
    assert has_boxes(tmp_path) and found.classes == classes
    assert found.boxes[0].corners.tolist() == [[10, 10, 30, 40]]


def test_objects_that_are_no_boxes_are_listed(tmp_path):
    draw(SCENE, tmp_path / "a.png")
    objects = {"bbox": [[10, 10, 20, 30], None, [1, 2, 3, 4]], "category": ["dog", "dog"], "iscrowd": [0, 0, 0]}
    (tmp_path / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png", "objects": objects}))
    assert BoxDataset.open(tmp_path).unused_counts() == {"not numbers": 1, "unknown class": 1}


def test_images_in_parquet_have_their_bytes_and_their_sets(tmp_path):
    found = BoxDataset.open(write_parquet(tmp_path, scenes(6)))
    assert sorted(found.source.names)[0] == "test-00000-of-00001/0000000 img 02.png"
    assert sorted(found.sides.tolist()) == [0, 0, 1, 1, 2, 2] and found.sizes.all()
