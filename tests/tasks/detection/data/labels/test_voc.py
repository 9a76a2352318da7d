"""Pascal VOC: counted from 1, sets by lists, and nothing dangerous in the XML."""

import os

import pytest
from tests.tasks.detection.making import Scene, draw, scenes, write_voc, write_xml

from eyebright.system.errors import DataError
from eyebright.tasks.detection.data.labels.find import find_boxes, has_boxes
from eyebright.tasks.detection.data.labels.voc import is_voc, read_voc


def test_boxes_and_sets_of_a_folder(tmp_path):
    found = read_voc(write_voc(tmp_path, scenes(6)))
    assert is_voc(tmp_path) and not found.notices and not found.lost
    assert found.source.names == [f"JPEGImages/img {number:02d}.png" for number in range(6)]
    assert [image.side for image in found.images] == ["train", "validation", "test"] * 2
    for scene, image in zip(scenes(6), found.images, strict=True):
        assert image.stated == scene.size
        assert [(box.name, *map(float, box.values)) for box in image.boxes] == [
            (name, x1 + 1, y1 + 1, x2, y2) for name, x1, y1, x2, y2 in scene.boxes
        ]


def test_files_beside_the_images_in_folders_of_the_sets(tmp_path):
    for number, side in enumerate(("train", "valid", "test")):
        scene = Scene("same", (30, 20), [("dog", 1, 2, 9, 10 + number)])
        draw(scene, tmp_path / side / "same.png")
        write_xml(tmp_path / side / "same.xml", scene)
    found = read_voc(tmp_path)
    assert is_voc(tmp_path)
    both = zip(found.source.names, found.images, strict=True)
    assert [(name, image.side, image.boxes[0].values[3]) for name, image in both] == [
        ("test/same.png", "test", "12"), ("train/same.png", "train", "10"), ("valid/same.png", "validation", "11"),
    ]  # fmt: skip


def test_trainval_counts_where_there_is_no_list_of_training_images(tmp_path):
    write_voc(tmp_path, scenes(4), lists=False)
    (tmp_path / "ImageSets/Main").mkdir(parents=True)
    (tmp_path / "ImageSets/Main/trainval.txt").write_bytes(b"\xef\xbb\xbfimg 00\r\nimg 01  -1\r\nimg 02.png\r\n")
    (tmp_path / "ImageSets/Main/test.txt").write_text("img 03\n")
    assert [image.side for image in read_voc(tmp_path).images] == ["train"] * 3 + ["test"]


def test_an_image_in_two_lists_is_refused(tmp_path):
    write_voc(tmp_path, scenes(3))
    (tmp_path / "ImageSets/Main/test.txt").write_text("img 00\n")
    with pytest.raises(DataError, match="1 image in several lists, such as img 00"):
        read_voc(tmp_path)


def test_boxes_that_begin_at_0_are_noticed(tmp_path):
    write_voc(tmp_path, [Scene("a", (30, 20), [("dog", -1, 3, 9, 9)])], lists=False)
    assert "1 box at 0, though VOC counts from 1" in read_voc(tmp_path).notices[0]


def test_difficult_objects_are_marked(tmp_path):
    scene = Scene("a", (30, 20), [("dog", 1, 3, 9, 9)])
    draw(scene, tmp_path / "a.png")
    write_xml(tmp_path / "a.xml", scene, "<difficult>1</difficult>")
    assert [box.ignored for image in read_voc(tmp_path).images for box in image.boxes] == ["difficult"]


BOMB = '<?xml version="1.0"{}?><!DOCTYPE a [<!ENTITY b "bbb"><!ENTITY c "&b;&b;">]><annotation>&c;</annotation>'


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (BOMB.format("").encode(), "has a DOCTYPE"),
        (BOMB.format(' encoding="utf-16"').encode("utf-16"), "has a DOCTYPE"),
        (b"<annotation><object>", "is not valid XML"),
        (b"", "is not valid XML"),
        (b"<annotation>\xff</annotation>", "is not valid XML"),
        (b'<?xml version="1.0" encoding="klingon"?><annotation/>', "is not valid XML"),
        (b" " * 20_000_001, "at most 20 MB"),
    ],
)
def test_xml_that_is_damaged_or_dangerous_is_refused(tmp_path, content, problem):
    draw(Scene("a", (30, 20), []), tmp_path / "a.png")
    (tmp_path / "a.xml").write_bytes(content)
    with pytest.raises(DataError, match=problem):
        read_voc(tmp_path)


def test_deep_xml_is_no_danger(tmp_path):
    draw(Scene("a", (30, 20), []), tmp_path / "a.png")
    (tmp_path / "a.xml").write_text("<annotation>" + "<a>" * 100_000 + "</a>" * 100_000 + "</annotation>")
    assert read_voc(tmp_path).images[0].boxes == []


@pytest.mark.parametrize("text", ["<notes>of 1 May</notes>", "", "<annotations><image/></annotations>"])
def test_xml_files_of_other_kinds_are_no_labels(make_folder, text):
    folder = make_folder()
    (folder / "notes.xml").write_text(text)
    assert not is_voc(folder) and not has_boxes(folder)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8-sig", "utf-16", "utf-16-be"])
def test_labels_are_known_in_any_encoding_and_beside_notes(tmp_path, encoding):
    (tmp_path / "a notes.xml").write_text("<notes/>")
    (tmp_path / "b.xml").write_bytes("<?xml version='1.0'?>\n<!-- a tool -->\n<annotation>\n".encode(encoding))
    assert is_voc(tmp_path)


def test_one_damaged_file_costs_its_own_image_only_and_upper_case_is_read(tmp_path):
    for stem in "abc":
        draw(Scene(stem, (30, 20), []), tmp_path / f"{stem}.JPG")
        write_xml(tmp_path / f"{stem}.XML", Scene(stem, (30, 20), [("dog", 1, 3, 9, 9)]))
    (tmp_path / "b.XML").write_text("<annotation><object>")
    (tmp_path / "stray.xml").symlink_to("stray.xml")
    found = find_boxes(tmp_path)
    assert found.source.names == ["a.JPG", "c.JPG"]
    assert found.notices[0].startswith("2 label files left out, with the image of the same name: ")
    assert "b.XML is not valid XML" in found.notices[0] and "stray.xml cannot be read" in found.notices[0]


def test_pipes_are_not_waited_for(tmp_path):
    draw(Scene("a", (30, 20), []), tmp_path / "a.png")
    write_xml(tmp_path / "a.xml", Scene("a", (30, 20), [("dog", 1, 3, 9, 9)]))
    for name in ("b.xml", "b.json", "b.csv", "b.png"):
        os.mkfifo(tmp_path / name)
    assert find_boxes(tmp_path).source.names == ["a.png"]
