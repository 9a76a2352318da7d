"""COCO: ids of any kind, one file for several folders, and files that are not what they seem."""

import json

import pytest
from tests.tasks.detection.making import Scene, coco_of, draw, scenes, write_coco

from eyebright.system.errors import DataError
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.labels import coco
from eyebright.tasks.detection.data.labels.find import has_boxes

SCENE = Scene("a", (100, 50), [("dog", 10, 10, 30, 40), ("cat", 40, 10, 60, 40)])


def written(folder, change=None, scene=SCENE, name="labels.json"):
    draw(scene, folder / f"{scene.stem}.png")
    content = coco_of([scene])
    if change:
        change(content)
    (folder / name).write_text(json.dumps(content))
    return folder


def test_one_file_for_several_folders_gives_their_sets(tmp_path):
    drawn = scenes(6)
    write_coco(tmp_path, drawn)
    content = coco_of(drawn)
    for image, scene in zip(content["images"], drawn, strict=True):
        image["file_name"] = f"{scene.side}/{image['file_name']}"
    for file in tmp_path.glob("*/*.json"):
        file.unlink()
    (tmp_path / "all.json").write_text(json.dumps(content), encoding="utf-8-sig")
    found = BoxDataset.open(tmp_path)
    assert sorted(found.sides.tolist()) == [0, 0, 1, 1, 2, 2] and found.classes == ("Plate let", "cell")


def test_crowds_are_regions_that_do_not_count(tmp_path):
    def change(content):
        content["annotations"][0]["iscrowd"] = 1
        content["annotations"].append(content["annotations"][1] | {"bbox": [1, 1, 5, 5], "category_id": 3 * 1})

    found = BoxDataset.open(written(tmp_path, change))
    assert found.unused_counts() == {"crowd": 1}
    assert [len(found.boxes[0]), len(found.ignored[0])] == [2, 1 if "dog" in found.classes else 0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bbox": [10, float("nan"), 20, 30]}, "not numbers"),
        ({"bbox": ["10", "wide", 20, 30]}, "not numbers"),
        ({"bbox": None}, "not numbers"),
        ({"bbox": [10, 10, 20]}, "not numbers"),
        ({"category_id": 99}, "unknown class"),
        ({"image_id": 99}, "no image"),
        ({"bbox": [10, 10, 0, 30]}, "no area"),
    ],
)
def test_a_bad_annotation_costs_only_itself(tmp_path, change, reason):
    found = BoxDataset.open(written(tmp_path, lambda content: content["annotations"][0].update(change)))
    assert found.unused_counts() == {reason: 1} and found.box_count == 1


def test_numbers_that_are_texts_are_numbers(tmp_path):
    found = BoxDataset.open(
        written(tmp_path, lambda content: content["annotations"][0].update(bbox=["10", "10", "20", "30"]))
    )
    assert found.box_count == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"images": [], "annotations": [], "categories": [', "not valid JSON"),
        ('{"images": 3, "annotations": [], "categories": []}', "not a file of COCO: Expected `array`"),
        ('{"images": [{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}], "annotations": [], '
         '"categories": []}', "one id to several images"),
    ],
)  # fmt: skip
def test_damaged_files_are_refused(tmp_path, text, problem):
    (tmp_path / "labels.json").write_text(text)
    with pytest.raises(DataError, match=problem):
        BoxDataset.open(tmp_path)


def test_other_json_is_not_coco(tmp_path):
    written(tmp_path, lambda content: content.pop("annotations"))
    (tmp_path / "empty.json").write_text("")
    assert not has_boxes(tmp_path)


def test_files_that_are_too_large_are_refused_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(coco, "_MOST_BYTES", 100)
    with pytest.raises(DataError, match=r"has 0\.0 GB: expected at most"):
        BoxDataset.open(written(tmp_path))


def of_cameras(folder, *names):
    """A set with an image in cam1 only, and labels of images of some names."""
    draw(SCENE, folder / "cam1/a.png")
    content = coco_of([SCENE])
    content["images"] = [content["images"][0] | {"id": at, "file_name": name} for at, name in enumerate(names)]
    content["annotations"] = [content["annotations"][0] | {"id": at, "image_id": at} for at in range(len(names))]
    (folder / "labels.json").write_text(json.dumps(content))
    return BoxDataset.open(folder)


@pytest.mark.parametrize("names", [("cam1/a.png", "cam2/a.png"), ("cam2/a.png", "cam1/a.png")])
def test_labels_of_a_missing_image_do_not_go_to_another_of_its_name(tmp_path, names):
    found = of_cameras(tmp_path, *names)
    assert found.box_count == 1 and [(box.image, box.reason) for box in found.unused] == [("cam2/a.png", "no image")]


def test_an_image_with_a_path_of_another_computer_is_found_by_its_name(tmp_path):
    found = of_cameras(tmp_path, "/home/me/set/a.png")
    assert found.box_count == 1 and not found.unused


def parts_with_one_name(folder, names, images):
    for place in images:
        draw(SCENE, folder / place / "a.png")
    for x, name in enumerate(names):
        content = coco_of([SCENE])
        content["annotations"] = [content["annotations"][0] | {"bbox": [x, 0, 20, 30]}]
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return BoxDataset.open(folder)


@pytest.mark.parametrize(
    ("names", "images"),
    [
        (("a.json", "b.json"), ("a", "b")),
        (("annotations/instances_train2017.json", "annotations/instances_val2017.json"), ("train2017", "val2017")),
        (("train.json", "valid.json"), ("train_images/deep", "valid_images/deep")),
    ],
)
def test_bare_names_in_files_of_parts_are_the_images_of_these_parts(tmp_path, names, images):
    found = parts_with_one_name(tmp_path, names, images)
    assert [boxes.corners[:, 0].tolist() for boxes in found.boxes] == [[0], [1]]
    assert found.source.names == [f"{place}/a.png" for place in images]


def test_bare_names_in_files_of_two_sets_cannot_be_one_image(tmp_path):
    with pytest.raises(DataError, match=r"a.png is in the test set and in the train set \(test\.json, train\.json\)"):
        parts_with_one_name(tmp_path, ["train.json", "test.json"], ("images",))


def test_what_is_missing_costs_only_itself(tmp_path):
    def change(content):
        content["annotations"].append({"image_id": 3, "bbox": [1, 1, 9, 9], "category_id": 0})
        content["images"].append({"id": 3, "file_name": None})
        content["categories"] += [{"id": 98}, {"id": 99, "name": 7}]

    found = BoxDataset.open(written(tmp_path, change))
    assert found.box_count == 2 and found.unused_counts() == {"no image": 1}


def test_two_categories_of_one_id_are_refused(tmp_path):
    with pytest.raises(DataError, match="one id to several images or categories"):
        BoxDataset.open(written(tmp_path, lambda content: content["categories"].append({"id": 0, "name": "cow"})))
