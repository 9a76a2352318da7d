import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyebright import Dataset, Preparation
from eyebright.data.sources.find import find_images
from eyebright.system.errors import DataError

ROWS = [{"file_name": "0.png", "label": "rose"}, {"file_name": "in/1.png", "label": "iris"}]


def write(place: Path, rows: list[dict], kind: str) -> None:
    place.mkdir(parents=True, exist_ok=True)
    if kind == "csv":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        (place / "metadata.csv").write_text("\n".join(lines))
    elif kind == "jsonl":
        (place / "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), place / "metadata.parquet")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_metadata_gives_the_classes(tmp_path, add_picture, kind):
    write(tmp_path, ROWS, kind)
    for row in ROWS:
        add_picture(tmp_path / row["file_name"])
    found = find_images(tmp_path)
    assert (found.classes, list(found.labels)) == (("iris", "rose"), [1, 0])
    assert list(found.source.names) == ["0.png", "in/1.png"]
    assert (found.sides, found.origin) == (None, tmp_path)
    assert not Dataset.open(tmp_path).pack(Preparation(width=4, height=4)).left_out


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("each", [True, False])
def test_folders_give_the_splits_with_metadata_in_any_place(tmp_path, add_picture, kind, each):
    sides = ["train", "validation", "test"]
    for side in sides:
        for row in ROWS:
            add_picture(tmp_path / side / row["file_name"])
        if each:
            write(tmp_path / side, ROWS, kind)
    if not each:
        rows = [{"file_name": f"{side}/{row['file_name']}", "label": row["label"]} for side in sides for row in ROWS]
        write(tmp_path, rows, kind)
    found = find_images(tmp_path)
    sides_in_names = dict(zip(found.source.names, found.sides, strict=True))
    assert sides_in_names == {f"{side}/{row['file_name']}": side for side in sides for row in ROWS}


def test_a_column_of_splits_is_preferred_to_the_folders(tmp_path):
    rows = [{"file_name": f"{side}/0.png", "label": "a", "split": "train"} for side in ("train", "test")]
    write(tmp_path, [*rows, {"file_name": "train/1.png", "label": "b", "split": "test"}], "csv")
    assert find_images(tmp_path).sides == ["train", "train", "test"]


@pytest.mark.parametrize("column", ["category", "class", "Label"])
def test_the_only_column_with_a_usual_name_is_the_class(tmp_path, column):
    write(tmp_path, [{"file_name": "0.png", column: 3, "text": "a rose"}], "csv")
    assert find_images(tmp_path).classes == ("3",)


def test_label_is_preferred_to_other_columns(tmp_path):
    write(tmp_path, [{"file_name": "0.png", "class": "a", "label": "b"}], "jsonl")
    assert find_images(tmp_path).classes == ("b",)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"class": "a", "category": "b"},
            "has several columns for the class, class and category: rename the right one to label",
        ),
        (
            {"text": "a rose", "breed": 1},
            "has no column for the class: expected label; it has the columns file_name, text, breed",
        ),
        ({}, "it has the columns file_name$"),
    ],
)
def test_a_missing_or_unclear_column_of_classes_is_refused(tmp_path, kind, row, words):
    write(tmp_path, [{"file_name": "0.png"} | row], kind)
    with pytest.raises(DataError, match=rf"metadata\.{kind}.*{words}"):
        find_images(tmp_path)


def test_a_warning_gives_the_number_of_files_that_are_not_listed(tmp_path, add_picture):
    write(tmp_path, ROWS, "jsonl")
    for name in ("0.png", "in/1.png", "more/2.png", "3.png"):
        add_picture(tmp_path / name)
    with pytest.warns(UserWarning, match=r"2 files in .* not in its metadata and are ignored, such as 3\.png"):
        found = find_images(tmp_path)
    assert list(found.source.names) == ["0.png", "in/1.png"]


def test_images_that_do_not_exist_are_left_out_with_the_reason(tmp_path, add_picture):
    write(tmp_path, [{"file_name": f"{number}.png", "label": "a"} for number in range(4)], "csv")
    for number in range(3):
        add_picture(tmp_path / f"{number}.png")
    pack = Dataset.open(tmp_path).pack(Preparation(width=4, height=4))
    assert pack.left_out == [("3.png", "file not found")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"file_name": "0.png", "label": NaN}', r"metadata\.jsonl, line 1: .*malformed"),
        ('{"file_name": "0.png", "label": "a"}\n[1]', r"line 2: Expected `object`"),
        ('{"file_name": "0.png", "label": "a"}\n{"label": "a"}', "line 2 has no column for the path"),
        ('{"file_name": "0.png", "label": "a"}\n\n{"file_name": "1.png"}', "line 3 has no column for the class"),
        ('{"file_name": "0.png", "label": 0.5}', r"line 1: invalid class 0\.5: expected a text or a whole number"),
        ('{"file_name": 7, "label": "a"}', "line 1: missing path"),
    ],
)
def test_an_invalid_line_is_named(tmp_path, text, words):
    (tmp_path / "metadata.jsonl").write_text(text)
    with pytest.raises(DataError, match=words):
        find_images(tmp_path)
