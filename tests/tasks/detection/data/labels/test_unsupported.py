"""Formats that are not read are named, whether they are asked for or noticed."""

import pytest
from tests.tasks.detection.making import Scene, draw

from eyebright.system.errors import DataError
from eyebright.tasks.detection.data.labels.find import find_boxes, has_boxes
from eyebright.tasks.detection.data.labels.unsupported import unsupported_format


@pytest.mark.parametrize(
    ("file", "text", "name"),
    [
        ("train/cells.tfrecord", "", "TFRecord"),
        ("cells.tfrecord-00000-of-00002", "", "TFRecord"),
        ("a.json", '{"shapes": [{"points": []}], "imagePath": "a.png"}', "LabelMe"),
        ("export.json", '[{"annotations": [{"value": {"rectanglelabels": ["dog"]}}]}]', "Label Studio's own JSON"),
        ("_annotations.createml.json", '[{"annotations": [{"coordinates": {"x": 1}}]}]', "CreateML"),
        ("via.csv", "filename,region_shape_attributes,region_attributes\n", "VGG Image Annotator"),
    ],
)
def test_formats_that_are_not_read_are_named(tmp_path, file, text, name):
    draw(Scene("a", (30, 20), []), tmp_path / "a.png")
    assert not unsupported_format(tmp_path) and not has_boxes(tmp_path)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    for place in (tmp_path, tmp_path / file):
        assert unsupported_format(place) == name and has_boxes(place)
        with pytest.raises(DataError, match=f"has labels in the format {name}, which eyebright does not read: export"):
            find_boxes(place)
