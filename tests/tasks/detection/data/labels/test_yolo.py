"""YOLO: names of classes wherever a tool writes them, and lines as they are found in the wild."""

import pytest
from tests.tasks.detection.making import Scene, draw, scenes, write_yolo

from eyebright.system.errors import DataError
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.labels import label_files
from eyebright.tasks.detection.data.labels.find import has_boxes
from eyebright.tasks.detection.data.labels.yolo import read_yolo

SCENE = Scene("a", (100, 50), [("dog", 10, 10, 30, 40)])


@pytest.fixture
def folder(tmp_path):
    draw(SCENE, tmp_path / "images" / "a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "classes.txt").write_text("cat\r\ndog\r\n")
    return tmp_path


def opened(folder, line):
    (folder / "labels" / "a.txt").write_bytes(line.encode())
    return BoxDataset.open(folder, unlabelled="background")


@pytest.mark.parametrize(
    "line",
    [
        "1 0.2 0.5 0.2 0.6",
        "\ufeff1\t0.2\t0.5  0.2 0.6\r\n\r\n",
        "1,0.2,0.5,0.2,0.6",
        "1 0,2 0,5 0,2 0,6",
        "1, 0.2, 0.5, 0.2, 0.6",
        "1.0 2e-1 0.5 0.2 0.6 0.93",
        "1 0.1 0.2 0.3 0.5 0.2 0.8",
        "1 .2 .5 .2 .6\n1 .2 .5 .2 .6",
    ],
)
def test_lines_of_all_kinds(folder, line):
    found = opened(folder, line)
    assert found.classes == ("dog",) and found.boxes[0].corners.tolist() == [[10, 10, 30, 40]]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("7 0.2 0.5 0.2 0.6", "unknown class"),
        ("dog 0.2 0.5 0.2 0.6", "unknown class"),
        ("-1 0.2 0.5 0.2 0.6", "unknown class"),
        ("1 nan 0.5 0.2 0.6", "not numbers"),
        ("1 0.2 0.5", "not numbers"),
        ("1 20 25 20 30", "outside"),
    ],
)
def test_lines_that_are_no_boxes(folder, line, reason):
    found = opened(folder, f"{line}\n0 0.5 0.5 0.5 0.5")
    assert [box.reason for box in found.unused] == [reason] and found.box_count == 1


def test_sets_by_folders_and_lists_that_begin_elsewhere(tmp_path):
    write_yolo(tmp_path, scenes(6))
    (tmp_path / "images/train").rename(tmp_path / "images/part1")
    (tmp_path / "labels/train").rename(tmp_path / "labels/part1")
    (tmp_path / "val.txt").write_text("./images/val/img 01.png\n./images/val/img 04.png\n")
    (tmp_path / "data.yaml").write_text(
        "path: /home/me/cells\ntrain: images/part1\nval: val.txt\ntest: [../images/test]\nnames: {0: a, 1: b, 2: c}\n"
    )
    found = read_yolo(tmp_path / "data.yaml")
    sides = dict(zip(found.source.names, (image.side for image in found.images), strict=True))
    assert sides["images/part1/img 00.png"] == "train" and sides["images/val/img 04.png"] == "validation"
    assert sides["images/test/img 02.png"] == "test"


def test_the_layout_of_cvat_with_labels_beside_the_images(tmp_path):
    draw(SCENE, tmp_path / "obj_train_data" / "a.png")
    (tmp_path / "obj_train_data" / "a.txt").write_text("0 0.2 0.5 0.2 0.6\n")
    (tmp_path / "obj.names").write_text("dog\n")
    (tmp_path / "train.txt").write_text("data/obj_train_data/a.png\n")
    found = BoxDataset.open(tmp_path)
    assert has_boxes(tmp_path) and found.classes == ("dog",) and not found.notices


def test_an_empty_file_of_labels_is_an_image_without_objects_and_a_lost_one_is_listed(folder):
    draw(Scene("b", (30, 20), []), folder / "images" / "b.png")
    (folder / "labels" / "b.txt").write_text("")
    (folder / "labels" / "gone.txt").write_text("1 0.2 0.5 0.2 0.6\n")
    found = opened(folder, "1 0.2 0.5 0.2 0.6")
    assert [len(boxes) for boxes in found.boxes] == [1, 0]
    assert [(box.image, box.reason) for box in found.unused] == [("labels/gone.txt", "no image")]


def test_names_of_classes_alone_are_no_boxes(tmp_path):
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "settings.yaml").write_text("names: [cat, dog]\n")
    assert not has_boxes(tmp_path)


def test_classes_without_names_are_numbers(folder):
    (folder / "classes.txt").unlink()
    assert opened(folder, "3 0.2 0.5 0.2 0.6").classes == ("3",)


def test_labels_in_a_folder_belong_to_the_image_in_the_same_folder_of_images(tmp_path):
    draw(SCENE, tmp_path / "images/val/a.png")
    for side in ("train", "val"):
        (tmp_path / "labels" / side).mkdir(parents=True)
    (tmp_path / "labels/train/a.txt").write_text("0 0.2 0.5 0.2 0.6\n")
    found = read_yolo(tmp_path)
    assert not found.images and [lost.name for lost in found.lost] == ["labels/train/a.txt"]
    (tmp_path / "labels/val/a.txt").write_text("0 0.5 0.5 0.2 0.6\n")
    found = read_yolo(tmp_path)
    assert [len(image.boxes) for image in found.images] == [1] and len(found.lost) == 1


def test_without_a_folder_of_images_they_are_found_by_name(tmp_path):
    draw(SCENE, tmp_path / "JPEGImages/a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("0 0.2 0.5 0.2 0.6\n")
    found = read_yolo(tmp_path)
    assert len(found.images[0].boxes) == 1 and not found.lost


def test_names_of_classes_among_the_labels_are_read_and_are_no_labels(folder):
    (folder / "classes.txt").rename(folder / "labels/classes.txt")
    found = opened(folder, "1 0.2 0.5 0.2 0.6")
    assert found.classes == ("dog",) and not found.unused and not found.notices
    (folder / "labels/a.txt").unlink()
    assert not has_boxes(folder)


def layout(folder, labels="labels", images="images", lines="1 0.2 0.5 0.2 0.6", **files):
    draw(SCENE, folder / images / "a.png")
    (folder / labels).mkdir(parents=True, exist_ok=True)
    (folder / labels / "a.txt").write_text(lines)
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_txt", ".txt").replace("_yaml", ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


CLASSES = "cat\ndog\n"
YAML = "train: {}\nval: images\nnames: [cat, dog]\n"


@pytest.mark.parametrize(
    "options",
    [
        {"labels": "labels/train", "images": "images/train", "labels__train__classes_txt": CLASSES},
        {"labels": "train/labels", "images": "train/images", "train__labels__classes_txt": CLASSES},
        {"images__classes_txt": CLASSES},
        {"labels": "", "images": "", "classes_txt": CLASSES},
        {"predefined_classes_txt": CLASSES},
        {"data.names": CLASSES},
        {"labels__classes_txt": "cat\n", "classes_txt": CLASSES},
        {"labels": "Labels", "images": "Images", "classes_txt": CLASSES},
        {"data_yaml": '"names": ["cat", "dog"]\n"train": images\n'},
        {"data_yaml": '{"names": {"0": "cat", "1": "dog"}, "train": "images"}'},
        {"data_yaml": YAML.format("a" * 5000)},
        {"data_yaml": YAML.format("x") + "kpt_shape: [2, 3]\n", "lines": "1 0.2 0.5 0.2 0.6 0.5 0.5 2 0.1 0.1 1"},
    ],
)
def test_layouts_of_tools(tmp_path, options):
    found = BoxDataset.open(layout(tmp_path, **options))
    assert has_boxes(tmp_path) and found.classes == ("dog",) and not found.unused
    assert found.boxes[0].corners.tolist() == [[10, 10, 30, 40]]


def test_paths_that_lead_out_of_the_folder_of_data_yaml(tmp_path):
    layout(tmp_path / "cells", config__data_yaml="").joinpath("config").rename(tmp_path / "config")
    (tmp_path / "config/data.yaml").write_text(YAML.format("../cells/images").replace("val: images\n", ""))
    found = read_yolo(tmp_path / "config/data.yaml")
    assert [len(image.boxes) for image in found.images] == [1] and found.images[0].side == "train"


def test_lists_that_give_other_numbers_to_classes_are_refused(tmp_path):
    with pytest.raises(DataError, match="name different classes: expected the same order"):
        read_yolo(layout(tmp_path, classes_txt=CLASSES, labels__classes_txt="dog\ncat\n"))


def test_what_only_a_whole_reader_of_yaml_understands_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"names is '\*n': expected the names themselves"):
        read_yolo(layout(tmp_path, data_yaml="x: &n [cat, dog]\nnames: *n\ntrain: images\n"))


@pytest.mark.parametrize("number", ["1" * 5000, "1e999", "²", "٣", "1.7"])
def test_numbers_that_are_no_class(folder, number):
    found = opened(folder, f"{number} 0.2 0.5 0.2 0.6\n1 0.2 0.5 0.2 0.6")
    assert found.unused_counts() == {"unknown class": 1} and found.classes == ("dog",)


def test_names_of_classes_in_place_of_their_numbers_get_a_hint(folder):
    with pytest.raises(
        DataError, match=r"1 unknown class\. 1 line with a name .* as dog: .* \(0 for cat, 1 for dog\)$"
    ):
        opened(folder, "dog 0.2 0.5 0.2 0.6")


def test_pixels_in_place_of_shares_get_a_hint_but_not_one_slip(folder):
    with pytest.raises(DataError, match=r"1 outside\. 1 box with numbers in pixels, such as dog 20 25 20 30: YOLO has"):
        opened(folder, "1 20 25 20 30")
    rows = [f"1 0.2 0.5 0.2 0.{digit}" for digit in range(1, 10)] + ["1 0.3 0.5 0.2 0.6", "1 20 25 20 30"]
    found = opened(folder, "\n".join(rows))
    assert found.box_count == 10 and not found.notices


def test_labels_in_utf_16_and_one_that_is_too_large(folder, monkeypatch):
    draw(SCENE, folder / "images" / "b.png")
    (folder / "labels" / "b.txt").write_text("1 0.2 0.5 0.2 0.6\n" * 100)
    monkeypatch.setattr(label_files, "MOST_BYTES", 1000)
    (folder / "labels" / "a.txt").write_text("1 0.2 0.5 0.2 0.6", encoding="utf-16")
    found = BoxDataset.open(folder)
    assert found.source.names == ["images/a.png"] and found.box_count == 1
    assert "b.txt has 0 MB: expected the labels of one image" in found.notices[0]
