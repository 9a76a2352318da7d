import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyebright import Dataset, Preparation
from eyebright.data.pictures import open_picture
from eyebright.data.sources.find import find_images
from eyebright.system.errors import DataError, MissingExtraError, PictureError

SIZE = Preparation(width=12, height=10)


def hugging_face(file, pictures, labels, names=("rose", "iris"), column="label"):
    """As the library `datasets` writes it: the features, as JSON, in the schema's metadata."""
    features = {"image": {"_type": "Image"}, column: {"names": list(names), "_type": "ClassLabel"}}
    images = [{"bytes": picture, "path": f"{index}.png"} for index, picture in enumerate(pictures)]
    table = pa.table({"image": images, column: pa.array(labels, pa.int64())})
    file.parent.mkdir(exist_ok=True)
    note = json.dumps({"info": {"features": features}})
    pq.write_table(table.replace_schema_metadata({"huggingface": note}), file, row_group_size=100)
    return file


def test_every_image_of_every_shard_is_found_in_any_order(tmp_path, noise, encoded):
    hugging_face(tmp_path / "data" / "test-00000-of-00001.parquet", [encoded(0)], [1])
    first = [encoded(number) for number in range(1, 151)]
    hugging_face(tmp_path / "data" / "train-00000-of-00002.parquet", first, [0, 1] * 75)
    hugging_face(tmp_path / "data" / "train-00001-of-00002.parquet", [encoded(151), encoded(152)], [0, 1])
    found = find_images(tmp_path)
    assert found.classes == ("iris", "rose")
    assert list(found.labels) == [0, *[1, 0] * 76]
    assert found.sides == ["test", *["train"] * 152]
    for number in [0, 152, 1, 150, 64, 65, *np.random.default_rng(0).permutation(153)]:
        np.testing.assert_array_equal(open_picture(found.source.open(number), SIZE), noise(number))
    assert found.source.names[2] == "train-00000-of-00002/0000001 1.png"


@pytest.mark.parametrize("column", ["fine_label", "fine.label"])
def test_one_file_has_no_split_and_a_label_of_another_name_is_found_by_its_feature(tmp_path, encoded, column):
    found = find_images(hugging_face(tmp_path / "train-00000-of-00001.parquet", [encoded(0)], [1], column=column))
    assert (found.classes, found.sides) == (("iris",), None)


def test_tables_may_be_beside_folders_that_are_not_classes(tmp_path, encoded):
    hugging_face(tmp_path / "tables" / "train-00000-of-00001.parquet", [encoded(0)], [0])
    for beside in ("data", "validation", ".cache"):
        (tmp_path / "tables" / beside).mkdir()
    assert len(find_images(tmp_path / "tables").source.names) == 1


def test_tables_may_be_in_folders_of_the_splits(tmp_path, encoded):
    for number, side in enumerate(("train", "test")):
        (tmp_path / side).mkdir()
        hugging_face(tmp_path / side / "0000.parquet", [encoded(number)], [0])
    found = find_images(tmp_path)
    assert found.sides == ["test", "train"]
    assert [name.split()[0] for name in found.source.names] == ["test/0000/0000000", "train/0000/0000000"]


def test_threads_pack_what_the_table_holds(tmp_path, noise, encoded):
    file = hugging_face(tmp_path / "a.parquet", [encoded(number) for number in range(200)], [0, 1] * 100)
    pack = Dataset.open(file).pack(SIZE)
    rows = pack.read(np.arange(200))
    for number in range(200):
        np.testing.assert_array_equal(rows[pack.rows[number]], noise(number))


def test_files_with_bytes_and_files_with_paths_may_be_mixed(tmp_path, noise, encoded, add_picture):
    hugging_face(tmp_path / "a.parquet", [encoded(7), encoded(8)], [0, 1])
    pq.write_table(pa.table({"path": ["1.png"], "class": ["rose"]}), tmp_path / "b.parquet")
    add_picture(tmp_path / "1.png")
    found = find_images(tmp_path)
    assert (found.classes, list(found.labels)) == (("iris", "rose"), [1, 0, 1])
    assert found.source.names == ["a/0000000 0.png", "a/0000001 1.png", "1.png"]
    for number, content in enumerate([7, 8, 0]):
        np.testing.assert_array_equal(open_picture(found.source.open(number), SIZE), noise(content))
    stamp = found.source.stamp(2)
    add_picture(tmp_path / "1.png")
    assert found.source.stamp(2) != stamp and found.source.stamp(0) == found.source.stamp(1)


def test_paths_splits_and_groups_are_read(tmp_path, add_picture):
    add_picture(tmp_path / "a" / "1.png")
    columns = {"Path": ["a/1.png", "gone.png"], "class": [7, 10], "split": ["train", "val"], "group": [3, None]}
    pq.write_table(pa.table(columns), tmp_path / "table.parquet")
    found = find_images(tmp_path / "table.parquet")
    assert (found.classes, list(found.labels)) == (("10", "7"), [1, 0])
    assert (found.sides, found.groups) == (["train", "validation"], ["3", ""])
    assert list(found.source.names) == ["a/1.png", "gone.png"]
    assert open_picture(found.source.open(0), SIZE).shape == (10, 12, 3)
    with pytest.raises(PictureError, match="file not found"):
        open_picture(found.source.open(1), SIZE)


def test_plain_bytes_with_dictionary_labels_and_a_missing_image(tmp_path, noise, encoded):
    labels = pa.array(["a", "b"]).dictionary_encode()
    pq.write_table(pa.table({"bytes": [encoded(5), None], "label": labels}), tmp_path / "t.parquet")
    source = find_images(tmp_path / "t.parquet").source
    np.testing.assert_array_equal(open_picture(source.open(0), SIZE), noise(5))
    with pytest.raises(PictureError, match="neither bytes nor a path"):
        source.open(1)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"path": ["1.png"], "klass": ["a"]},
            "no column for the class: expected one of .*; it has the columns path, klass",
        ),
        ({"klass": ["a"], "label": ["a"]}, "no column for the image"),
        ({"path": pa.array([], pa.string()), "class": pa.array([], pa.string())}, "lists no images"),
        ({"path": ["1.png", "2.png"], "class": ["a", None]}, "row 2: missing class"),
        ({"path": ["1.png", None], "class": ["a", "b"]}, "row 2: missing path"),
        ({"path": ["1.png"], "class": [float("nan")]}, "column 'class' has type double, expected classes as text"),
        ({"path": ["1.png"], "class": [[1]]}, "column 'class' has type list"),
        ({"path": [1], "class": ["a"]}, r"column 'path' has type int64, expected a path \(text\)"),
        ({"path": ["1.png"], "class": ["a"], "split": ["trian"]}, "row 1: unknown split 'trian': did you mean 'train'"),
        ({"path": ["1", "2"], "class": ["a", "b"], "split": ["train", None]}, "gives a split for 1 of 2 images"),
    ],
)
def test_invalid_columns_and_rows_are_named(tmp_path, columns, words):
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=words):
        find_images(tmp_path / "t.parquet")


def test_a_label_without_a_name_is_refused(tmp_path, encoded):
    with pytest.raises(DataError, match="row 2: label 2 has no name, the file names 2 labels from 0 on"):
        find_images(hugging_face(tmp_path / "t.parquet", [encoded(0)] * 2, [0, 2]))


def test_images_without_a_label_are_not_used_and_reported(tmp_path, encoded):
    file = hugging_face(tmp_path / "t.parquet", [encoded(number) for number in range(3)], [0, -1, 1])
    with pytest.warns(UserWarning, match="1 image with the label -1, which means no label, are not used"):
        found = find_images(file)
    assert [name.split()[0] for name in found.source.names] == ["t/0000000", "t/0000002"]
    assert [found.classes[label] for label in found.labels] == ["rose", "iris"]
    assert found.source.open(1) == encoded(2)


def test_one_of_several_files_is_reported(tmp_path, encoded):
    file = hugging_face(tmp_path / "train-00000-of-00002.parquet", [encoded(0)], [0])
    with pytest.warns(UserWarning, match="is one of 2 files; the images in the others are not used: to use all, give"):
        find_images(file)
    with pytest.raises(DataError, match=r"1 of 2 files are missing, such as train-00001-of-00002\.parquet"):
        find_images(tmp_path)


@pytest.mark.parametrize("damage", [lambda whole: b"", lambda whole: b"PK" + whole[2:-4], lambda whole: whole[:-50]])
def test_damaged_files_are_named(tmp_path, encoded, damage):
    file = hugging_face(tmp_path / "t.parquet", [encoded(0)], [0])
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError, match=r"t\.parquet cannot be read as Parquet"):
        find_images(file)


def test_images_damaged_inside_the_table_are_left_out(tmp_path, encoded):
    pictures = [encoded(number) for number in range(5)] + [encoded(5)[:60]]
    pack = Dataset.open(hugging_face(tmp_path / "t.parquet", pictures, [0, 1] * 3)).pack(SIZE)
    assert [left.name for left in pack.left_out] == ["t/0000005 5.png"]


def test_a_missing_part_of_a_set_of_files_is_named(tmp_path, encoded):
    for number in (0, 2):
        hugging_face(tmp_path / f"train-{number:05d}-of-00003.parquet", [encoded(number)], [0])
    with pytest.raises(DataError, match=r"1 of 3 files are missing, such as train-00001-of-00003\.parquet: download"):
        find_images(tmp_path)


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch, encoded):
    file = hugging_face(tmp_path / "t.parquet", [encoded(0)], [0])
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"eyebright\[parquet\]"):
        find_images(file)


def test_repeated_paths_count_once_with_a_warning(tmp_path, add_picture):
    add_picture(tmp_path / "1.png")
    pq.write_table(pa.table({"path": ["1.png", "1.png", "2.png"], "class": [1, 1, 2]}), tmp_path / "t.parquet")
    with pytest.warns(UserWarning, match=r"t\.parquet repeats 1 of its 3 rows: each image is used once"):
        found = find_images(tmp_path / "t.parquet")
    assert (list(found.source.names), list(found.labels)) == (["1.png", "2.png"], [0, 1])
