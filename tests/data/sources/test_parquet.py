import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyebright import Dataset, Preparation
from eyebright.data.pictures import open_picture
from eyebright.data.sources import parquet_reading
from eyebright.data.sources.find import find
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


def test_every_picture_of_every_shard_is_found_in_any_order(tmp_path, noise, encoded):
    hugging_face(tmp_path / "data" / "test-00000-of-00001.parquet", [encoded(0)], [1])
    first = [encoded(number) for number in range(1, 151)]
    hugging_face(tmp_path / "data" / "train-00000-of-00002.parquet", first, [0, 1] * 75)
    hugging_face(tmp_path / "data" / "train-00001-of-00002.parquet", [encoded(151), encoded(152)], [0, 1])
    found = find(tmp_path)
    assert found.classes == ("iris", "rose")
    assert list(found.labels) == [0, *[1, 0] * 76]
    assert found.sides == ["test", *["train"] * 152]
    for number in [0, 152, 1, 150, 64, 65, *np.random.default_rng(0).permutation(153)]:
        np.testing.assert_array_equal(open_picture(found.source.open(number), SIZE), noise(number))
    assert found.source.names[2] == "train-00000-of-00002/0000001 1.png"


def test_one_file_has_no_side_and_another_name_for_the_label_is_known_by_its_note(tmp_path, encoded):
    found = find(hugging_face(tmp_path / "train-00000-of-00002.parquet", [encoded(0)], [1], column="fine_label"))
    assert (found.classes, found.sides) == (("iris",), None)


def test_a_stray_table_does_not_hide_the_folders_of_classes(tmp_path, make_folder, encoded):
    root = make_folder({"iris": 2, "rose": 1})
    hugging_face(root / "predictions.parquet", [encoded(0)], [0])
    assert list(find(root).source.names) == ["iris/0.png", "iris/1.png", "rose/0.png"]
    hugging_face(tmp_path / "tables" / "train-00000-of-00001.parquet", [encoded(0)], [0])
    for beside in ("data", "validation", ".cache"):
        (tmp_path / "tables" / beside).mkdir()
    assert len(find(tmp_path / "tables").source.names) == 1


def test_threads_pack_what_the_table_holds(tmp_path, noise, encoded):
    file = hugging_face(tmp_path / "a.parquet", [encoded(number) for number in range(200)], [0, 1] * 100)
    pack = Dataset.open(file).pack(SIZE)
    rows = pack.read(np.arange(200))
    for number in range(200):
        np.testing.assert_array_equal(rows[pack.rows[number]], noise(number))


def test_a_manifest_with_paths_sides_and_groups(tmp_path, add_picture):
    add_picture(tmp_path / "a" / "1.png")
    columns = {"Path": ["a/1.png", "gone.png"], "class": [7, 10], "split": ["train", "val"], "group": [3, None]}
    pq.write_table(pa.table(columns), tmp_path / "table.parquet")
    found = find(tmp_path / "table.parquet")
    assert (found.classes, list(found.labels)) == (("10", "7"), [1, 0])
    assert (found.sides, found.groups) == (["train", "validation"], ["3", ""])
    assert list(found.source.names) == ["a/1.png", "gone.png"]
    assert open_picture(found.source.open(0), SIZE).shape == (10, 12, 3)
    with pytest.raises(PictureError, match="file not found"):
        open_picture(found.source.open(1), SIZE)


def test_plain_bytes_a_missing_picture_and_dictionary_labels(tmp_path, noise, encoded):
    labels = pa.array(["a", "b"]).dictionary_encode()
    pq.write_table(pa.table({"bytes": [encoded(5), None], "label": labels}), tmp_path / "t.parquet")
    source = find(tmp_path / "t.parquet").source
    np.testing.assert_array_equal(open_picture(source.open(0), SIZE), noise(5))
    with pytest.raises(PictureError, match="neither bytes nor a path"):
        source.open(1)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"path": ["1.png"], "klass": ["a"]}, r"no column for the class \(one of .*\); it has path, klass"),
        ({"klass": ["a"], "label": ["a"]}, "no column for the picture"),
        ({"path": pa.array([], pa.string()), "class": pa.array([], pa.string())}, "lists no pictures"),
        ({"path": ["1.png", "2.png"], "class": ["a", None]}, "row 2: no class"),
        ({"path": ["1.png", None], "class": ["a", "b"]}, "row 2: no path"),
        ({"path": ["1.png"], "class": [float("nan")]}, "column 'class' is double; a class is text or a whole number"),
        ({"path": ["1.png"], "class": [[1]]}, "column 'class' is list"),
        ({"path": [1], "class": ["a"]}, r"column 'path' is int64; a picture is its path \(text\)"),
        ({"path": ["1.png"], "class": ["a"], "split": ["trian"]}, "row 1: split 'trian' is none of"),
        ({"path": ["1", "2"], "class": ["a", "b"], "split": ["train", None]}, "for some pictures and none for others"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, columns, words):
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=words):
        find(tmp_path / "t.parquet")


def test_a_label_without_a_name_is_refused(tmp_path, encoded):
    with pytest.raises(DataError, match="row 2: label -1 is none of the 2 classes"):
        find(hugging_face(tmp_path / "t.parquet", [encoded(0)] * 2, [0, -1]))


@pytest.mark.parametrize("damage", [lambda whole: b"", lambda whole: b"PK" + whole[2:-4], lambda whole: whole[:-50]])
def test_damaged_files_are_named(tmp_path, encoded, damage):
    file = hugging_face(tmp_path / "t.parquet", [encoded(0)], [0])
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError, match=r"t\.parquet cannot be read as Parquet"):
        find(file)


def test_pictures_damaged_inside_the_table_are_left_out(tmp_path, encoded):
    pictures = [encoded(number) for number in range(5)] + [encoded(5)[:60]]
    pack = Dataset.open(hugging_face(tmp_path / "t.parquet", pictures, [0, 1] * 3)).pack(SIZE)
    assert [left.name for left in pack.left_out] == ["t/0000005 5.png"]


def test_a_shard_that_is_missing_is_named(tmp_path, encoded):
    for number in (0, 2):
        hugging_face(tmp_path / f"train-{number:05d}-of-00003.parquet", [encoded(number)], [0])
    with pytest.raises(DataError, match=r"train-00001-of-00003\.parquet is missing, 1 of 3"):
        find(tmp_path)


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch, encoded):
    file = hugging_face(tmp_path / "t.parquet", [encoded(0)], [0])
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"eyebright\[parquet\]"):
        find(file)


def large(file, count, group, *, checked=False):
    """Pictures of 10,000 bytes that nothing compresses, in row groups of so many."""
    random = np.random.default_rng(count)
    contents = [random.bytes(10_000) for _ in range(count)]
    table = pa.table({"image": contents, "label": pa.array([number % 2 for number in range(count)])})
    pq.write_table(table, file, row_group_size=group, write_page_checksum=checked, data_page_size=50_000)
    return contents


@pytest.mark.parametrize("group", [1, 65, 100, 600])
def test_pictures_are_had_in_any_order_without_reading_the_table_each_time(tmp_path, monkeypatch, group):
    contents = large(tmp_path / "t.parquet", 600, group)
    source = find(tmp_path / "t.parquet").source
    decoded = []
    original = parquet_reading.cells_of

    def counted(*arguments):
        for cells in original(*arguments):
            decoded.append(cells)
            yield cells

    monkeypatch.setattr(parquet_reading, "cells_of", counted)
    for number in np.random.default_rng(0).permutation(600).tolist() * 2:
        assert source.open(number) == contents[number]
    assert len(decoded) <= 6 * 600  # five jumps into a group or out of it, and once all of it


def test_where_the_disk_is_full_pictures_are_read_on_and_that_is_told_once(tmp_path, monkeypatch, own_cache):
    contents = large(tmp_path / "t.parquet", 300, 150)
    source = find(tmp_path / "t.parquet").source
    monkeypatch.setattr("eyebright.system.files.free_bytes", lambda path: 1_000_000_000)
    with pytest.warns(UserWarning, match=r"no room to lay out the pictures of t\.parquet") as told:
        for number in np.random.default_rng(0).permutation(300).tolist():
            assert source.open(number) == contents[number]
    assert len(told) == 1


def test_reading_in_order_decodes_each_row_once_and_lays_nothing_out(tmp_path, monkeypatch, own_cache):
    contents = large(tmp_path / "t.parquet", 500, 200)
    source = find(tmp_path / "t.parquet").source
    monkeypatch.setattr(parquet_reading.files, "cache_folder", None)
    for _ in range(2):
        assert [source.open(number) for number in range(500)] == contents
        assert [source.open(number) for number in range(0, 500, 150)] == contents[::150]


def test_what_has_no_picture_is_told_also_where_a_group_was_laid_out(tmp_path, encoded):
    pictures = [None if number % 10 == 3 else encoded(number) for number in range(200)]
    pq.write_table(pa.table({"bytes": pictures, "label": [1] * 200}), tmp_path / "t.parquet")
    source = find(tmp_path / "t.parquet").source
    for number in [150, 10, 150, 10, 150, 10, 77]:
        assert source.open(number) == pictures[number]
    for number in (3, 193):
        with pytest.raises(PictureError, match="neither bytes nor a path"):
            source.open(number)


@pytest.mark.parametrize("names", [["image", "image", "label"], ["image", "label", "label"]])
def test_columns_of_one_name_are_refused(tmp_path, names):
    columns = [pa.array([b"..."] if name == "image" else [1]) for name in names]
    pq.write_table(pa.Table.from_arrays(columns, names), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=rf"t\.parquet has 2 columns called '{names[1]}': give them different names"):
        find(tmp_path / "t.parquet")


def test_other_columns_may_be_of_one_name(tmp_path):
    columns = [pa.array([b"..."]), pa.array([1]), pa.array([2]), pa.array([3])]
    pq.write_table(pa.Table.from_arrays(columns, ["image", "label", "x", "x"]), tmp_path / "t.parquet")
    assert find(tmp_path / "t.parquet").source.open(0) == b"..."


@pytest.mark.parametrize("checked", [True, False])
def test_a_damaged_page_is_an_error_with_file_and_row(tmp_path, checked):
    """Where the writer left checksums any byte tells; else the head of a page must be hit."""
    contents = large(tmp_path / "t.parquet", 60, 20, checked=checked)
    whole = bytearray((tmp_path / "t.parquet").read_bytes())
    place = whole.index(contents[30]) + 5_000 if checked else pages_of_pictures(tmp_path / "t.parquet", 1)
    whole[place : place + 40] = b"\xff" * 40
    (tmp_path / "t.parquet").write_bytes(whole)
    source = find(tmp_path / "t.parquet").source
    assert source.open(5) == contents[5]
    with pytest.raises(DataError, match=r"t\.parquet is damaged near row \d+: .*; fetch it again"):
        [source.open(number) for number in range(20, 40)]
    assert source.open(50) == contents[50]


def pages_of_pictures(file, group):
    """Where the first page of the pictures begins."""
    column = pq.read_metadata(file).row_group(group).column(0)
    return min(filter(None, (column.dictionary_page_offset, column.data_page_offset)))


def test_a_damaged_page_of_classes_is_an_error(tmp_path):
    large(tmp_path / "t.parquet", 60, 20)
    column = pq.read_metadata(tmp_path / "t.parquet").row_group(1).column(1)
    whole = bytearray((tmp_path / "t.parquet").read_bytes())
    whole[column.dictionary_page_offset : column.dictionary_page_offset + 20] = b"\xff" * 20
    (tmp_path / "t.parquet").write_bytes(whole)
    with pytest.raises(DataError, match=r"t\.parquet is damaged near row \d+: .*; fetch it again"):
        find(tmp_path / "t.parquet")


def test_rows_of_paths_that_are_repeated_count_once(tmp_path, add_picture):
    add_picture(tmp_path / "1.png")
    pq.write_table(pa.table({"path": ["1.png", "1.png", "2.png"], "class": [1, 1, 2]}), tmp_path / "t.parquet")
    with pytest.warns(UserWarning, match=r"t\.parquet repeats 1 of its 3 rows: each picture counts once"):
        found = find(tmp_path / "t.parquet")
    assert (list(found.source.names), list(found.labels)) == (["1.png", "2.png"], [0, 1])


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path):
    large(tmp_path / "t.parquet", 60, 20)
    source = find(tmp_path / "t.parquet").source
    large(tmp_path / "t.parquet", 10, 20)
    with pytest.raises(DataError, match=r"t\.parquet was changed while it was being read"):
        source.open(0)
