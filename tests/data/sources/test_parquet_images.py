import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyebright.data.sources.find import find_images
from eyebright.system.errors import PictureError


def count_decoded_rows(monkeypatch):
    """A list to which the size of each batch that pyarrow decodes is appended."""
    decoded = []
    original = pq.ParquetFile.iter_batches

    def counted(self, *arguments, **options):
        for batch in original(self, *arguments, **options):
            decoded.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    return decoded


@pytest.mark.parametrize("group", [1, 64, 65, 100, 600])
def test_images_are_read_in_any_order_without_decoding_the_table_each_time(tmp_path, large, monkeypatch, group):
    contents = large(tmp_path / "t.parquet", 600, group)
    source = find_images(tmp_path / "t.parquet").source
    decoded = count_decoded_rows(monkeypatch)
    for number in np.random.default_rng(0).permutation(600).tolist() * 2:
        assert source.open(number) == contents[number]
    assert sum(decoded) <= 8 * 600  # some reads that decode most of a group, and its copy


def test_memory_is_flat_whatever_a_row_group_holds(tmp_path):
    contents = [np.random.default_rng(number).bytes(10_000) for number in range(2_000)]
    pages = {"write_batch_size": 20, "data_page_size": 50_000, "use_dictionary": False}
    pq.write_table(pa.table({"image": contents, "label": [1] * 2_000}), tmp_path / "t.parquet", **pages)
    before = pa.total_allocated_bytes()
    source = find_images(tmp_path / "t.parquet").source
    assert source.open(1) == contents[1]
    assert pa.total_allocated_bytes() - before < 5_000_000  # of 20 MB


def test_on_a_full_disk_images_are_still_read_with_one_warning(tmp_path, large, monkeypatch, own_cache):
    contents = large(tmp_path / "t.parquet", 300, 150)
    source = find_images(tmp_path / "t.parquet").source
    monkeypatch.setattr("eyebright.system.files.free_bytes", lambda path: 1_000_000_000)
    with pytest.warns(UserWarning, match=r"reading t\.parquet in random order is slow: .*; free \d+ MB") as warned:
        for number in np.random.default_rng(0).permutation(300).tolist():
            assert source.open(number) == contents[number]
    assert len(warned) == 1


def test_reading_in_order_decodes_each_row_once_and_copies_nothing(tmp_path, large, monkeypatch, own_cache):
    contents = large(tmp_path / "t.parquet", 500, 200)
    source = find_images(tmp_path / "t.parquet").source
    monkeypatch.setattr("eyebright.system.files.cache_folder", None)
    for _ in range(2):
        assert [source.open(number) for number in range(500)] == contents
        assert [source.open(number) for number in range(0, 500, 150)] == contents[::150]
    decoded = count_decoded_rows(monkeypatch)
    assert [source.open(number) for number in range(500)] == contents
    assert sum(decoded) == 500
    order = np.argsort(np.arange(500) + np.random.default_rng(0).uniform(0, 6, 500))  # as several threads read
    assert [source.open(number) for number in order] == [contents[number] for number in order]
    assert sum(decoded) == 1_000


def test_a_row_without_a_image_has_none_in_a_copied_group_too(tmp_path, monkeypatch, encoded):
    pictures = [{3: None, 4: b""}.get(number % 10, encoded(number % 50)) for number in range(600)]
    pq.write_table(pa.table({"bytes": pictures, "label": [1] * 600}), tmp_path / "t.parquet")
    source = find_images(tmp_path / "t.parquet").source
    for number in [599, 1, 300] * 5:
        assert source.open(number) == pictures[number]
    decoded = count_decoded_rows(monkeypatch)
    for number in range(600):
        if number % 10 == 3:
            with pytest.raises(PictureError, match="neither bytes nor a path"):
                source.open(number)
        else:
            assert source.open(number) == pictures[number]
    assert not decoded
