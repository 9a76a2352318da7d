import json

import pytest

from eyebright.system import files


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("EYEBRIGHT_CACHE", str(tmp_path / "cache"))
    for kind, name, size in (("packs", "one", 2_000_000), ("packs", "two", 100), ("weights", "net.safetensors", 5)):
        place = files.cache_folder(kind, name) / "rows" if kind == "packs" else files.cache_folder(kind) / name
        place.write_bytes(bytes(size))


def test_the_cache_is_listed_in_80_columns(eyebright):
    finished = eyebright("cache")
    assert finished.code == 0 and max(map(len, finished.out.splitlines()[:-2])) <= 80
    assert "packs: prepared images" in finished.out and "2.0 MB" in finished.out and "3 entries" in finished.out


def test_kinds_names_and_all_are_removed(eyebright):
    assert "Removed 0 of 3 entries (0.0 MB)." in eyebright("cache", "--remove", "all", "--unused-days", "1").out
    assert "Removed 1 of 3 entries (2.0 MB)." in eyebright("cache", "--remove", "one").out
    assert [
        entry["name"] for entry in json.loads(eyebright("cache", "--remove", "packs", "--json").out)["removed"]
    ] == ["two"]
    assert [entry["name"] for entry in json.loads(eyebright("cache", "--json").out)] == ["net.safetensors"]
    eyebright("cache", "--remove", "all")
    assert "Nothing is cached in" in eyebright("cache").out


def test_unknown_entries_are_refused(eyebright):
    finished = eyebright("cache", "--remove", "pack")
    assert finished.code == 1 and "nothing in the cache is called 'pack': did you mean 'packs'?" in finished.err
    assert "--unused-days is only used with --remove" in eyebright("cache", "--unused-days", "3").err
