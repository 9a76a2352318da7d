"""Files on the disk and at addresses: fsspec's own memory, and a server on this machine."""

import builtins
import sys

import numpy as np
import pytest

from eyebright import Dataset, Preparation
from eyebright.data.pictures import open_picture
from eyebright.data.sources import ranged
from eyebright.data.sources.find import find_images
from eyebright.data.sources.ranged import LocalFile, is_address, remote_file, without_token
from eyebright.system.errors import DataError, DownloadError, MissingExtraError

SIZE = Preparation(width=12, height=10)


@pytest.mark.parametrize("place", ["disk", "memory"])
def test_parts_of_a_file_are_read_up_to_its_end(tmp_path, memory, place):
    content = np.random.default_rng(0).bytes(100_000)
    (tmp_path / "a.bin").write_bytes(content)
    memory.pipe("/a.bin", content)
    file = LocalFile(tmp_path / "a.bin") if place == "disk" else remote_file("memory://a.bin")
    assert file.read(0, 10) == content[:10]
    assert file.read(99_990, 100) == content[99_990:]
    with file.open_stream() as stream:
        assert stream.read(5) == content[:5]
        stream.seek(50_000)
        assert stream.read(7) == content[50_000:50_007]
        stream.seek(-3, 2)
        assert stream.read() == content[-3:]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://x.org/a.tar?token=secret", "https://x.org/a.tar"),
        ("ftp://me:secret@x.org/a.tar", "ftp://x.org/a.tar"),
        ("s3://bucket/a.tar", "s3://bucket/a.tar"),
    ],
)
def test_secrets_of_an_address_are_not_shown(address, shown):
    assert is_address(address) and without_token(address) == shown


@pytest.mark.parametrize("path", ["a?b.tar", "C:/a.tar", "folder/me:you@a.tar"])
def test_paths_are_not_addresses(path):
    assert not is_address(path) and without_token(path) == path


@pytest.mark.parametrize("place", ["train-0.tar", "{train,test}-0.tar", ""])
def test_shards_in_memory_are_read_like_files(memory, samples, noise, place):
    memory.pipe({"/bucket/train-0.tar": samples(range(10)), "/bucket/test-0.tar": samples(range(10, 20))})
    memory.pipe("/bucket/readme.txt", b"hello")
    found = find_images(f"memory://bucket/{place}")
    assert sorted(found.source.names)[-1] == ("train-0/00009.png")
    assert set(found.sides or ()) == (set() if place == "train-0.tar" else {"train", "test"})
    for index, name in enumerate(found.source.names):
        np.testing.assert_array_equal(open_picture(found.source.open(index), SIZE), noise(int(name[-9:-4])))


@pytest.mark.parametrize("place", ["train-0.tar", "train-0.tar?token=secret", "{train,test}-0.tar", ""])
def test_parts_are_read_from_a_server(serve, served, noise, place):
    address, _ = serve()
    served()
    found = find_images(f"{address}/{place}")
    assert len(found.labels) == (10 if place.startswith("train") else 20)
    assert not any("secret" in name for name in found.source.names)
    assert found.origin == f"{address}/{place.partition('?')[0]}"
    for index, name in enumerate(found.source.names):
        np.testing.assert_array_equal(open_picture(found.source.open(index), SIZE), noise(int(name[-9:-4])))


def test_a_request_is_repeated_and_a_lasting_failure_is_an_error_not_a_bad_image(serve, served, monkeypatch):
    monkeypatch.setattr(ranged, "_PAUSE_S", 0.0)
    address, server = serve()
    served()
    dataset = Dataset.open(f"{address}/train-0.tar")
    server.failures = 2
    dataset.source.open(3)
    server.failures = 1_000
    with pytest.raises(DownloadError, match=r"train-0\.tar cannot be read: 503"):
        dataset.pack(SIZE)


def test_a_server_that_only_sends_whole_files_is_named(serve, served):
    address, server = serve(ranges=False)
    served()
    with pytest.raises(DataError, match="in parts, its server only sends whole files: download it first"):
        find_images(f"{address}/train-0.tar")
    server.ranges = True
    source = find_images(f"{address}/train-0.tar").source
    server.ranges = False
    with pytest.raises(DataError, match="cannot be read in parts"):
        source.open(0)


def test_a_changed_shard_has_another_stamp(serve, served, tmp_path, samples):
    address, _ = serve()
    served()
    first = find_images(f"{address}/train-0.tar").source
    assert find_images(f"{address}/train-0.tar").source.stamp(0) == first.stamp(0)
    (tmp_path / "served" / "train-0.tar").write_bytes(samples(range(50, 60)))
    assert find_images(f"{address}/train-0.tar").source.stamp(0) != first.stamp(0)


def test_a_missing_file_and_a_server_that_does_not_answer_are_named(serve):
    address, _ = serve()
    with pytest.raises(DataError, match=r"none\.tar does not exist"):
        find_images(f"{address}/none.tar")
    with pytest.raises(DownloadError, match=r"http://127\.0\.0\.1:9/a\.tar cannot be read: "):
        find_images("http://127.0.0.1:9/a.tar")


@pytest.mark.parametrize(
    ("address", "missing", "words"),
    [
        ("s3://bucket/a.tar", "s3fs", "s3:// addresses need another package: pip install s3fs"),
        ("gs://bucket/a.tar", "gcsfs", "gs:// addresses need another package: pip install gcsfs"),
        ("s3://bucket/a.tar", "fsspec", r"addresses need fsspec: pip install 'eyebright\[shards\]'"),
    ],
)
def test_a_missing_package_is_named(monkeypatch, address, missing, words):
    original = builtins.__import__

    def absent(name, *rest, **options):
        if name.partition(".")[0] == missing:
            raise ImportError(f"No module named {name!r}")
        return original(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(MissingExtraError, match=words):
        find_images(address)
