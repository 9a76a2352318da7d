import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyebright.data.sources.find import find_images
from eyebright.system.errors import DataError


@pytest.mark.parametrize("names", [["image", "image", "label"], ["image", "label", "label"]])
def test_columns_of_one_name_are_refused(tmp_path, names):
    columns = [pa.array([b"..."] if name == "image" else [1]) for name in names]
    pq.write_table(pa.Table.from_arrays(columns, names), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=rf"t\.parquet has 2 columns called '{names[1]}': give them different names"):
        find_images(tmp_path / "t.parquet")


def test_other_columns_may_be_of_one_name(tmp_path):
    columns = [pa.array([b"..."]), pa.array([1]), pa.array([2]), pa.array([3])]
    pq.write_table(pa.Table.from_arrays(columns, ["image", "label", "x", "x"]), tmp_path / "t.parquet")
    assert find_images(tmp_path / "t.parquet").source.open(0) == b"..."


def pages_of_pictures(file, group):
    """Where the first page of the images starts."""
    column = pq.read_metadata(file).row_group(group).column(0)
    return min(filter(None, (column.dictionary_page_offset, column.data_page_offset)))


@pytest.mark.parametrize("checked", [True, False])
def test_a_damaged_page_is_an_error_with_file_and_row(tmp_path, large, checked):
    """With checksums any byte may be damaged, without them the header of a page."""
    contents = large(tmp_path / "t.parquet", 60, 20, checked=checked)
    whole = bytearray((tmp_path / "t.parquet").read_bytes())
    place = whole.index(contents[30]) + 5_000 if checked else pages_of_pictures(tmp_path / "t.parquet", 1)
    whole[place : place + 40] = b"\xff" * 40
    (tmp_path / "t.parquet").write_bytes(whole)
    source = find_images(tmp_path / "t.parquet").source
    assert source.open(5) == contents[5]
    with pytest.raises(DataError, match=r"t\.parquet is damaged near row \d+: .*; download it again"):
        [source.open(number) for number in range(20, 40)]
    with pytest.raises(DataError, match=r"t\.parquet is damaged near row"):
        source.open(39)
    assert source.open(50) == contents[50]


def test_rows_behind_a_damaged_page_are_errors_each_time(tmp_path):
    contents = [np.random.default_rng(number).bytes(10_000) for number in range(200)]
    pages = {"write_batch_size": 5, "data_page_size": 50_000, "use_dictionary": False, "compression": "none"}
    table = pa.table({"image": contents, "label": [1] * 200})
    pq.write_table(table, tmp_path / "t.parquet", write_page_checksum=True, **pages)
    whole = bytearray((tmp_path / "t.parquet").read_bytes())
    whole[whole.index(contents[150]) + 5_000] ^= 255
    (tmp_path / "t.parquet").write_bytes(whole)
    source = find_images(tmp_path / "t.parquet").source
    assert source.open(100) == contents[100]
    for number in (199, 190, 190):
        with pytest.raises(DataError, match=r"t\.parquet is damaged near row 1\d\d: "):
            source.open(number)
    assert source.open(0) == contents[0]


def test_a_damaged_page_of_classes_is_an_error(tmp_path, large):
    large(tmp_path / "t.parquet", 60, 20)
    column = pq.read_metadata(tmp_path / "t.parquet").row_group(1).column(1)
    whole = bytearray((tmp_path / "t.parquet").read_bytes())
    whole[column.dictionary_page_offset : column.dictionary_page_offset + 20] = b"\xff" * 20
    (tmp_path / "t.parquet").write_bytes(whole)
    with pytest.raises(DataError, match=r"t\.parquet is damaged near row \d+: .*; download it again"):
        find_images(tmp_path / "t.parquet")


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path, large):
    large(tmp_path / "t.parquet", 60, 20)
    source = find_images(tmp_path / "t.parquet").source
    large(tmp_path / "t.parquet", 10, 20)
    with pytest.raises(DataError, match=r"t\.parquet was changed while it was being read"):
        source.open(0)
    (tmp_path / "t.parquet").unlink()
    with pytest.raises(DataError, match=r"t\.parquet cannot be read: No such file"):
        source.open(0)
