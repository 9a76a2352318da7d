"""Shards at addresses: fsspec's own memory, and a server on this machine."""

import builtins
import sys

import fsspec
import numpy as np
import pytest

from eyebright import Dataset, Preparation
from eyebright.data.pictures import open_picture
from eyebright.data.sources import ranged, shards
from eyebright.data.sources.find import find
from eyebright.system import cache
from eyebright.system.errors import DataError, DownloadError, MissingExtraError

SIZE = Preparation(width=12, height=10)


@pytest.fixture
def memory():
    """fsspec's memory, empty before and after."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


@pytest.fixture
def served(tmp_path, samples):
    """Fill what is served with two shards of ten pictures."""

    def served() -> None:
        for number, name in enumerate(["train-0", "test-0"]):
            (tmp_path / "served" / f"{name}.tar").write_bytes(samples(range(10 * number, 10 * number + 10)))

    return served


@pytest.mark.parametrize("place", ["train-0.tar", "{train,test}-0.tar", ""])
def test_shards_in_memory_are_read_like_files(memory, samples, noise, place):
    memory.pipe({"/bucket/train-0.tar": samples(range(10)), "/bucket/test-0.tar": samples(range(10, 20))})
    memory.pipe("/bucket/readme.txt", b"hello")
    found = find(f"memory://bucket/{place}")
    assert sorted(found.source.names)[-1] == ("train-0/00009.png")
    assert set(found.sides or ()) == (set() if place == "train-0.tar" else {"train", "test"})
    for index, name in enumerate(found.source.names):
        np.testing.assert_array_equal(open_picture(found.source.open(index), SIZE), noise(int(name[-9:-4])))


@pytest.mark.parametrize("place", ["train-0.tar", "train-0.tar?token=secret", "{train,test}-0.tar", ""])
def test_a_server_gives_the_parts_that_are_asked_for(serve, served, noise, place):
    address, _ = serve()
    served()
    found = find(f"{address}/{place}")
    assert len(found.labels) == (10 if place.startswith("train") else 20)
    assert not any("secret" in name for name in found.source.names)
    for index, name in enumerate(found.source.names):
        np.testing.assert_array_equal(open_picture(found.source.open(index), SIZE), noise(int(name[-9:-4])))


def test_threads_pack_what_a_server_holds(serve, served):
    address, _ = serve()
    served()
    dataset = Dataset.open(f"{address}/train-0.tar")
    pack = dataset.pack(SIZE)
    assert (len(pack.digests), pack.left_out, dataset.origin) == (10, [], f"{address}/train-0.tar")


def test_a_failure_that_passes_is_passed_over_and_one_that_stays_leaves_no_picture_out(serve, served, monkeypatch):
    monkeypatch.setattr(ranged, "_PAUSE_S", 0.0)
    address, server = serve()
    served()
    dataset = Dataset.open(f"{address}/train-0.tar")
    server.failures = 2
    dataset.source.open(3)
    server.failures = 1_000
    with pytest.raises(DownloadError, match=r"train-0\.tar cannot be read: 503"):
        dataset.pack(SIZE)


def test_a_server_that_gives_whole_files_only_is_named(serve, served):
    address, server = serve(ranges=False)
    served()
    with pytest.raises(DataError, match="cannot be read in parts, its server gives whole files only: download it"):
        find(f"{address}/train-0.tar")
    server.ranges = True
    source = find(f"{address}/train-0.tar").source
    server.ranges = False
    with pytest.raises(DataError, match="cannot be read in parts"):
        source.open(0)


def test_a_shard_cut_off_at_an_address_is_refused(memory, samples):
    memory.pipe("/a.tar", samples(range(3))[:2000])
    with pytest.raises(DataError, match=r"memory://a\.tar is .*cut off after byte 1,536"):
        find("memory://a.tar")


def test_a_changed_shard_has_another_stamp(serve, served, tmp_path, samples):
    address, _ = serve()
    served()
    first = find(f"{address}/train-0.tar").source
    assert find(f"{address}/train-0.tar").source.stamp(0) == first.stamp(0)
    (tmp_path / "served" / "train-0.tar").write_bytes(samples(range(50, 60)))
    assert find(f"{address}/train-0.tar").source.stamp(0) != first.stamp(0)


def test_pictures_of_a_server_that_tells_only_sizes_do_not_come_from_the_pack_of_an_earlier_run(
    serve, tmp_path, make_tar, encoded, noise, monkeypatch
):
    address, _ = serve(tags=False)
    for number, run in enumerate(["first", "second"]):
        monkeypatch.setattr(shards, "_RUN", run)
        content = make_tar({"0.png": encoded(number), "0.cls": b"red"})
        (tmp_path / "served" / "a.tar").write_bytes(content)
        with pytest.warns(UserWarning, match=r"/a\.tar does not tell when a file changes"):
            dataset = Dataset.open(f"{address}/a.tar")
        np.testing.assert_array_equal(dataset.pack(SIZE).read([0])[0], noise(number))
        before = len(cache.entries())
        with pytest.warns(UserWarning, match="does not tell"):
            Dataset.open(f"{address}/a.tar").pack(SIZE)  # again in the same run
        assert len(cache.entries()) == before


def test_a_shard_is_looked_through_once_as_long_as_it_stays_the_same(serve, served, tmp_path, samples, own_cache):
    address, server = serve()
    served()
    first = find(f"{address}/train-0.tar")
    server.failures = 1_000  # from here on no part of a file is given
    again = find(f"{address}/train-0.tar?token=other")
    assert list(again.source.names) == list(first.source.names) and list(again.labels) == list(first.labels)
    assert again.source.identity == first.source.identity
    assert [entry.about for entry in cache.entries()] == [f"{address}/train-0.tar"]
    server.failures = 0
    assert again.source.open(3) == first.source.open(3)
    next((own_cache / "shards").glob("*/*.json")).write_bytes(b"damaged")
    assert list(find(f"{address}/train-0.tar").source.names) == list(first.source.names)
    (tmp_path / "served" / "train-0.tar").write_bytes(samples(range(50, 54)))
    assert len(find(f"{address}/train-0.tar").labels) == 4


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("memory://bucket/none.tar", r"memory://bucket/none\.tar does not exist"),
        ("memory://bucket", r"memory://bucket holds no tar shards \(\.tar\).*download it and give its folder"),
        ("memory://bucket/table.csv", "holds no tar shards"),
        ("memory://bucket/a-{0..1}.csv", "names no tar shards: expected a pattern such as memory://bucket/name-"),
        ("memory://bucket/a-{5..1}.tar", "stands for -?0 files|stands for 0 files"),
        ("memory://bucket/a-{0..99999999}.tar", "stands for 100,000,000 files: expected 1 to 100,000"),
        ("nosuch://bucket/a.tar", "nosuch://bucket/a.tar cannot be reached: .*nosuch"),
    ],
)
def test_addresses_of_nothing_are_named(memory, address, words):
    memory.pipe("/bucket/table.csv", b"path,class\n")
    with pytest.raises(DataError, match=words):
        find(address)


def test_what_a_server_does_not_have_or_nobody_answers_is_named(serve):
    address, _ = serve()
    with pytest.raises(DataError, match=r"none\.tar does not exist"):
        find(f"{address}/none.tar")
    with pytest.raises(DownloadError, match=r"http://127\.0\.0\.1:9/a\.tar cannot be read: "):
        find("http://127.0.0.1:9/a.tar")


@pytest.mark.parametrize(
    ("address", "missing", "words"),
    [
        ("s3://bucket/a.tar", "s3fs", "needs what reaches s3:// addresses: pip install s3fs"),
        ("gs://bucket/a.tar", "gcsfs", "needs what reaches gs:// addresses: pip install gcsfs"),
        ("s3://bucket/a.tar", "fsspec", r"is read through fsspec: pip install 'eyebright\[shards\]'"),
    ],
)
def test_what_is_not_installed_is_named(monkeypatch, address, missing, words):
    original = builtins.__import__

    def absent(name, *rest, **options):
        if name.partition(".")[0] == missing:
            raise ImportError(f"No module named {name!r}")
        return original(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(MissingExtraError, match=words):
        find(address)
