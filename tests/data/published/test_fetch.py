import functools
import gzip
import hashlib
import io
import itertools
import os
import struct
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from eyebright.data.dataset import Dataset
from eyebright.data.published import fetch
from eyebright.data.published.sets import SETS, PublishedFile, PublishedSet
from eyebright.system.errors import DataError, DownloadError, OutputError


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, shade // 2, 9)).save(buffer, "png")
    return buffer.getvalue()


def tgz(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def idx(values: np.ndarray) -> bytes:
    return gzip.compress(struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes())


PICTURES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)
RECORDS = b"".join(bytes([n % 2]) + PICTURES[n].transpose(2, 0, 1).tobytes() for n in range(6))
FINE_RECORDS = b"".join(bytes([9, n % 2]) + PICTURES[n].transpose(2, 0, 1).tobytes() for n in range(6))
CONTENT = {
    "flowers": {
        "flower_photos.tgz": tgz(
            {f"flower_photos/{kind}/{n}.png": png(40 * n + extra) for extra, kind in enumerate("ab") for n in range(5)}
            | {"flower_photos/LICENSE.txt": b"CC BY"}
        )
    },
    "mnist": {
        "train-images-idx3-ubyte.gz": idx(PICTURES[..., 0]),
        "train-labels-idx1-ubyte.gz": idx(np.arange(6, dtype=np.uint8) % 2),
        "t10k-images-idx3-ubyte.gz": idx(PICTURES[..., 1]),
        "t10k-labels-idx1-ubyte.gz": idx(np.arange(6, dtype=np.uint8) % 2),
    },
    "cifar10": {
        "cifar-10-binary.tar.gz": tgz(
            {f"cifar-10-batches-bin/data_batch_{n}.bin": RECORDS for n in range(1, 6)}
            | {"cifar-10-batches-bin/test_batch.bin": RECORDS, "cifar-10-batches-bin/batches.meta.txt": b"cat\ndog\n\n"}
        )
    },
    "cifar100": {
        "cifar-100-binary.tar.gz": tgz(
            {"c/train.bin": FINE_RECORDS, "c/test.bin": FINE_RECORDS, "c/fine_label_names.txt": b"cat\ndog\n"}
        )
    },
}
SERVED = {name: content for own in CONTENT.values() for name, content in own.items()}


class Server(ThreadingHTTPServer):
    """Serves the files, with the fault `way`; `asked` lists the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.way, self.asked, self.finished = "well", [], threading.Event()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        way, content = self.server.way, SERVED[self.path.strip("/")]
        begin = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        self.server.asked.append((self.path.strip("/"), begin))
        if way == "blocked":
            self.send_error(403)
            return
        rest = (content[::-1] if way == "wrong" else content)[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(rest) + {"long": 9, "short": -9}.get(way, 0)))
        self.end_headers()
        self.wfile.write(rest[: len(rest) // 2] if way in ("cut", "stall") else rest)
        if way == "stall":
            self.wfile.flush()
            self.server.finished.wait(300)


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server of small sets, under the names of the real ones."""
    monkeypatch.setenv("EYEBRIGHT_CACHE", str(tmp_path / "cache"))
    for name, side in itertools.product(("http", "https", "all"), ("_proxy", "_PROXY")):
        monkeypatch.delenv(name + side, raising=False)
    with Server() as server:
        for name, own in CONTENT.items():
            files = tuple(
                PublishedFile(
                    f"http://127.0.0.1:{server.server_port}/{title}", len(data), hashlib.sha256(data).hexdigest()
                )
                for title, data in own.items()
            )
            monkeypatch.setitem(SETS, name, SETS[name]._replace(files=files))
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.finished.set()
        server.shutdown()
        thread.join()


def by_hand(folder, name):
    folder.mkdir()
    for title, content in CONTENT[name].items():
        (folder / title).write_bytes(content)
    return sorted(folder.iterdir())


def leftovers(folder):
    return [path for path in folder.iterdir() if "unfinished" in path.name]


@pytest.mark.parametrize(("name", "classes"), [("flowers", "ab"), ("mnist", "01")])
def test_a_set_is_fetched_once_and_can_be_trained_on(server, name, classes):
    place = fetch.fetch_set(name)
    assert Dataset.open(place).classes == tuple(classes)
    server.way = "blocked"
    os.utime(place, (0, 0))
    assert fetch.fetch_set(name) == place
    assert place.stat().st_mtime > 0  # marked as used
    assert [file for file, _ in server.asked] == list(CONTENT[name])


def test_classes_are_named_if_the_files_contain_only_numbers(server, monkeypatch):
    monkeypatch.setitem(SETS, "mnist", SETS["mnist"]._replace(classes=("shirt", "雏菊")))
    dataset = Dataset.open(fetch.fetch_set("mnist"))
    assert [dataset.classes[label] for label in dataset.labels] == ["shirt", "雏菊"] * 6


def test_the_licence_in_an_archive_is_kept(server, tmp_path):
    place = fetch.fetch_set("flowers", tmp_path / "mine")
    assert {path.name for path in place.iterdir()} == {"a", "b", "LICENSE.txt"}
    assert (place / "a" / "3.png").read_bytes() == png(120)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_becomes_one_file(server, name):
    file = fetch.fetch_set(name)
    assert Dataset.open(file).classes == ("cat", "dog")
    assert list(file.parent.iterdir()) == [file]


def test_the_digits_need_no_network(server):
    place = fetch.fetch_set("digits")
    assert Dataset.open(place).classes == tuple("0123456789") and len(list(place.rglob("*.png"))) == 1797
    assert not server.asked


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("cut", "connection ended after"), ("long", "is larger than"), ("short", "not the expected file"),
        ("wrong", "not the expected file"), ("blocked", "the server answered 403"), ("stall", "timed out"),
    ],
)  # fmt: skip
def test_a_failed_download_leaves_nothing_and_the_message_says_what_to_do(server, tmp_path, monkeypatch, way, words):
    server.way = way
    with pytest.raises(DownloadError, match=words) as caught, monkeypatch.context() as patch:
        if way == "stall":
            patch.setattr(fetch.downloads, "download", functools.partial(fetch.downloads.download, timeout_s=1))
        fetch.fetch_set("flowers", tmp_path / "mine")
    cached = tmp_path / "cache" / "fetched" / "files" / "flowers" / "flower_photos.tgz"
    assert f"or download it in another way and save it as {cached}, or give it: " in str(caught.value)
    assert str(caught.value).endswith("eyebright fetch flowers --from flower_photos.tgz")
    assert not (tmp_path / "mine").exists() and not leftovers(tmp_path)
    server.way = "well"
    assert fetch.fetch_set("flowers", tmp_path / "mine").is_dir()
    if way in ("cut", "stall"):
        assert server.asked[-1] == ("flower_photos.tgz", len(SERVED["flower_photos.tgz"]) // 2)


@pytest.mark.parametrize("name", ["flowers", "mnist", "cifar10"])
def test_files_downloaded_by_hand_are_recognised_by_digest_and_only_read(server, tmp_path, name):
    files = by_hand(tmp_path / "hand", name)
    files[0] = files[0].rename(files[0].with_name("renamed"))
    before = {path: path.read_bytes() for path in files}
    assert Dataset.open(fetch.fetch_set(name, tmp_path / "mine", given=files)).classes
    assert {path: path.read_bytes() for path in (tmp_path / "hand").iterdir()} == before
    assert not server.asked


def test_another_file_by_hand_is_refused_with_the_expected_digests(server, tmp_path):
    other = tmp_path / "flower_photos.tgz"
    other.write_bytes(b"other")
    expected = hashlib.sha256(SERVED["flower_photos.tgz"]).hexdigest()
    with pytest.raises(DownloadError, match=rf"is not a file of flowers: .*\n  {expected}  flower_photos.tgz"):
        fetch.fetch_set("flowers", given=[other])
    with pytest.raises(DownloadError, match=r"missing does not exist: expected flower_photos\.tgz"):
        fetch.fetch_set("flowers", given=[tmp_path / "missing"])


def test_a_wrong_file_in_the_cache_is_refused(server, tmp_path):
    place = tmp_path / "cache" / "fetched" / "files" / "flowers" / "flower_photos.tgz"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"put here by hand")
    with pytest.raises(DownloadError, match=r"is not the published file: .* remove it"):
        fetch.fetch_set("flowers")


def test_an_interruption_while_unpacking_leaves_nothing_half_done(server, tmp_path):
    def stop(stage, done, of):
        if stage == "unpacking":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch.fetch_set("flowers", tmp_path / "mine", report=stop)
    assert not (tmp_path / "mine").exists() and not leftovers(tmp_path)
    server.way = "blocked"  # the file is in the cache by now
    assert len(list(fetch.fetch_set("flowers", tmp_path / "mine").rglob("*.png"))) == 10


def test_what_a_killed_process_left_in_the_cache_is_removed(server, tmp_path):
    stale = tmp_path / "cache" / "fetched" / ".flowers.unfinished-1" / "a"
    stale.mkdir(parents=True)
    place = fetch.fetch_set("flowers")
    assert not leftovers(place.parent) and len(list(place.rglob("*.png"))) == 10


def test_bytes_are_reported_for_all_files_together_and_for_what_is_unpacked(server):
    reports = []
    fetch.fetch_set("flowers", report=lambda *call: reports.append(call))
    size = len(SERVED["flower_photos.tgz"])
    assert ("downloading", size, size) in reports
    unpacked = sum(len(png(40 * n + extra)) for extra in range(2) for n in range(5)) + len(b"CC BY")
    assert reports[-1] == ("unpacking", unpacked, None)
    reports.clear()
    fetch.fetch_set("mnist", report=lambda *call: reports.append(call))
    sizes = np.cumsum([len(content) for content in CONTENT["mnist"].values()]).tolist()
    assert [report for report in reports if report[1] in sizes] == [("downloading", size, sizes[-1]) for size in sizes]


def test_a_hostile_archive_leaves_nothing(server, tmp_path, monkeypatch):
    content = tgz({"set/a/1.png": png(1), "../escaped": b"x"})
    hostile = tmp_path / "hostile.tgz"
    hostile.write_bytes(content)
    own = PublishedFile("http://127.0.0.1:9/hostile.tgz", len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(SETS, "flowers", PublishedSet("", "", "folder", (own,)))
    with pytest.raises(DataError, match="is not a valid path inside a folder"):
        fetch.fetch_set("flowers", tmp_path / "out" / "mine", given=[hostile])
    assert not list((tmp_path / "out").iterdir()) and not (tmp_path / "escaped").exists()


def test_an_archive_that_grows_too_much_is_refused(server, tmp_path, monkeypatch):
    content = tgz({"set/a/1.png": bytes(1_100_000)})
    bomb = tmp_path / "bomb.tgz"
    bomb.write_bytes(content)
    own = PublishedFile("http://127.0.0.1:9/bomb.tgz", len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(SETS, "flowers", PublishedSet("", "", "folder", (own,)))
    with pytest.raises(DataError, match=f"unpacks to more than {4 * len(content) + 1_000_000:,} bytes"):
        fetch.fetch_set("flowers", tmp_path / "mine", given=[bomb])


def test_space_for_the_set_is_required_before_the_download(server, monkeypatch):
    free = 2 * len(SERVED["flower_photos.tgz"])
    monkeypatch.setattr("eyebright.system.files.free_bytes", lambda path: free - 1)
    with pytest.raises(OutputError, match="flowers, downloaded and unpacked, needs"):
        fetch.fetch_set("flowers")
    assert not server.asked
    monkeypatch.setattr("eyebright.system.files.free_bytes", lambda path: free)
    assert fetch.fetch_set("flowers").is_dir()


def test_an_existing_folder_is_refused(server, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(OutputError, match="mine already exists: choose a new folder"):
        fetch.fetch_set("flowers", tmp_path / "mine")
    assert not server.asked


def test_an_unknown_name_is_refused_with_the_nearest(server):
    with pytest.raises(DataError, match="called 'flower': did you mean 'flowers'"):
        fetch.fetch_set("flower")
