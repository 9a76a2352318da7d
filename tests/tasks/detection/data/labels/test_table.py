"""Tables with a row for each box: other names of columns, other separators, and rows that are not boxes."""

import pytest
from tests.tasks.detection.making import Scene, draw

from eyebright.system.errors import DataError
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.labels.find import has_boxes

SCENE = Scene("a", (100, 50), [("dog", 10, 10, 30, 40)])


def opened(folder, text, name="boxes.csv"):
    draw(SCENE, folder / "a.png")
    (folder / name).write_bytes(text.encode())
    return BoxDataset.open(folder)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("b.csv", "file,class,xmin,ymin,xmax,ymax\na.png,dog,10,10,30,40\n"),
        ("b.csv", "\ufefffilename , width,height,class,xmin,ymin,xmax,ymax\r\na.png,100,50, dog ,10, 10,30,40\r\n"),
        ("b.tsv", "image\tlabel\tx1\ty1\tx2\ty2\nC:\\me\\a.png\tdog\t10.0\t10\t30\t40\n"),
        ("b.csv", "label;x;y;w;h;image_name;path\ndog;10;10;20;30;x;a.png\n"),
        ("b.csv", "image;label;x;y;width;height\na.png;dog;10,0;10,0;20,0;30,0\n;;;;;\n"),
        ("b.csv", "LabelName,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height\n"
                  "dog,10,10,20,30,a.png,100,50\n"),
        ("b.csv", "ImageID,LabelName,XMin,XMax,YMin,YMax\na,dog,10,30,10,40\n"),
        ("b.jsonl", '{"path": "a.png", "class": "dog", "xmin": 10, "ymin": 10, "xmax": 30, "ymax": 40}\n'),
    ],
)  # fmt: skip
def test_tables_of_many_tools(tmp_path, name, text):
    found = opened(tmp_path, text, name)
    assert found.classes == ("dog",) and found.boxes[0].corners.tolist() == [[10, 10, 30, 40]]


def test_rows_that_are_no_boxes_and_images_without_objects(tmp_path):
    draw(SCENE._replace(stem="b"), tmp_path / "b.png")
    found = opened(
        tmp_path,
        "file,class,xmin,ymin,xmax,ymax\na.png,dog,10,10,30,40\na.png,dog,ten,10,30,40\na.png,,10,10,30,40\n"
        "b.png,,,,,\nc.png,dog,1,2,3,4\na.png,dog,,,,\n",
    )
    assert [len(boxes) for boxes in found.boxes] == [1, 0]
    assert found.unused_counts() == {"not numbers": 2, "unknown class": 1, "no image": 1}


def test_a_table_of_classes_has_no_boxes(tmp_path):
    (tmp_path / "labels.csv").write_text("path,class\na.png,dog\n")
    assert not has_boxes(tmp_path) and not has_boxes(tmp_path / "labels.csv")


def test_an_unknown_set_and_a_missing_path_are_named_with_their_line(tmp_path):
    with pytest.raises(DataError, match=r"boxes\.csv, line 2: unknown split 'tset': did you mean 'test'"):
        opened(tmp_path, "file,class,xmin,ymin,xmax,ymax,split\na.png,dog,1,2,3,4,tset\n")
    with pytest.raises(DataError, match=r"line 2: missing path"):
        opened(tmp_path, "file,class,xmin,ymin,xmax,ymax\n,dog,1,2,3,4\n")


def test_names_of_classes_in_another_encoding_are_refused(tmp_path):
    draw(SCENE, tmp_path / "a.png")
    (tmp_path / "b.csv").write_bytes("file,class,xmin,ymin,xmax,ymax\na.png,Ampèremeter,1,2,9,9\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"the class Amp.*remeter is not in UTF-8: save the file"):
        BoxDataset.open(tmp_path)
