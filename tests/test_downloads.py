import contextlib
import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from eyebright.downloads import fetch, is_address
from eyebright.errors import DownloadError

PICTURE = bytes(range(256)) * 8


class Handler(BaseHTTPRequestHandler):
    """Answers each path with the method of that name."""

    finished = threading.Event()
    exhausted = threading.Event()

    def do_GET(self):
        name = self.path.strip("/").split("?")[0]
        getattr(self, f"get_{name}")() if hasattr(self, f"get_{name}") else self.send_error(404)

    def log_message(self, *_):
        pass

    def answer(self, content: bytes, *, status: int = 200, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(content)

    def get_picture(self):
        self.answer(PICTURE, Content_Length=len(PICTURE))

    def get_no_length(self):
        self.answer(PICTURE)

    def get_chunked(self):
        self.protocol_version = "HTTP/1.1"
        self.close_connection = True
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (PICTURE[:700], PICTURE[700:], b""))
        self.answer(body, Transfer_Encoding="chunked")

    def get_cut_off(self):
        self.answer(PICTURE[:100], Content_Length=len(PICTURE))

    def get_endless(self):
        self.answer(b"")
        with contextlib.suppress(OSError):
            for _ in range(20_000_000 // len(PICTURE)):
                self.wfile.write(PICTURE)
            self.exhausted.set()

    def get_stalled(self):
        self.answer(PICTURE[:10], Content_Length=len(PICTURE))
        self.finished.wait(5)

    def get_silent(self):
        self.finished.wait(5)

    def get_nonsense(self):
        self.wfile.write(b"220 mail.example.org ready\r\n")

    def get_redirect(self):
        self.answer(b"", status=302, Location=self.path.split("?", 1)[1], Content_Length=0)

    def get_circle(self):
        self.answer(b"", status=302, Location="/circle", Content_Length=0)

    def get_broken(self):
        self.send_error(503, "Gone fishing")


@pytest.fixture
def server(monkeypatch):
    """The address of a server on this machine, asked without any proxy."""
    for name, side in itertools.product(("http", "https", "ftp", "all"), ("_proxy", "_PROXY")):
        monkeypatch.delenv(name + side, raising=False)
    Handler.finished.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        Handler.finished.set()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "path", ["picture", "no_length", "chunked", "redirect?/picture", "redirect?/redirect?/picture"]
)
def test_what_the_address_holds_is_fetched(server, path):
    assert fetch(f"{server}/{path}") == PICTURE


def test_a_redirect_to_another_http_address_is_followed(server):
    assert fetch(f"{server}/redirect?{server}/picture") == PICTURE


def test_the_scheme_may_be_in_capitals(server):
    assert fetch(f"{server}/picture".replace("http", "HTTP")) == PICTURE


@pytest.mark.parametrize(("path", "answer"), [("missing.jpg", "404"), ("broken", "503 Gone fishing")])
def test_a_refusal_is_told_with_the_address_and_the_servers_answer(server, path, answer):
    with pytest.raises(DownloadError, match=f"^{server}/{path}: the server answered {answer}"):
        fetch(f"{server}/{path}")


@pytest.mark.parametrize("path", ["picture", "no_length", "chunked"])
def test_the_limit_is_the_largest_size_that_is_taken(server, path):
    assert len(fetch(f"{server}/{path}", size_limit=len(PICTURE))) == len(PICTURE)
    with pytest.raises(DownloadError, match=rf"{path} is larger than .* MB: download it yourself"):
        fetch(f"{server}/{path}", size_limit=len(PICTURE) - 1)


def test_a_server_that_never_stops_is_left_at_the_limit(server):
    with pytest.raises(DownloadError, match="larger than 1 MB"):
        fetch(f"{server}/endless", size_limit=1_000_000)
    assert not Handler.exhausted.is_set()


def test_an_answer_that_is_cut_off_is_no_answer(server):
    with pytest.raises(DownloadError, match="cut_off"):
        fetch(f"{server}/cut_off")


@pytest.mark.parametrize("path", ["stalled", "silent"])
def test_a_server_that_says_nothing_is_not_waited_for(server, path):
    with pytest.raises(DownloadError, match=f"{path} cannot be fetched: .*timed out"):
        fetch(f"{server}/{path}", timeout_s=0.3)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a.jpg", "data:text/plain,hello"])
def test_a_redirect_to_anything_else_is_refused(server, target):
    with pytest.raises(DownloadError, match=r"not allowed|unknown url type"):
        fetch(f"{server}/redirect?{target}")


def test_a_redirect_in_a_circle_ends(server):
    with pytest.raises(DownloadError, match=r"circle: the server answered 302 .*loop"):
        fetch(f"{server}/circle")


def test_what_does_not_speak_http_is_an_error(server):
    with pytest.raises(DownloadError, match="nonsense cannot be fetched"):
        fetch(f"{server}/nonsense")


def test_an_address_where_nobody_answers_is_named(server):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port
    with pytest.raises(DownloadError, match=f"127.0.0.1:{port}/a.jpg cannot be fetched: .*refused"):
        fetch(f"http://127.0.0.1:{port}/a.jpg")


@pytest.mark.parametrize("address", ["", "flower.jpg", "/etc/passwd", "file:///etc/passwd", "ftp://h/a", "https:a"])
def test_only_http_addresses_are_fetched(address):
    assert not is_address(address)
    with pytest.raises(DownloadError, match=f"^{address} is no http"):
        fetch(address)


@pytest.mark.parametrize("address", ["http://", "http://:80/", "http://h:port/", "http://[::1/", "http://a b/\n"])
def test_broken_addresses_are_errors_of_ours(address):
    with pytest.raises(DownloadError, match="cannot be fetched"):
        fetch(address)
