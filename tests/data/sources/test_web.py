"""Servers that never end, drip, say nothing or redirect, on this machine; the limits are short here."""

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fsspec
import pytest

from eyebright.data.sources import ranged, web
from eyebright.data.sources.find import find_images
from eyebright.data.sources.ranged import remote_file
from eyebright.system.errors import DataError, DownloadError


class Handler(BaseHTTPRequestHandler):
    """Answers each path with the method of that name; each is said to be a file of a million bytes."""

    finished = threading.Event()

    def do_HEAD(self):
        if self.path.startswith("/to?"):
            self.get_to()
        else:
            self.head(200, Content_Length=1_000_000)

    def do_GET(self):
        name = self.path.split("?")[0].strip("/").removesuffix(".tar")
        with contextlib.suppress(OSError):
            getattr(self, f"get_{name}")()

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def get_endless(self):
        self.head(206, Content_Range="bytes 0-9/1000000")
        while not self.finished.is_set():
            self.wfile.write(bytes(1 << 16))

    def get_page(self):
        self.head(200, Content_Type="text/html")
        while not self.finished.is_set():
            self.wfile.write(b"<a href='a.tar'>" * 1000)

    def get_dripping(self):
        self.head(206, Content_Range="bytes 0-9/1000000", Content_Length=1_000_000)
        while not self.finished.wait(0.02):
            self.wfile.write(b"x")

    def get_silent(self):
        self.finished.wait(300)

    def get_to(self):
        self.head(302, Location=self.path.split("?", 1)[1], Content_Length=0)

    def get_good(self):
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        self.head(206, Content_Range=f"bytes {first}-{last}/1000000", Content_Length=last + 1 - first)
        self.wfile.write(bytes(last + 1 - first))

    def log_message(self, *_):
        pass


@pytest.fixture
def servers(monkeypatch):
    """The addresses of one server by two names: as if 127.0.0.1 were public, and 127.0.0.2 this machine's own."""
    monkeypatch.setattr("eyebright.system.connections.is_inside", lambda host: host == "127.0.0.2")
    monkeypatch.setattr(web, "_MOST_PAGE_BYTES", 1 << 20)
    monkeypatch.setattr(ranged, "_PAUSE_S", 0.0)
    fsspec.filesystem("http").clear_instance_cache()
    Handler.finished.clear()
    with ThreadingHTTPServer(("", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield tuple(f"http://127.0.0.{number}:{server.server_port}" for number in (1, 2))
        Handler.finished.set()
        server.shutdown()
        thread.join()
    fsspec.filesystem("http").clear_instance_cache()


def test_an_answer_without_end_is_left_at_the_bytes_asked_for(servers):
    with pytest.raises(DataError, match=r"endless\.tar cannot be read in parts: its server sends more than 10 bytes"):
        remote_file(f"{servers[0]}/endless.tar").read(0, 10)


def test_a_listing_without_end_is_left(servers):
    with pytest.raises(DataError, match="page is too large for a list of files: its server sends more than 1,048,576"):
        find_images(f"{servers[0]}/page")


@pytest.mark.parametrize("path", ["dripping", "silent"])
def test_a_slow_answer_is_left(servers, path, monkeypatch):
    monkeypatch.setattr(web, "_LIMIT_S", 0.5)
    monkeypatch.setattr(web, "_WAIT_S", 0.3)
    with pytest.raises(DownloadError, match=rf"{path}\.tar cannot be read: the server does not answer, or"):
        remote_file(f"{servers[0]}/{path}.tar").read(0, 1000)


@pytest.mark.parametrize("method", ["read", "stamp"])
def test_a_redirect_into_the_own_network_is_refused_but_an_address_there_is_read(servers, method):
    def ask(address: str) -> object:
        file = remote_file(address)
        return file.read(0, 10) if method == "read" else file.stamp()

    public, own = servers
    with pytest.raises(DownloadError, match=r"a redirect to 127\.0\.0\.2, in this machine's own network, is not foll"):
        ask(f"{public}/to?{own}/good")
    assert ask(f"{own}/to?{own}/good") == ask(f"{own}/good") == ask(f"{public}/to?{public}/good")


def test_a_name_counts_by_the_address_that_it_leads_to(servers, monkeypatch):
    addresses, real = {"public.test": "127.0.0.1", "sly.test": "127.0.0.2"}, socket.getaddrinfo
    monkeypatch.setattr(
        "socket.getaddrinfo", lambda host, *rest, **more: real(addresses.get(host, host), *rest, **more)
    )
    port = servers[0].rpartition(":")[2]
    public, sly = (f"http://{name}:{port}" for name in addresses)
    assert remote_file(f"{sly}/good").read(0, 10) == bytes(10)
    with pytest.raises(DownloadError, match=r"a redirect to sly\.test, in this machine's own network, is not"):
        remote_file(f"{public}/to?{sly}/good").read(0, 10)
