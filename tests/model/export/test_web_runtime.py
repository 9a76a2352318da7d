import hashlib
import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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
def served(monkeypatch):
    """A server of a small package instead of npm's registry; the list has what was asked for."""
    content, asked = package(), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(web_runtime, "SHA256", hashlib.sha256(content).hexdigest())
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        monkeypatch.setattr(web_runtime, "ADDRESS", f"http://127.0.0.1:{server.server_port}/package.tgz")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield asked
        server.shutdown()
        thread.join()


def test_the_runtime_is_downloaded_once_on_request_and_found_then(served, own_cache):
    with pytest.raises(MissingExtraError, match=f"eyebright fetch {NAME} downloads it"):
        find_runtime()
    assert served == []
    place = fetch_runtime()
    assert fetch_runtime() == place and served == ["/package.tgz"]
    assert sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()) == sorted(
        [SCRIPT, BINARY, CARD]
    )
    assert [path.name for path in place.parent.iterdir() if path.suffix != ".lock"] == [place.name]
    found = find_runtime()
    assert found[:3] == ("export{a as b};", b"\0asm", VERSION) and "MIT License" in found.license


def test_another_file_than_npms_is_refused(served, tmp_path, monkeypatch):
    monkeypatch.setattr(web_runtime, "SHA256", "0" * 64)
    with pytest.raises(DownloadError, match="is not the expected file"):
        fetch_runtime()
    (tmp_path / "own.tgz").write_bytes(package())
    with pytest.raises(DownloadError, match=r"own\.tgz is not onnxruntime-web-.*tgz of npm: its SHA-256 is"):
        fetch_runtime(given=tmp_path / "own.tgz")
    with pytest.raises(DownloadError, match="missing"):
        fetch_runtime(given=tmp_path / "none.tgz")
    with pytest.raises(MissingExtraError):
        find_runtime()


def test_a_package_from_npm_pack_is_taken_without_a_download(served, tmp_path):
    (tmp_path / "own.tgz").write_bytes(package())
    fetch_runtime(given=tmp_path / "own.tgz")
    assert find_runtime().version == VERSION and served == [] and (tmp_path / "own.tgz").is_file()


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


def test_the_pinned_digest_is_that_of_npms_registry():
    """Whoever changes the version must change both: the address names the version, and npm's lock has the SHA-512."""
    assert web_runtime.ADDRESS.endswith(f"/{NAME}/-/{NAME}-{VERSION}.tgz") and len(web_runtime.SHA256) == 64
