"""Packs on a disk that has no room for them: prints and digests are taken, pictures are opened anew each time."""

import hashlib
from collections import namedtuple

import numpy as np
import pytest

from eyebright.data.dataset import Dataset
from eyebright.data.pack import pack
from eyebright.data.pictures import PRINT, Preparation
from eyebright.data.sources.folder import read_folder
from eyebright.data.store import INDEX, Growing, rows_of
from eyebright.runs.train import train
from eyebright.system.errors import DataError, OutputError
from eyebright.training import events
from eyebright.training.settings import Settings

RECORD = np.dtype([("key", "<u8")])


@pytest.fixture
def store(tmp_path) -> Growing:
    """Rows of two bytes in one file, of three in another."""
    return Growing(tmp_path, RECORD, {"a": 2, "b": 3})


def add(store: Growing, *numbers: int) -> None:
    with store.adding() as adding:
        for number in numbers:
            adding.add((number,), bytes([number] * 2), bytes([number] * 3))


def test_rows_stand_one_after_the_other(store):
    add(store, 1, 2)
    add(store, 3)
    assert store.index()["key"].tolist() == [1, 2, 3]
    assert (store.folder / "a").read_bytes() == bytes([1, 1, 2, 2, 3, 3])
    assert (store.folder / "b").read_bytes() == bytes([1, 1, 1, 2, 2, 2, 3, 3, 3])


@pytest.mark.parametrize(("name", "left"), [("a", 3), ("b", 5), (INDEX, 15)])
def test_a_store_that_was_cut_off_goes_on_behind_its_last_complete_row(store, name, left):
    add(store, 1, 2, 3)
    (store.folder / name).write_bytes((store.folder / name).read_bytes()[:left])
    assert store.index()["key"].tolist() == [1]
    add(store, 9)
    assert store.index()["key"].tolist() == [1, 9]
    assert (store.folder / "a").read_bytes() == bytes([1, 1, 9, 9])
    assert (store.folder / "b").read_bytes() == bytes([1, 1, 1, 9, 9, 9])


def test_what_was_added_before_an_error_stays(store):
    with pytest.raises(KeyboardInterrupt), store.adding() as adding:
        adding.add((7,), b"aa", b"bbb")
        raise KeyboardInterrupt
    assert store.index()["key"].tolist() == [7]


def test_a_store_without_one_of_its_files_is_empty(store):
    add(store, 1)
    (store.folder / "b").unlink()
    assert not len(store.index())


def test_rows_are_found_by_key():
    known = np.array([5, 2**63 + 1, 9], np.uint64)
    assert rows_of(np.array([9, 4, 2**63 + 1, 10], np.uint64), known).tolist() == [2, -1, 1, -1]
    assert rows_of(known, np.empty(0, np.uint64)).tolist() == [-1, -1, -1]


KEPT = PRINT.itemsize + 24  # bytes of a picture that is streamed
usage = namedtuple("usage", "total used free")


@pytest.fixture
def fill_cache_disk(own_cache, monkeypatch):
    """`fill_cache_disk(n)` leaves n bytes on the disk of the cache; others have room."""

    def fill(left: int) -> None:
        monkeypatch.setattr(
            "shutil.disk_usage", lambda place: usage(0, 0, left if str(place).startswith(str(own_cache)) else 10**12)
        )

    return fill


@pytest.fixture
def source(make_folder):
    root = make_folder({"a": 5, "b": 3})
    (root / "a/2.png").write_bytes(b"words")
    return read_folder(root).source


def test_what_is_streamed_is_what_would_have_been_packed(source, preparation, fill_cache_disk, own_cache):
    fill_cache_disk(8 * KEPT)
    streamed = pack(source, preparation)
    assert streamed.streamed and not list(own_cache.rglob("rows.u8"))
    fill_cache_disk(10**9)
    kept = pack(source, preparation)
    assert not kept.streamed
    assert list(streamed.digests) == list(kept.digests) and streamed.left_out == kept.left_out != []
    usable = np.array([7, 0, 3, 3])
    np.testing.assert_array_equal(streamed.read(usable), kept.read(usable))
    assert streamed.prints(usable).tobytes() == kept.prints(usable).tobytes()
    thumbnails = kept.thumbnails(usable)
    assert len(thumbnails) == 4
    np.testing.assert_array_equal(thumbnails[np.array([2, 0])], kept.prints([3, 7])["thumbnail"])
    assert streamed.read([]).shape == (0, 5, 6, 3)


def test_prints_are_taken_once_and_serve_every_preparation(source, preparation, fill_cache_disk, opened):
    fill_cache_disk(8 * KEPT)
    pack(source, preparation)
    opened.clear()
    again = pack(source, Preparation(width=9, height=9))
    assert again.streamed and len(opened) == 1  # the one that cannot be opened, in case it was mended
    assert again.read([0]).shape == (1, 9, 9, 3)


def test_without_room_even_for_prints_it_says_so(source, preparation, fill_cache_disk, opened):
    fill_cache_disk(8 * KEPT - 1)
    with pytest.raises(OutputError, match=r"preparing 8 pictures takes .* MB free: make room, or use another disk"):
        pack(source, preparation)
    assert opened == []


@pytest.mark.parametrize(("change", "words"), [("write", "it has changed"), ("unlink", "it has changed")])
def test_a_picture_that_changes_while_it_is_streamed_is_named(
    source, preparation, fill_cache_disk, add_picture, change, words
):
    fill_cache_disk(8 * KEPT)
    streamed = pack(source, preparation)
    place = source.root / "b/1.png"
    add_picture(place) if change == "write" else place.unlink()
    streamed.read([0, 7])
    with pytest.raises(DataError, match=rf"b/1\.png can no longer be read as it was \({words}\).*start anew"):
        streamed.read([0, 6])


def test_a_training_that_streams_ends_with_the_same_weights_and_says_so(make_folder, tmp_path, fill_cache_disk):
    root, settings = make_folder({"a": 12, "b": 12, "c": 12}), Settings(epochs=2, precision="float32", batch_size=8)
    weights, seen = {}, {}
    for name, left in (("streamed", 36 * KEPT), ("packed", 10**9)):
        fill_cache_disk(left)
        seen[name] = []
        train.train(root, tmp_path / name, network="mlp", size=24, settings=settings, callbacks=[seen[name].append])
        weights[name] = hashlib.sha256((tmp_path / name / "model" / "weights.safetensors").read_bytes()).digest()
    assert weights["streamed"] == weights["packed"]
    told = [event for event in seen["streamed"] if isinstance(event, events.Streaming)]
    assert [(event.pictures, event.size_bytes) for event in told] == [(36, 36 * 24 * 24 * 3)]
    assert not any(isinstance(event, events.Streaming) for event in seen["packed"])
    log = events.read_events(tmp_path / "streamed" / "events.jsonl")
    assert any(isinstance(event, events.Streaming) for event in log)


def test_a_data_set_streams_for_the_audit_too(make_folder, fill_cache_disk):
    fill_cache_disk(6 * KEPT)
    assert Dataset.open(make_folder({"a": 3, "b": 3})).pack(Preparation(width=128, height=128)).streamed
