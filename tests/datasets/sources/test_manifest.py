from pathlib import Path

import pytest
from PIL import Image

from eyebright import Dataset, Preparation
from eyebright.datasets.sources import find
from eyebright.errors import DataError


def table(folder: Path, text: str, name: str = "pictures.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_paths_classes_sides_and_groups_are_read(tmp_path):
    text = "file,category,split,group\na/1.png,rose,train,x\n2.png,tulip,val,\n/far/3.png,rose,TEST,x\n"
    found = find(table(tmp_path, text))
    assert (found.classes, list(found.labels)) == (("rose", "tulip"), [0, 1, 0])
    assert found.sides == ["train", "validation", "test"]
    assert found.groups == ["x", "", "x"]
    assert [found.source.open(index) for index in range(3)] == [
        tmp_path / "a/1.png",
        tmp_path / "2.png",
        Path("/far/3.png"),
    ]


def test_tabs_quotes_a_byte_order_mark_and_numbers_as_classes(tmp_path):
    found = find(table(tmp_path, '﻿path\tlabel\n"with\ttab.png"\t7\n花.png\t10\n', "pictures.tsv"))
    assert (list(found.source.names), found.classes) == (["with\ttab.png", "花.png"], ("10", "7"))
    assert found.sides is found.groups is None


def test_pictures_that_do_not_exist_are_left_out_and_named(tmp_path):
    for index in range(4):
        Image.new("RGB", (4, 4), (index, 0, 0)).save(tmp_path / f"{index}.png")
    names = ["0.png,a", "1.png,a", "2.png,b", "3.png,b", "gone.png,b"]
    pack = Dataset.open(table(tmp_path, "path,class\n" + "\n".join(names))).pack(Preparation(width=4, height=4))
    assert [left.name for left in pack.left_out] == ["gone.png"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no column for the path"),
        ("path,klass\n1.png,a\n", r"no column for the class \(one of class, label, category\)"),
        ("path,class\n", "lists no pictures"),
        ("path,class\n1.png,a\n2.png\n", "line 3: 1 values where the first line names 2 columns"),
        ("path,class\n1.png,\n", "line 2: no class"),
        ("path,class\n,a\n", "line 2: no path"),
        ("path,class,split\n1.png,a,trian\n", "line 2: split 'trian' is none of train, validation, test"),
        ("path,class,split\n1.png,a,train\n2.png,a,\n", "a split for some pictures and none for others"),
        ('path,class\n1.png,"a\n', "line 2: unexpected end of data"),
    ],
)
def test_the_line_that_is_wrong_is_named(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        find(table(tmp_path, text))


def test_one_bad_line_in_very_many_is_found(tmp_path):
    lines = [f"{index}.png,{index % 3}" for index in range(100_000)]
    lines[54_321] = "a line without a class"
    with pytest.raises(DataError, match="line 54323"):  # counted from one, and the header is the first
        find(table(tmp_path, "path,class\n" + "\n".join(lines)))


def test_any_other_file_is_refused_with_what_would_do(tmp_path):
    with pytest.raises(
        DataError, match=r"is a file: give the folder .* a table of pictures \(\.csv, \.tsv, \.parquet\)"
    ):
        find(table(tmp_path, "hello", "readme.doc"))
