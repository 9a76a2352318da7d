from pathlib import Path

import pytest
from PIL import Image

from eyebright import Dataset, Preparation
from eyebright.data.sources.find import find_images
from eyebright.system.errors import DataError


def table(folder: Path, text: str, name: str = "pictures.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_paths_classes_splits_and_groups_are_read(tmp_path):
    text = "file,category,split,group\na/1.png,rose,train,x\n2.png,tulip,val,\n/far/3.png,rose,TEST,x\n"
    found = find_images(table(tmp_path, text))
    assert (found.classes, list(found.labels)) == (("rose", "tulip"), [0, 1, 0])
    assert found.sides == ["train", "validation", "test"]
    assert found.groups == ["x", "", "x"]
    assert [found.source.open(index) for index in range(3)] == [
        tmp_path / "a/1.png",
        tmp_path / "2.png",
        Path("/far/3.png"),
    ]


def test_tabs_quotes_a_byte_order_mark_and_numbers_as_classes(tmp_path):
    found = find_images(table(tmp_path, '﻿path\tlabel\n"with\ttab.png"\t7\n花.png\t10\n', "pictures.tsv"))
    assert (list(found.source.names), found.classes) == (["with\ttab.png", "花.png"], ("10", "7"))
    assert found.sides is found.groups is None


def test_images_that_do_not_exist_are_left_out_and_named(tmp_path):
    for index in range(4):
        Image.new("RGB", (4, 4), (index, 0, 0)).save(tmp_path / f"{index}.png")
    names = ["0.png,a", "1.png,a", "2.png,b", "3.png,b", "gone.png,b"]
    pack = Dataset.open(table(tmp_path, "path,class\n" + "\n".join(names))).pack(Preparation(width=4, height=4))
    assert pack.left_out == [("gone.png", "file not found")]


def test_a_table_of_images_that_do_not_exist_is_refused_with_their_number(tmp_path):
    text = "path,class\n" + "".join(f"{number}.png,{'ab'[number % 2]}\n" for number in range(10))
    dataset = Dataset.open(table(tmp_path, text))
    with pytest.raises(DataError, match=r"5 of the 5 images of class 'a' cannot be opened.*0\.png: file not found"):
        dataset.pack(Preparation(width=4, height=4))


def test_repeated_rows_count_once_with_a_warning(tmp_path):
    text = "path,class,group\n1.png,a,x\n2.png,b,x\n1.png,a,x\n1.png,a,x\n"
    with pytest.warns(UserWarning, match=r"pictures\.csv repeats 2 of its 4 rows: each image is used once"):
        found = find_images(table(tmp_path, text))
    assert (list(found.source.names), list(found.labels), found.groups) == (["1.png", "2.png"], [0, 1], ["x", "x"])


def test_lines_of_json_are_read(tmp_path):
    lines = ['{"path": "1.png", "class": "rose", "split": "train", "group": 3}', ""]
    lines += ['{"box": [1, 2], "class": 7, "split": "val", "path": "2.png", "group": null}']
    found = find_images(table(tmp_path, "\n".join(lines), "pictures.jsonl"))
    assert (found.classes, list(found.labels)) == (("7", "rose"), [1, 0])
    assert (found.sides, found.groups) == (["train", "validation"], ["3", ""])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no column for the path: expected one of path, file, .*; it is empty"),
        (
            "path,klass\n1.png,a\n",
            "no column for the class: expected one of class, label, category; it has the columns path, klass",
        ),
        ("path,class\n", "lists no images"),
        ("path,class\n1.png,a\n2.png\n", "line 3: expected 2 values as in the first line, got 1"),
        ("path,class\na, b.png,a\n", r"line 2: expected 2 values .*, got 3; write a value that contains ',' in double"),
        ("path,class\n1.png,\n", "line 2: missing class"),
        ("path,class\n,a\n", "line 2: missing path"),
        ("path,class,split\n1.png,a,trian\n", "line 2: unknown split 'trian': did you mean 'train'"),
        (
            "path,class,split\n1.png,a,train\n2.png,a,\n",
            "gives a split for 1 of 2 images: give one for each image, or for none",
        ),
        ('path,class\n1.png,"a\n', "line 2: unexpected end of data"),
        ("path,class\n1.png,1\n2.png,1.0\n3.png,x\n", "the classes '1' and '1.0', which are one number"),
        ("path,class,class\n1.png,a,b\n", "2 columns called 'class': give them different names"),
        (
            "path,class\n1.png,a\n1.png,b\n",
            r"lists 1\.png several times with different values, \(a\) and \(b\): expected one",
        ),
        ("path,class,split\n1.png,a,train\n1.png,a,test\n", r"with different values, \(a, train\) and \(a, test\)"),
        ("path,class\n\0.png,a\n", "line 2"),
    ],
)
def test_an_invalid_line_is_named(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        find_images(table(tmp_path, text))


def test_one_bad_line_in_a_million_is_found(tmp_path):
    lines = ["a/1.png,1"] * 1_000_000
    lines[654_321] = "a line without a class"
    with pytest.raises(DataError, match="line 654323"):  # counted from one, and the header is the first
        find_images(table(tmp_path, "path,class\n" + "\n".join(lines)))


@pytest.mark.parametrize(
    ("name", "text", "encoding"),
    [
        ("a.csv", "path;class;split\n1.png;Blüte;train\n", "utf-8"),
        ("a.csv", "path\tclass\tsplit\n1.png\tBlüte\ttrain\n", "utf-8"),
        ("a.tsv", "path,class,split\n1.png,Blüte,train\n", "utf-8-sig"),
        ("a.txt.csv", "path\tclass\tsplit\r\n1.png\tBlüte\ttrain\r\n", "utf-16"),
        ("a.csv", "path,class,split\n1.png,Blüte,train\n", "utf-16-le"),
        ("a.csv", "path,class,split\n1.png,Blüte,train\n", "utf-16-be"),
    ],
)
def test_tables_of_other_programs_are_read(tmp_path, name, text, encoding):
    (tmp_path / name).write_bytes(text.encode(encoding))
    found = find_images(tmp_path / name)
    assert (found.source.names, found.classes, found.sides) == (["1.png"], ("Blüte",), ["train"])


@pytest.mark.parametrize(("row", "what"), [("1.png,Blüte", "class Bl"), ("Blüte/1.png,a", "path Bl")])
def test_a_table_in_latin_1_is_refused_with_the_cause(tmp_path, row, what):
    (tmp_path / "a.csv").write_bytes(f"path,class\n{row}\n".encode("latin-1"))
    with pytest.raises(DataError, match=rf"a\.csv, line 2: the {what}.* is not in UTF-8: save the table in UTF-8"):
        find_images(tmp_path / "a.csv")


def test_backslashes_of_windows_are_slashes(tmp_path):
    (tmp_path / "b\\2.png").touch()
    assert find_images(table(tmp_path, "path,class\na\\1.png,a\nb\\2.png,b\n")).source.names == ["a/1.png", "b\\2.png"]
