import os
import time
from pathlib import Path

import filelock
import numpy as np
import pytest

from eyebright import cache, files
from eyebright.datasets import Dataset
from eyebright.pictures import Preparation


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EYEBRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def add(kind: str, name: str, size: int, *, days: float = 0.0) -> Path:
    file = files.cache_folder(kind, name) / "rows.u8"
    file.write_bytes(bytes(size))
    then = time.time() - days * 86_400
    os.utime(file, (then, then))
    return file.parent


def test_nothing_is_kept_at_first(root: Path) -> None:
    assert cache.entries() == []
    assert list(root.iterdir()) == []  # looking makes no folders


def test_entries_are_told_with_size_age_and_purpose_the_largest_first(root: Path) -> None:
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


def test_a_removed_pack_is_made_again(root: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3), np.uint8)
    preparation = Preparation(width=6, height=6)
    Dataset.from_arrays(pixels, ["a"] * 4).pack(preparation)
    (entry,) = cache.entries()
    assert entry.kind == "packs" and "6x6 crop" in entry.about
    assert cache.remove([entry]) == [] and cache.entries() == []
    pack = Dataset.from_arrays(pixels, ["a"] * 4).pack(preparation)
    assert np.array_equal(pack.read([0, 1, 2, 3]), pixels)
