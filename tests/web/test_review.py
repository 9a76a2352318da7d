"""The server with a small page: what it saves, and whom it refuses; and with the page of an audit in a browser."""

import html
import http.client
import json
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import numpy as np
import pytest

from eyebright.data.audit.findings import Audit, Finding
from eyebright.data.corrections import Correction, Corrections, load, save
from eyebright.report.pages.audit import audit_page
from eyebright.system.errors import DataError
from eyebright.web import review
from eyebright.web.review import Server, open_browser

ONE = Corrections(corrections=(Correction(name="a.png", decision="exclude"),))
BODY = '{"format": 1, "corrections": [{"name": "a.png", "decision": "exclude"}]}'


@pytest.fixture
def serving(tmp_path) -> Iterator[Callable[..., Server]]:
    """Serves a page in a thread."""
    servers: list[Server] = []

    def serve(page: Callable[[Corrections], str] = repr) -> Server:
        server = Server(page, tmp_path / "corrections.json")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def server(serving) -> Server:
    return serving()


def asked(server: Server, method: str = "GET", name: str = "", body: str = "", **headers: str) -> tuple[int, str]:
    """The status and the text of an answer; headers are given with underscores."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    content = {"Content-Type": "application/json", "Content-Length": str(len(body))} if body else {}
    content |= {key.replace("_", "-"): value for key, value in headers.items()}
    connection.putrequest(method, urlsplit(server.address).path + name, skip_host="Host" in content)
    for key, value in content.items():
        connection.putheader(key, value)
    connection.endheaders(body.encode())
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_what_the_page_sends_is_saved_and_shown_when_it_is_loaded_again(server, tmp_path):
    assert asked(server) == (200, repr(Corrections(corrections=()))) and not server.saved
    assert asked(server, "PUT", "corrections.json", BODY) == (200, "saved")
    assert server.saved and load(tmp_path / "corrections.json") == ONE
    assert asked(server) == (200, repr(ONE))
    assert [path.name for path in tmp_path.iterdir()] == ["corrections.json"]


def test_a_file_that_is_there_is_continued(serving, tmp_path):
    save(ONE, tmp_path / "corrections.json")
    server = serving()
    assert asked(server)[1] == repr(ONE) and not server.saved
    (tmp_path / "corrections.json").write_text("{")
    with pytest.raises(DataError, match=r"corrections\.json cannot be read"):
        serving()


def test_only_this_machine_can_connect(server):
    assert server.server_address[0] == "127.0.0.1"
    assert len(urlsplit(server.address).path.strip("/")) == 32  # 24 random bytes in base64


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:{port}"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"Host": "127.0.0.1:{port}", "Origin": "http://evil.example"}, 403),
        ({"Host": "127.0.0.1:{port}", "Origin": "null"}, 403),
        ({"Host": "127.0.0.1:{port}", "Origin": "http://localhost:{port}"}, 403),
        ({"Host": "localhost:{port}", "Origin": "http://localhost:{port}"}, 200),
        ({"Host": "127.0.0.1:{port}", "Origin": "http://127.0.0.1:{port}"}, 200),
    ],
)
def test_requests_from_other_pages_are_refused(server, method, headers, status):
    given = {name: value.format(port=server.server_port) for name, value in headers.items()}
    name, body = ("corrections.json", BODY) if method == "PUT" else ("", "")
    assert asked(server, method, name, body, **given)[0] == status
    assert server.saved == (method == "PUT" and status == 200)


@pytest.mark.parametrize(
    "path", ["/", "/corrections.json", "/{token}", "/{token}/x", "/{wrong}/", "/{token}/../", "//"]
)
def test_without_the_token_there_is_nothing(server, path):
    token = urlsplit(server.address).path.strip("/")
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    connection.request("GET", path.format(token=token, wrong=token[:-1] + "~"))
    answer = connection.getresponse()
    assert answer.status == 404 and b"use the address" in answer.read()
    connection.close()


def test_the_entrance_leads_to_the_page_once(server):
    """Everybody on the machine can read the command that starts the browser; by then it is of no use."""
    first, second = urlsplit(server.entrance()).path, urlsplit(server.entrance()).path
    statuses = []
    for path in (first, second, second, "/"):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
        connection.request("GET", path)
        answer = connection.getresponse()
        statuses.append((answer.status, answer.headers["Location"]))
        answer.read()
        connection.close()
    assert statuses == [(404, None), (303, server.address), (404, None), (404, None)]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("{", {}, 400),
        ('{"format": 1, "corrections": [{"name": "a", "decision": "delete"}]}', {}, 400),
        (BODY, {"Content_Type": "text/plain"}, 415),
        (BODY, {"Content_Length": "-1"}, 411),
        (BODY, {"Content_Length": str(review.MOST_BYTES + 1)}, 413),
        (BODY, {"Content_Length": "9" * 5_000}, 413),
    ],
)
def test_content_that_is_no_corrections_file_is_not_saved(server, tmp_path, body, headers, status):
    assert asked(server, "PUT", "corrections.json", body, **headers)[0] == status
    assert not server.saved and not list(tmp_path.iterdir())


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "DELETE", "HEAD"])
def test_other_methods_do_not_exist(server, method):
    assert asked(server, method)[0] == 501


def test_a_browser_that_goes_away_in_the_middle_is_passed_over(server, capfd):
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        path = urlsplit(server.address).path
        connection.sendall(
            f"PUT {path}corrections.json HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
            "Content-Type: application/json\r\nContent-Length: 999\r\n\r\n{".encode()
        )
    assert asked(server)[0] == 200 and not server.saved
    assert capfd.readouterr().err == ""


def test_a_file_that_cannot_be_written_is_reported_to_the_page(server, tmp_path):
    (tmp_path / "corrections.json").mkdir()
    status, text = asked(server, "PUT", "corrections.json", BODY)
    assert status == 500 and "not a regular file" in text and not server.saved


def test_nothing_is_kept_or_framed_by_a_browser(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    connection.request("GET", urlsplit(server.address).path)
    answer = connection.getresponse()
    answer.read()
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    connection.close()


@pytest.mark.parametrize(
    ("kind", "opens"), [(webbrowser.GenericBrowser, False), (webbrowser.BackgroundBrowser, True), (None, False)]
)
def test_a_browser_that_would_take_over_the_terminal_is_not_opened(monkeypatch, kind, opens):
    """A GenericBrowser of Python's webbrowser is one such as w3m."""
    shown: list[str] = []

    def get() -> webbrowser.BaseBrowser:
        if kind is None:
            raise webbrowser.Error
        return kind("none")

    for name in ("GenericBrowser", "BackgroundBrowser"):
        monkeypatch.setattr(getattr(webbrowser, name), "open", lambda self, address: shown.append(address) or True)
    monkeypatch.setattr(webbrowser, "get", get)
    assert open_browser("http://127.0.0.1/") is opens
    assert shown == ["http://127.0.0.1/"] * opens


def audited(decided: Corrections) -> str:
    finding = Finding(
        kind="probably mislabelled", pictures=("<b>.png",), classes=("a",), figure=0, sentence="", suggested="b"
    )
    audit = Audit(origin="flowers", pictures=2, classes={"a": 1, "b": 1}, findings=(finding,))
    pixels = np.zeros((8, 8, 3), np.uint8)
    return audit_page(
        audit, None, lambda name: pixels, digest_of=lambda name: "ab", decided=decided.corrections, saves=True
    )


def test_each_decision_on_the_page_is_saved_at_once(serving, visit, tmp_path):
    opened = visit(serving(audited).entrance())
    group = opened.get_by_role("group", name="Decision about <b>.png")
    assert not opened.get_by_role("button", name="Download").count()
    for label, decision, new_label in (("Relabel", "relabel", "b"), ("Keep", "keep", "")):
        group.get_by_label(label).check()
        opened.get_by_text("Saved.").wait_for()
        (one,) = load(tmp_path / "corrections.json").corrections
        assert one == Correction(name="<b>.png", decision=decision, new_label=new_label, label="a", digest="ab")
    opened.reload()
    assert group.get_by_label("Keep").is_checked()
    group.get_by_role("button", name="Undo").click()
    opened.get_by_text("0 of 1 images decided: 0 kept, 0 relabelled, 0 excluded. Saved.").wait_for()
    assert json.loads((tmp_path / "corrections.json").read_text())["corrections"] == []


def test_the_page_says_when_its_server_has_ended(tmp_path, chromium):
    server = Server(audited, tmp_path / "corrections.json")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    page = chromium.new_page()
    page.goto(server.address)
    server.shutdown()
    server.server_close()
    thread.join()
    page.get_by_label("Exclude").check()
    page.get_by_text("Not saved: eyebright audit --review has ended.").wait_for()
    page.close()
    assert not list(tmp_path.iterdir())


def test_the_page_may_only_reach_its_own_server():
    served = html.unescape(audited(Corrections(corrections=())))
    assert "default-src 'none'" in served and "; connect-src 'self'" in served
    alone = audit_page(Audit(origin="", pictures=0, classes={}, findings=()), None, lambda name: None, digest_of=str)
    assert "connect-src" not in alone
