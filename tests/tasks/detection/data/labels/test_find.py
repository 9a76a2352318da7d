"""Boxes at any path; the same set in every format gives the same boxes, classes and sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tasks.detection.making import WRITERS, Scene, scenes, write_coco, write_table, write_voc, write_yolo

from eyebright.data.pictures import Preparation
from eyebright.system.errors import DataError
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.labels.find import find_boxes, has_boxes
from eyebright.tasks.detection.data.prepare import prepare

INPUT = Preparation(width=64, height=64, fit="pad")


def test_a_folder_with_one_folder_a_class_has_no_boxes(make_folder):
    assert not has_boxes(make_folder())
    with pytest.raises(DataError, match="has no boxes in a known format"):
        find_boxes(make_folder("others"))


def test_what_does_not_exist_is_named(tmp_path):
    assert not has_boxes(tmp_path / "none")
    with pytest.raises(DataError, match="does not exist: expected a folder with boxes"):
        find_boxes(tmp_path / "none")


@pytest.mark.parametrize(
    ("write", "file"),
    [(write_yolo, "data.yaml"), (write_coco, "train/_annotations.coco.json"), (write_table, "boxes.csv")],
)
def test_the_file_with_the_labels_may_be_given(tmp_path, write, file):
    write(tmp_path, scenes(6))
    assert has_boxes(tmp_path / file) and BoxDataset.open(tmp_path / file, unlabelled="background").box_count


def by_content(root, **options):
    """What is trained on, in an order that only depends on the images: boxes, classes, sets."""
    dataset = BoxDataset.open(root, **options)
    prepared = prepare(dataset, INPUT)
    order = np.concatenate([prepared.indices(side) for side in ("train", "validation", "test")])
    boxes = [(dataset.boxes[at].corners.tolist(), dataset.boxes[at].labels.tolist()) for at in order]
    return dataset.classes, boxes, prepared.sides[order].tolist(), list(prepared.pack.digests.at(order))


@pytest.mark.parametrize("name", sorted(set(WRITERS) - {"voc"}))
def test_the_same_set_in_every_format_gives_the_same_boxes_and_the_same_split(tmp_path, name):
    drawn = scenes(18)
    assert has_boxes(WRITERS[name](tmp_path / name, drawn))
    assert by_content(tmp_path / name) == by_content(write_voc(tmp_path / "voc", drawn))


@pytest.mark.parametrize("name", ["yolo", "coco", "table", "parquet"])
def test_a_split_that_is_made_is_the_same_in_every_format(tmp_path, name):
    drawn = [scene._replace(side="train") for scene in scenes(18)]
    assert by_content(WRITERS[name](tmp_path / name, drawn)) == by_content(write_voc(tmp_path / "voc", drawn))


hundredths = st.integers(0, 2000).map(lambda number: number / 100)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(hundredths, hundredths, hundredths, hundredths), min_size=1, max_size=4))
def test_any_corners_are_the_same_to_a_hundredth_of_a_pixel(tmp_path_factory, corners):
    boxes = [("dog", x, y, x + 2 + wide, y + 2 + high) for x, y, wide, high in corners]
    scene = Scene("a", (47, 53), boxes)
    for name in ("voc", "yolo", "instances", "table", "lines"):
        root = WRITERS[name](tmp_path_factory.mktemp(name), [scene])
        found = BoxDataset.open(root, unlabelled="background").boxes[0].corners
        np.testing.assert_allclose(found, np.unique(np.round([box[1:] for box in boxes], 2), axis=0), atol=1e-9)


def test_of_several_formats_one_is_read_and_the_others_are_named(tmp_path):
    drawn = scenes(3)
    write_voc(tmp_path, drawn)
    WRITERS["yolo"](tmp_path, drawn)
    notice = "There are labels in several formats: those of Pascal VOC are read, those of YOLO not."
    assert notice in BoxDataset.open(tmp_path).notices
