import json

import pytest

from eyebright.system import files


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("EYEBRIGHT_CACHE", str(tmp_path / "cache"))
    for kind, name, size in (("packs", "one", 2_000_000), ("packs", "two", 100), ("weights", "net.safetensors", 5)):
        place = files.cache_folder(kind, name) / "rows" if kind == "packs" else files.cache_folder(kind) / name
        place.write_bytes(bytes(size))


def test_what_is_kept_is_listed_within_80_columns(eyebright):
    finished = eyebright("cache")
    assert finished.code == 0 and max(map(len, finished.out.splitlines()[:-2])) <= 80
    assert "packs: prepared images" in finished.out and "2.0 MB" in finished.out and "3 things" in finished.out


def test_kinds_names_and_all_are_removed(eyebright):
    assert "Removed 0 of 3" in eyebright("cache", "--remove", "all", "--unused-days", "1").out
    assert "Removed 1 of 3: 2.0 MB" in eyebright("cache", "--remove", "one").out
    assert [
        entry["name"] for entry in json.loads(eyebright("cache", "--remove", "packs", "--json").out)["removed"]
    ] == ["two"]
    assert [entry["name"] for entry in json.loads(eyebright("cache", "--json").out)] == ["net.safetensors"]
    eyebright("cache", "--remove", "all")
    assert "Nothing is kept" in eyebright("cache").out


def test_what_is_not_there_is_told(eyebright):
    finished = eyebright("cache", "--remove", "pack")
    assert finished.code == 1 and "did you mean 'packs'?" in finished.err
    assert "--unused-days belongs to --remove" in eyebright("cache", "--unused-days", "3").err
