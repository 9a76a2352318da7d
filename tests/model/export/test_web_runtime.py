import hashlib
import io
import json
import os
import tarfile

import pytest

from eyebright.model.export import web_runtime
from eyebright.model.export.web_runtime import BINARY, CARD, NAME, SCRIPT, VERSION, fetch_runtime, find_runtime
from eyebright.system.errors import DownloadError, MissingExtraError

CONTENTS = {SCRIPT: b"export{a as b};", BINARY: b"\0asm", CARD: json.dumps({"version": VERSION}).encode(), "x": b"y"}


def package() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in CONTENTS.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    """No node_modules is above the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def npm(monkeypatch, tmp_path):
    """A program in the place of npm, which packs a small package; the file has a line for each call."""
    content, asked = package(), tmp_path / "asked"
    (tmp_path / "package.tgz").write_bytes(content)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "npm"
    program.write_text(
        f'#!/bin/sh\necho "$1 $2" >> {asked}\n[ -e {tmp_path}/offline ] && {{ echo no network >&2; exit 1; }}\n'
        f"cp {tmp_path}/package.tgz {NAME}-{VERSION}.tgz\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(web_runtime, "SHA256", hashlib.sha256(content).hexdigest())
    return asked


def test_the_runtime_is_downloaded_once_on_request_and_found_then(npm, own_cache):
    with pytest.raises(MissingExtraError, match=f": eyebright fetch {NAME}$"):
        find_runtime()
    assert not npm.exists()
    place = fetch_runtime()
    assert fetch_runtime() == place and npm.read_text() == f"pack {NAME}@{VERSION}\n"
    assert sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()) == sorted(
        [SCRIPT, BINARY, CARD]
    )
    assert [path.name for path in place.parent.iterdir() if path.suffix != ".lock"] == [place.name]
    found = find_runtime()
    assert found[:3] == ("export{a as b};", b"\0asm", VERSION) and "MIT License" in found.license


def test_another_file_than_npms_is_refused(npm, tmp_path, monkeypatch):
    monkeypatch.setattr(web_runtime, "SHA256", "0" * 64)
    with pytest.raises(DownloadError, match=r"is not the package onnxruntime-web .* of npm"):
        fetch_runtime()
    (tmp_path / "own.tgz").write_bytes(package())
    with pytest.raises(DownloadError, match=r"own\.tgz is not the package onnxruntime-web .* of npm: its SHA-256 is"):
        fetch_runtime(given=tmp_path / "own.tgz")
    with pytest.raises(DownloadError, match="missing"):
        fetch_runtime(given=tmp_path / "none.tgz")
    with pytest.raises(MissingExtraError):
        find_runtime()


def test_a_package_from_npm_pack_is_taken_without_a_download(npm, tmp_path):
    (tmp_path / "own.tgz").write_bytes(package())
    fetch_runtime(given=tmp_path / "own.tgz")
    assert find_runtime().version == VERSION and not npm.exists() and (tmp_path / "own.tgz").is_file()


def test_what_npm_installed_is_found_from_a_folder_below(tmp_path, monkeypatch):
    for name, content in CONTENTS.items():
        path = tmp_path / "node_modules" / NAME / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert find_runtime().binary == b"\0asm"
    (tmp_path / "node_modules" / NAME / CARD).write_text('{"version": "</pre>"}')
    with pytest.raises(MissingExtraError, match="gives no version"):
        find_runtime()


def test_without_npm_or_a_network_it_is_said_what_to_do(npm, tmp_path, monkeypatch):
    (tmp_path / "offline").touch()
    with pytest.raises(DownloadError, match=r"npm cannot download onnxruntime-web .*: no network"):
        fetch_runtime()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DownloadError, match=r"npm is not installed.*npm pack onnxruntime-web@.*--from"):
        fetch_runtime()
