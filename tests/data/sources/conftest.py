"""Tar shards by tarfile, a Parquet table of large images, and a server that sends parts of files or only whole ones."""

import functools
import http.server
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def encoded(noise) -> Callable[..., bytes]:
    """The image with this number as the bytes of a file."""

    def encoded(number: int, kind: str = "PNG") -> bytes:
        stream = io.BytesIO()
        Image.fromarray(noise(number)).save(stream, kind)
        return stream.getvalue()

    return encoded


@pytest.fixture
def make_tar() -> Callable[..., bytes]:
    """`make_tar({"a.jpg": content, "b": LINK})`: the bytes of a tar with members of such content, or type."""

    def make_tar(members: dict[str, bytes | str] | list[tuple[str, bytes | str]]) -> bytes:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as tar:
            for name, content in members.items() if isinstance(members, dict) else members:
                member = tarfile.TarInfo(name)
                if isinstance(content, str):
                    member.type, member.linkname = content.encode(), "elsewhere"
                    tar.addfile(member)
                else:
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
        return stream.getvalue()

    return make_tar


@pytest.fixture
def large() -> Callable[..., list[bytes]]:
    """Writes a Parquet table of images of 10,000 bytes that cannot be compressed, in row groups of a size."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    def large(file: Path, count: int, group: int, *, checked: bool = False) -> list[bytes]:
        random = np.random.default_rng(count)
        contents = [random.bytes(10_000) for _ in range(count)]
        table = pa.table({"image": contents, "label": pa.array([number % 2 for number in range(count)])})
        write_table(table, file, row_group_size=group, write_page_checksum=checked, data_page_size=50_000)
        return contents

    return large


@pytest.fixture
def samples(encoded, make_tar) -> Callable[..., bytes]:
    """A tar with the images of these numbers and the class of each, `red` or `blue`, as WebDataset writes it."""

    def samples(numbers: range) -> bytes:
        members = {}
        for number in numbers:
            members[f"{number:05d}.png"] = encoded(number)
            members[f"{number:05d}.cls"] = b"red" if number % 2 else b"blue"
        return make_tar(members)

    return samples


class _Server(http.server.SimpleHTTPRequestHandler):
    """Serves a folder. `ranges`: parts of files are sent. `tags`: changes of files are reported. `failures`: so many
    requests are first answered with 503.
    """

    ranges = tags = True
    failures = 0

    def do_HEAD(self) -> None:
        self._answer(head=True)

    def do_GET(self) -> None:
        self._answer(head=False)

    def _answer(self, *, head: bool) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            super().do_HEAD() if head else super().do_GET()
            return
        asked = self.headers.get("Range")
        if asked and type(self).failures > 0:
            type(self).failures -= 1
            self.send_error(503)
            return
        content = path.read_bytes()
        first, last = 0, len(content) - 1
        if asked and self.ranges:
            begin, _, end = asked.removeprefix("bytes=").partition("-")
            first, last = int(begin), min(int(end or last), last)
        self.send_response(206 if asked and self.ranges else 200)
        if asked and self.ranges:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        if self.tags:
            self.send_header("ETag", f'"{path.stat().st_mtime_ns}"')
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        if not head:
            self.wfile.write(content[first : last + 1])

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def serve(tmp_path) -> Iterator[Callable[..., tuple[str, type]]]:
    """`address, handler = serve(ranges=False)`: the folder `tmp_path / "served"` at an address."""
    servers = []
    (tmp_path / "served").mkdir()

    def serve(**behaviour: object) -> tuple[str, type]:
        handler = type("Handler", (_Server,), behaviour)
        make = functools.partial(handler, directory=str(tmp_path / "served"))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), make)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", handler

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def memory():
    """fsspec's memory, empty before and after."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


@pytest.fixture
def served(tmp_path, samples):
    """Serve two shards of ten images."""

    def served() -> None:
        for number, name in enumerate(["train-0", "test-0"]):
            (tmp_path / "served" / f"{name}.tar").write_bytes(samples(range(10 * number, 10 * number + 10)))

    return served
