import contextlib
import hashlib
import itertools
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from eyebright.system.connections import is_web_address
from eyebright.system.downloads import download, fetch
from eyebright.system.errors import DownloadError

PICTURE = bytes(range(256)) * 8
DIGEST = hashlib.sha256(PICTURE).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Answers each path with the method of that name."""

    finished = threading.Event()
    exhausted = threading.Event()
    ranges: ClassVar[list[str | None]] = []

    def do_GET(self):
        self.ranges.append(self.headers["Range"])
        name = self.path.split("?")[0].rpartition("/")[2]
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
        self.finished.wait(300)

    def get_silent(self):
        self.finished.wait(300)

    def get_dripping_head(self):
        self.drip(b"HTTP/1.0 200 OK\r\nX: " + b"x" * 1000)

    def get_dripping_body(self):
        self.answer(b"")
        self.drip(bytes(1000))

    def get_dripping_chunk(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.drip(b"0" * 1000)

    def drip(self, content: bytes) -> None:
        """A byte every 20 ms, so that no single wait is long."""
        with contextlib.suppress(OSError):
            for byte in content:
                self.wfile.write(bytes([byte]))
                if self.finished.wait(0.02):
                    return

    def get_in_two_parts(self):
        self.answer(PICTURE[:1000], Content_Length=len(PICTURE))
        self.finished.wait(0.5)
        self.wfile.write(PICTURE[1000:])

    def get_endless_redirect(self):
        self.answer(b"", status=302, Location="/picture")
        self.get_endless()

    def get_nonsense(self):
        self.wfile.write(b"220 mail.example.org ready\r\n")

    def get_redirect(self):
        self.answer(b"", status=302, Location=self.path.split("?", 1)[1], Content_Length=0)

    def get_circle(self):
        self.answer(b"", status=302, Location="/circle", Content_Length=0)

    def get_ranged(self, *, most: int = len(PICTURE)) -> None:
        """A server that goes on in the middle."""
        begin = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        if begin >= len(PICTURE):
            self.answer(b"", status=416, Content_Range=f"bytes */{len(PICTURE)}", Content_Length=0)
            return
        found = {"Content_Range": f"bytes {begin}-{len(PICTURE) - 1}/{len(PICTURE)}"} if begin else {}
        rest = PICTURE[begin:]
        self.answer(rest[:most], status=206 if begin else 200, Content_Length=len(rest), **found)

    def get_in_pieces(self):
        self.get_ranged(most=700)

    def get_stalled_in_pieces(self):
        self.get_ranged(most=700)
        self.finished.wait(300)

    def get_shorter_than_it_is(self):
        self.answer(PICTURE, Content_Length=len(PICTURE) - 9)

    def get_longer_than_it_is(self):
        self.answer(PICTURE, Content_Length=len(PICTURE) + 9)

    def get_wrong(self):
        self.answer(PICTURE[::-1], Content_Length=len(PICTURE))

    def get_wrong_rest(self):
        """Says that it goes on in the middle, and begins anew."""
        begin = self.headers["Range"]
        self.answer(PICTURE, status=206 if begin else 200, Content_Length=len(PICTURE))

    def get_broken(self):
        self.send_error(503, "Gone fishing")


@pytest.fixture
def server(monkeypatch):
    """The address of a server on this machine, asked without any proxy."""
    for name, side in itertools.product(("http", "https", "ftp", "all"), ("_proxy", "_PROXY")):
        monkeypatch.delenv(name + side, raising=False)
    Handler.finished.clear()
    Handler.ranges.clear()
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
def test_a_refusal_is_reported_with_the_address_and_the_servers_answer(server, path, answer):
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
    with pytest.raises(DownloadError, match=f"{path} cannot be downloaded: .*timed out"):
        fetch(f"{server}/{path}", timeout_s=0.3)


@pytest.mark.parametrize("path", ["dripping_head", "dripping_body", "dripping_chunk"])
def test_a_server_that_drips_is_left_when_the_time_for_all_is_over(server, place, path):
    with pytest.raises(DownloadError, match=f"{path} cannot be downloaded: the answer is too slow: .* after 0.3 s"):
        fetch(f"{server}/{path}", limit_s=0.3)
    with pytest.raises(DownloadError, match=f"{path} cannot be downloaded: the answer is too slow"):
        download(f"{server}/{path}", place, sha256=DIGEST, limit_s=0.3)


def test_an_answer_that_goes_on_gets_more_time(server, monkeypatch):
    monkeypatch.setattr("eyebright.system.downloads._SLOWEST", (100, 100))  # the first 1,000 bytes are worth 10 s
    assert fetch(f"{server}/in_two_parts", limit_s=0.3) == PICTURE


def test_what_comes_with_a_redirect_is_not_read(server):
    assert fetch(f"{server}/endless_redirect", limit_s=5) == PICTURE


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a.jpg", "data:text/plain,hello"])
def test_a_redirect_to_anything_else_is_refused(server, target):
    with pytest.raises(DownloadError, match=r"not allowed|unknown url type"):
        fetch(f"{server}/redirect?{target}")


def test_a_redirect_in_a_circle_ends(server):
    with pytest.raises(DownloadError, match=r"circle: the server answered 302 .*loop"):
        fetch(f"{server}/circle")


def test_what_does_not_speak_http_is_an_error(server):
    with pytest.raises(DownloadError, match="nonsense cannot be downloaded"):
        fetch(f"{server}/nonsense")


def test_an_address_where_nobody_answers_is_named(server):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port
    with pytest.raises(DownloadError, match=f"127.0.0.1:{port}/a.jpg cannot be downloaded: .*refused"):
        fetch(f"http://127.0.0.1:{port}/a.jpg")


@pytest.mark.parametrize("address", ["", "flower.jpg", "/etc/passwd", "file:///etc/passwd", "ftp://h/a", "https:a"])
def test_only_http_addresses_are_fetched(address):
    assert not is_web_address(address)
    with pytest.raises(DownloadError, match=f"^{address!r} is not an http"):
        fetch(address)


@pytest.mark.parametrize("address", ["http://", "http://:80/", "http://h:port/", "http://[::1/", "http://a b/\n"])
def test_broken_addresses_are_errors_of_ours(address):
    with pytest.raises(DownloadError, match="cannot be downloaded"):
        fetch(address)


@pytest.fixture
def place(tmp_path):
    return tmp_path / "weights.pth"


def part_of(place, content=None):
    """The file under its name while it is on its way; written where content is given."""
    part = place.with_name("weights.pth.part")
    if content is not None:
        part.write_bytes(content)
    return part


@pytest.mark.parametrize("path", ["picture", "no_length", "chunked", "ranged", "redirect?/picture"])
@pytest.mark.parametrize("digest", [DIGEST, DIGEST[:8], DIGEST.upper()])
def test_a_file_is_brought_to_its_place(server, place, path, digest):
    assert download(f"{server}/{path}", place, sha256=digest) == place
    assert place.read_bytes() == PICTURE and not part_of(place).exists()


def test_a_file_that_is_there_is_not_asked_for_again(server, place):
    place.write_bytes(b"there already")
    assert download(f"{server}/picture", place, sha256=DIGEST).read_bytes() == b"there already"
    assert not Handler.ranges


def test_the_folder_is_made_where_it_is_lacking(server, tmp_path):
    place = tmp_path / "a" / "b" / "weights.pth"
    assert download(f"{server}/picture", place, sha256=DIGEST).read_bytes() == PICTURE


def test_progress_ends_with_all_of_all(server, place):
    seen = []
    download(f"{server}/picture", place, sha256=DIGEST, report=lambda *step: seen.append(step))
    assert seen[-1] == ("downloading", len(PICTURE), len(PICTURE)) and sorted(seen) == seen


def test_progress_says_so_where_the_whole_is_not_known(server, place):
    seen = []
    download(f"{server}/no_length", place, sha256=DIGEST, report=lambda *step: seen.append(step))
    assert seen[-1] == ("downloading", len(PICTURE), None)


def test_an_answer_that_breaks_off_is_gone_on_with(server, place):
    seen = []
    for done in (700, 1400):
        with pytest.raises(DownloadError, match=r"in_pieces: the connection ended after .* MB: try again to continue"):
            download(f"{server}/in_pieces", place, sha256=DIGEST)
        assert part_of(place).read_bytes() == PICTURE[:done] and not place.exists()
    download(f"{server}/in_pieces", place, sha256=DIGEST, report=lambda *step: seen.append(step))
    assert place.read_bytes() == PICTURE and Handler.ranges == [None, "bytes=700-", "bytes=1400-"]
    assert seen == [("downloading", len(PICTURE), len(PICTURE))]


def test_a_server_that_cannot_go_on_in_the_middle_begins_anew(server, place):
    part_of(place, PICTURE[:500])
    download(f"{server}/picture", place, sha256=DIGEST)
    assert place.read_bytes() == PICTURE and Handler.ranges == ["bytes=500-"]


def test_a_file_that_was_complete_but_not_in_its_place_is_put_there(server, place):
    part_of(place, PICTURE)
    download(f"{server}/ranged", place, sha256=DIGEST)
    assert place.read_bytes() == PICTURE


@pytest.mark.parametrize(("path", "content"), [("wrong_rest", PICTURE[:500]), ("ranged", PICTURE + b"more")])
def test_what_an_earlier_attempt_left_wrong_is_thrown_away_and_the_next_one_succeeds(server, place, path, content):
    part_of(place, content)
    with pytest.raises(DownloadError, match="is not the expected file"):
        download(f"{server}/{path}", place, sha256=DIGEST)
    assert download(f"{server}/{path}", place, sha256=DIGEST).read_bytes() == PICTURE


def test_wrong_bytes_are_refused_by_their_digest_and_thrown_away(server, place):
    found = hashlib.sha256(PICTURE[::-1]).hexdigest()
    message = rf"wrong is not the expected file: its SHA-256 is {found}, expected {DIGEST[:8]}\.\.\."
    with pytest.raises(DownloadError, match=rf"{message}.* save it as .*weights\.pth"):
        download(f"{server}/wrong", place, sha256=DIGEST[:8])
    assert not place.exists() and not part_of(place).exists()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("shorter_than_it_is", " is not the expected file"),
        ("longer_than_it_is", ": the connection ended after .* of .* MB"),
    ],
)
def test_a_server_that_lies_about_the_length_is_reported(server, place, path, words):
    with pytest.raises(DownloadError, match=f"{path}{words}"):
        download(f"{server}/{path}", place, sha256=DIGEST)
    assert not place.exists()


def test_a_server_that_stalls_is_not_waited_for_and_what_it_gave_is_kept(server, place):
    for _ in range(2):
        with pytest.raises(DownloadError, match=r"stalled_in_pieces cannot be downloaded: .*timed out.* save it as"):
            download(f"{server}/stalled_in_pieces", place, sha256=DIGEST, timeout_s=1)
    assert part_of(place).read_bytes() == PICTURE[:1400]


@pytest.mark.parametrize("path", ["picture", "no_length", "endless"])
def test_a_file_beyond_the_limit_is_refused_and_leaves_nothing(server, place, path):
    with pytest.raises(DownloadError, match=f"{path} is larger than 0 MB"):
        download(f"{server}/{path}", place, sha256=DIGEST, size_limit=len(PICTURE) - 1)
    assert not place.exists() and not part_of(place).exists()


def test_the_limit_itself_is_allowed(server, place):
    assert download(f"{server}/picture", place, sha256=DIGEST, size_limit=len(PICTURE)) == place


def test_a_refusal_names_the_address_and_the_place_where_the_file_is_looked_for(server, place):
    address = f"{server}/missing.pth"
    with pytest.raises(DownloadError) as caught:
        download(address, place, sha256=DIGEST)
    assert str(caught.value).startswith(f"{address}: the server answered 404") and str(caught.value).count(address) == 1
    assert str(caught.value).endswith(f"or download it in another way and save it as {place}")


def test_a_connection_that_is_refused_names_the_address_and_the_place(place):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        address = f"http://127.0.0.1:{closed.server_port}/weights.pth"
    with pytest.raises(DownloadError, match=rf"^{address} cannot be downloaded: .*refused; or .* save it as {place}$"):
        download(address, place, sha256=DIGEST)


def test_two_who_want_the_same_file_do_not_disturb_each_other(server, place):
    results = []
    wanting = [
        threading.Thread(target=lambda: results.append(download(f"{server}/ranged", place, sha256=DIGEST)))
        for _ in range(4)
    ]
    for thread in wanting:
        thread.start()
    for thread in wanting:
        thread.join()
    assert results == [place] * 4 and place.read_bytes() == PICTURE and Handler.ranges == [None]


@pytest.fixture
def only_two_is_inside(monkeypatch):
    """As if 127.0.0.1 were a public address, and 127.0.0.2 that of this machine."""
    monkeypatch.setattr("eyebright.system.connections.is_inside", lambda host: host in ("127.0.0.2", "inside.test"))


@pytest.fixture
def other_server(server):
    with ThreadingHTTPServer(("127.0.0.2", 0), Handler) as other:
        thread = threading.Thread(target=other.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.2:{other.server_port}"
        other.shutdown()
        thread.join()


def test_a_redirect_into_the_own_network_is_refused_but_an_address_there_is_fetched(
    server, other_server, place, only_two_is_inside
):
    address = f"{server}/redirect?{other_server}/picture"
    message = r"a redirect to 127\.0\.0\.2, in this machine's own network, is not followed"
    with pytest.raises(DownloadError, match=message):
        fetch(address)
    with pytest.raises(DownloadError, match=message):
        download(address, place, sha256=DIGEST)
    assert fetch(f"{other_server}/picture") == PICTURE
    assert fetch(f"{other_server}/redirect?{other_server}/picture") == PICTURE


def test_a_name_counts_by_the_address_that_it_leads_to(server, other_server, monkeypatch, only_two_is_inside):
    real = socket.getaddrinfo
    monkeypatch.setattr("socket.getaddrinfo", lambda host, *rest, **more: real(
        "127.0.0.2" if host == "public.test" else host, *rest, **more))  # fmt: skip
    port = other_server.rpartition(":")[2]
    with pytest.raises(DownloadError, match=r"a redirect to public\.test, in this machine's own network"):
        fetch(f"{server}/redirect?http://public.test:{port}/picture")


def test_behind_a_proxy_the_name_counts(server, monkeypatch, only_two_is_inside):
    monkeypatch.setenv("http_proxy", server)  # which answers itself
    assert fetch("http://public.test/picture") == PICTURE
    with pytest.raises(DownloadError, match=r"a redirect to inside\.test, in this machine's own network"):
        fetch("http://public.test/redirect?http://inside.test/picture")
