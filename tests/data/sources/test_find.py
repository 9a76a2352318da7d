"""Each format is found by its path; what each reader returns is tested beside it."""

import gzip
import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyebright.data.sources.find import find_images
from eyebright.system.errors import DataError

PIXELS = np.zeros((2, 4, 4), np.uint8)


def class_folders(root, add_picture):
    for name in ("a/0.png", "b/0.png"):
        add_picture(root / name)


def idx(root, add_picture):
    for name, values in {"images-idx3": PIXELS, "labels-idx1": np.array([0, 1], np.uint8)}.items():
        header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
        (root / f"{name}-ubyte.gz").write_bytes(gzip.compress(header + values.tobytes()))


def metadata(root, add_picture):
    class_folders(root, add_picture)
    rows = [{"file_name": "a/0.png", "label": "x"}, {"file_name": "b/0.png", "label": "y"}]
    (root / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))


def parquet(root, add_picture):
    pq.write_table(pa.table({"image": [b"...", b"..."], "label": ["a", "b"]}), root / "t.parquet")


def shards(root, add_picture, make_tar):
    (root / "s.tar").write_bytes(make_tar({"0.png": b"...", "0.cls": b"a", "1.png": b"...", "1.cls": b"b"}))


FORMATS = {
    class_folders: "FolderSource",
    idx: "StoredSource",
    metadata: "FolderSource",
    parquet: "ParquetSource",
    shards: "ShardSource",
}


@pytest.mark.parametrize("make", FORMATS)
def test_each_format_is_found_in_its_folder_and_as_a_file(tmp_path, add_picture, make_tar, make):
    root = tmp_path / "root"
    root.mkdir()
    make(root, add_picture, make_tar) if make is shards else make(root, add_picture)
    found = find_images(root)
    assert (type(found.source).__name__, len(found.classes), len(found.labels)) == (FORMATS[make], 2, 2)
    for file in root.glob("*.[pt]a*"):
        alone = find_images(str(file))
        assert (type(alone.source).__name__, alone.labels) == (FORMATS[make], found.labels)


def test_metadata_without_classes_leaves_the_folders_as_classes(make_folder):
    root = make_folder({"rose": 2, "iris": 1})
    (root / "metadata.csv").write_text("file_name,text\nrose/0.png,a rose\n")
    assert list(find_images(root).source.names) == ["iris/0.png", "rose/0.png", "rose/1.png"]
    for folder in ("rose", "iris"):
        (root / folder).rename(root.parent / folder)
    with pytest.raises(DataError, match=r"metadata\.csv has no column for the class"):
        find_images(root)


def test_one_table_or_archive_does_not_hide_the_folders_of_classes(make_folder, make_tar):
    root = make_folder({"iris": 2, "rose": 1})
    pq.write_table(pa.table({"image": [b"..."], "label": [0]}), root / "predictions.parquet")
    (root / "backup.tar").write_bytes(make_tar({"0.png": b"...", "0.cls": b"a"}))
    assert list(find_images(root).source.names) == ["iris/0.png", "iris/1.png", "rose/0.png"]


def test_images_in_the_cache_are_marked_as_used(own_cache, add_picture):
    for name in ("a/0.png", "b/0.png"):
        add_picture(own_cache / "fetched" / "flowers" / name)
    os.utime(own_cache / "fetched" / "flowers", (0, 0))
    find_images(own_cache / "fetched" / "flowers")
    assert (own_cache / "fetched" / "flowers").stat().st_mtime > 0


def test_the_number_of_images_is_reported(make_folder):
    reports = []
    find_images(make_folder({"a": 2, "b": 1}), lambda *call: reports.append(call))
    assert reports == [("scanning", 3, None)]


def test_a_file_of_another_format_is_refused_with_the_formats_that_can_be_read(tmp_path):
    (tmp_path / "readme.doc").write_text("hello")
    formats = r"\(\.csv, \.tsv, \.jsonl, \.parquet\), tar shards, an \.npz or an IDX file"
    with pytest.raises(DataError, match=rf"readme\.doc is a file of an unknown format: expected .* {formats}"):
        find_images(tmp_path / "readme.doc")


@pytest.mark.parametrize("name", ["flowers", "flowers-{1..}.tar", "x" * 5_000])
def test_a_path_that_does_not_exist_is_named(tmp_path, name):
    with pytest.raises(DataError, match=r"does not exist: expected a folder with one folder of images per class|long"):
        find_images(tmp_path / name)


@pytest.mark.parametrize(("path", "got"), [(None, "None"), (3, "an int")])
def test_what_is_no_path_of_images_is_refused(path: object, got: str) -> None:
    with pytest.raises(DataError, match=f"expected a folder, a file or an address of images, got {got}"):
        find_images(path)  # type: ignore[arg-type]
