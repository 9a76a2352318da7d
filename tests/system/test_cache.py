import os
import time
from pathlib import Path

import filelock
import numpy as np
import pytest

from eyebright.data.dataset import Dataset
from eyebright.data.pictures import Preparation
from eyebright.system import cache, files


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EYEBRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def add(kind: str, name: str, size: int, *, days: float = 0.0) -> Path:
    file = files.cache_folder(kind, name) / "rows.u8"
    file.write_bytes(bytes(size))
    age(file, days)
    age(file.parent, days)
    return file.parent


def age(path: Path, days: float) -> None:
    then = time.time() - days * 86_400
    os.utime(path, (then, then))


def used_days() -> dict[str, float]:
    return {entry.kind: entry.used_days for entry in cache.entries()}


def test_nothing_is_kept_at_first(root: Path) -> None:
    assert cache.entries() == []
    assert list(root.iterdir()) == []  # looking makes no folders


def test_entries_are_reported_with_size_age_and_purpose_the_largest_first(root: Path) -> None:
    add("packs", "b", 10, days=3)
    cache.describe(add("packs", "a", 5000), "folder roses\n180x180")
    files.write_file(files.cache_folder("compiled") / "c.blob", bytes(100))
    found = cache.entries()
    assert [(entry.kind, entry.name) for entry in found] == [("packs", "a"), ("compiled", "c.blob"), ("packs", "b")]
    assert found[0].about == r"folder roses\n180x180" and found[0].size_bytes == 5000 + len("folder roses\n180x180")
    assert found[2].used_days == pytest.approx(3, abs=0.1) and found[1].used_days < 0.1


def test_only_what_is_named_is_removed_and_what_is_being_written_stays(root: Path) -> None:
    kept, gone, busy = (add("packs", name, 10) for name in ("kept", "gone", "busy"))
    file = files.cache_folder("compiled") / "c.blob"
    files.write_file(file, b"1")
    unwanted = [entry for entry in cache.entries() if entry.name != "kept"]
    with filelock.FileLock(busy / cache.LOCK):
        assert [entry.name for entry in cache.remove(unwanted)] == ["busy"]
    assert kept.exists() and busy.exists() and not gone.exists() and not file.exists()


@pytest.mark.parametrize(
    ("entry", "lock"),
    [
        ("fetched/flowers", "fetched/flowers.lock"),
        ("fetched/files", "fetched/files/flowers/flower_photos.tgz.lock"),
        ("weights/vgg11.pth.part", "weights/vgg11.pth.lock"),
    ],
)
def test_what_is_being_fetched_stays(root: Path, entry: str, lock: str) -> None:
    place = root / entry
    (root / lock).parent.mkdir(parents=True)
    if place.suffix == ".part":
        place.write_bytes(b"1")
    else:
        place.mkdir(exist_ok=True)
    with filelock.FileLock(root / lock):
        assert [kept.name for kept in cache.remove(cache.entries())] == [place.name]
    assert place.exists()
    assert cache.remove(cache.entries()) == [] and not place.exists()


def test_what_somebody_is_writing_is_no_entry_until_it_is_forgotten(root: Path) -> None:
    add("fetched", ".flowers.unfinished-7", 10, days=0.5)
    add("fetched", ".mnist.unfinished-8", 10, days=2)
    assert [entry.name for entry in cache.entries()] == [".mnist.unfinished-8"]


def test_a_file_that_vanishes_meanwhile_is_not_counted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add("packs", "a", 10)
    monkeypatch.setattr("os.walk", lambda place: [(place, [], ["gone", "rows.u8"])])
    assert [entry.size_bytes for entry in cache.entries()] == [10]


def test_what_is_trained_on_is_used(root: Path) -> None:
    folder = add("fetched", "flowers", 10)
    for place in (folder / "a" / "0.png", folder / "b" / "0.png"):
        place.parent.mkdir()
        place.write_bytes(b"")
        age(place, 40)
    for place in (folder / "rows.u8", folder):
        age(place, 40)
    before = (folder / "a" / "0.png").stat()
    assert used_days() == {"fetched": pytest.approx(40, abs=0.1)}
    Dataset.open(folder)
    assert used_days() == {"fetched": pytest.approx(0, abs=0.1)}
    assert (folder / "a" / "0.png").stat() == before


def test_what_is_unpacked_is_used_by_whoever_reads_it(root: Path, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((4, 6, 6), np.uint8), labels=np.arange(4))
    Dataset.open(tmp_path / "a.npz")
    age(next((root / "unpacked").iterdir()), 40)
    assert used_days() == {"unpacked": pytest.approx(40, abs=0.1)}
    Dataset.open(tmp_path / "a.npz")
    assert used_days() == {"unpacked": pytest.approx(0, abs=0.1)}


def test_a_removed_pack_is_made_again(root: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3), np.uint8)
    preparation = Preparation(width=6, height=6)
    Dataset.from_arrays(pixels, ["a"] * 4).pack(preparation)
    (entry,) = cache.entries()
    assert entry.kind == "packs" and "6x6x3 crop" in entry.about
    assert cache.remove([entry]) == [] and cache.entries() == []
    pack = Dataset.from_arrays(pixels, ["a"] * 4).pack(preparation)
    assert np.array_equal(pack.read([0, 1, 2, 3]), pixels)


def test_what_is_kept_is_found_and_damage_is_reported(tmp_path):
    place = tmp_path / "kept"
    assert cache.kept(place) is None
    cache.keep(place, b"content")
    assert cache.kept(place) == b"content"
    place.write_bytes(place.read_bytes()[:-1] + b"?")
    with pytest.warns(UserWarning, match="kept is damaged on the disk"):
        assert cache.kept(place) is None
