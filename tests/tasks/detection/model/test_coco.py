import json

import numpy as np
from PIL import Image

from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.model.coco import as_coco
from eyebright.tasks.detection.model.naming import Name, NamedObject, NamedObjects
from eyebright.tasks.detection.model.predictor import Found, FoundObjects


def test_a_training_reads_what_was_written(tmp_path) -> None:
    boxes = {"a.png": [("red", (1.25, 2, 30.5, 40.75)), ("green", (5, 5, 9, 9))], "b.png": [("red", (0, 0, 50, 48.01))]}
    found = [
        FoundObjects(
            name=name, width=60, height=50,
            objects=tuple(Found(label=label, confidence=0.75, box=box) for label, box in ones),
        ) for name, ones in boxes.items()
    ]  # fmt: skip
    for name in boxes:
        Image.fromarray(np.random.default_rng(len(name)).integers(0, 256, (50, 60, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / "annotations.json").write_text(json.dumps(as_coco(found, ["green", "red", "never found"])))
    read = BoxDataset.open(tmp_path)
    assert read.classes == ("green", "red") and not read.unused
    for name, ones in boxes.items():
        at = list(read.source.names).index(name)
        expected = sorted((*box, read.classes.index(label)) for label, box in ones)
        here = np.column_stack([read.boxes[at].corners, read.boxes[at].labels]).tolist()
        assert sorted(map(tuple, here)) == expected


def test_confidences_and_numbers_of_categories_are_there() -> None:
    one = FoundObjects(name="a", width=9, height=9, objects=(Found(label="b", confidence=0.25, box=(0, 0, 3, 4)),))
    found = as_coco([one], ["a", "b"])
    assert found["annotations"] == [
        {"id": 1, "image_id": 1, "category_id": 2, "bbox": [0, 0, 3, 4], "area": 12, "iscrowd": 0, "score": 0.25}
    ]


def test_objects_that_a_classifier_named_have_its_names_as_categories() -> None:
    names = [Name(label="stop", confidence=0.75), Name(label=None, confidence=0.5, reason="unlike the training images")]
    objects = tuple(NamedObject(label="sign", confidence=0.25, box=(0, 0, 3, 4), name=name) for name in names)
    found = as_coco([NamedObjects(name="a", width=9, height=9, objects=objects)], ["yield", "stop"])
    assert [one["name"] for one in found["categories"]] == ["yield", "stop", "no answer"]
    assert [one["category_id"] for one in found["annotations"]] == [2, 3]
    assert [(one["score"], one["name_score"]) for one in found["annotations"]] == [(0.25, 0.75), (0.25, 0.5)]
    found = as_coco([NamedObjects(name="a", width=9, height=9, objects=objects[:1])], ["yield", "stop"])
    assert [one["name"] for one in found["categories"]] == ["yield", "stop"]
