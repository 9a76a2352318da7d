from pathlib import Path

import pytest
from PIL import Image

from eyebright import Dataset, Preparation
from eyebright.data.sources.find import find
from eyebright.system.errors import DataError


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
    assert pack.left_out == [("gone.png", "file not found")]


def test_a_table_whose_pictures_do_not_exist_is_an_error_with_their_number(tmp_path):
    text = "path,class\n" + "".join(f"{number}.png,{'ab'[number % 2]}\n" for number in range(10))
    dataset = Dataset.open(table(tmp_path, text))
    with pytest.raises(DataError, match=r"5 of the 5 pictures of class 'a' cannot be opened.*0\.png: file not found"):
        dataset.pack(Preparation(width=4, height=4))


def test_rows_that_are_repeated_count_once_and_are_told(tmp_path):
    text = "path,class,group\n1.png,a,x\n2.png,b,x\n1.png,a,x\n1.png,a,x\n"
    with pytest.warns(UserWarning, match=r"pictures\.csv repeats 2 of its 4 rows: each picture counts once"):
        found = find(table(tmp_path, text))
    assert (list(found.source.names), list(found.labels), found.groups) == (["1.png", "2.png"], [0, 1], ["x", "x"])


def test_lines_of_json_are_a_table(tmp_path):
    lines = ['{"path": "1.png", "class": "rose", "split": "train", "group": 3}', ""]
    lines += ['{"box": [1, 2], "class": 7, "split": "val", "path": "2.png", "group": null}']
    found = find(table(tmp_path, "\n".join(lines), "pictures.jsonl"))
    assert (found.classes, list(found.labels)) == (("7", "rose"), [1, 0])
    assert (found.sides, found.groups) == (["train", "validation"], ["3", ""])


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
        ("path,class\n1.png,NaN\n", "line 2: its class is NaN, not a number"),
        ("path,class\n1.png,1\n2.png,1.0\n3.png,x\n", "the classes '1' and '1.0', one number in two forms"),
        ("path,class\n1.png,7\n2.png,07\n", "the classes '07' and '7', one number"),
        ("path,class,class\n1.png,a,b\n", "2 columns called 'class': give them different names"),
        ("path,class\n1.png,a\n1.png,b\n", r"lists 1\.png several times with different values, as \('a'.*'b'"),
        ("path,class,split\n1.png,a,train\n1.png,a,test\n", "several times with different values"),
        ("path,class\n\0.png,a\n", "line 2"),
    ],
)
def test_the_line_that_is_wrong_is_named(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        find(table(tmp_path, text))


def test_one_bad_line_in_a_million_is_found(tmp_path):
    lines = ["a/1.png,1"] * 1_000_000
    lines[654_321] = "a line without a class"
    with pytest.raises(DataError, match="line 654323"):  # counted from one, and the header is the first
        find(table(tmp_path, "path,class\n" + "\n".join(lines)))


def test_any_other_file_is_refused_with_what_would_do(tmp_path):
    with pytest.raises(
        DataError, match=r"is a file: give the folder .* a table of pictures \(\.csv, \.tsv, \.jsonl, \.parquet\), tar"
    ):
        find(table(tmp_path, "hello", "readme.doc"))
