"""A server of one page on this machine, which saves what is decided there into a corrections file.

Only this machine can connect, but other people on it may try to, and any page that its browser shows. So the address
has a random token; a browser is started with a password for one use instead, since everybody can list the commands that
run. A request must name this host and port (a foreign name that leads here, by DNS rebinding, is refused) and come from
the page itself; nothing but JSON is taken, up to a limit.
"""

import secrets
import sys
import threading
import webbrowser
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from eyebright.data.corrections import Corrections, load, save
from eyebright.system import records
from eyebright.system.errors import DataError, OutputError

MOST_BYTES = 2**26  # of a corrections file: some 300,000 images
_HOST = "127.0.0.1"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(ThreadingHTTPServer):
    """Serves the page at `address` and saves the decisions that it sends, until `serve_forever` is interrupted.

    Args:
        page: Gives the page as HTML, with what is decided so far.
        path: The corrections file; it is made with the first decision.

    Raises:
        DataError: When the file exists and is not a corrections file.
    """

    daemon_threads = True

    def __init__(self, page: Callable[[Corrections], str], path: Path) -> None:
        self.page, self.path = page, path
        self.decided = load(path) if path.exists() else Corrections(corrections=())
        self.saved = False
        self._saving = threading.Lock()
        self._token = secrets.token_urlsafe(24)
        self._once = ""
        super().__init__((_HOST, 0), _Handler)

    @property
    def address(self) -> str:
        """The address of the page, with the token."""
        return f"http://{_HOST}:{self.server_port}/{self._token}/"

    def entrance(self) -> str:
        """Another address that leads to the page, once."""
        self._once = secrets.token_urlsafe(24)
        return f"http://{_HOST}:{self.server_port}/{self._once}"

    def admits(self, path: str) -> bool:
        """Whether a path is that of the entrance, which it then no longer is."""
        admitted = bool(self._once) and secrets.compare_digest(path.encode(), f"/{self._once}".encode())
        self._once = "" if admitted else self._once
        return admitted

    def handle_error(self, request: object, client_address: object) -> None:
        """Pass over a browser that closed the connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def save(self, corrections: Corrections) -> None:
        """Save decisions in place of those before; an `OutputError` where the file cannot be written."""
        with self._saving:
            save(corrections, self.path)
            self.decided, self.saved = corrections, True


def open_browser(address: str) -> bool:
    """Show an address in the browser; False where there is none, or only one that would take over the terminal."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    return type(browser) is not webbrowser.GenericBrowser and browser.open(address)


class _Refusal(NamedTuple):
    status: HTTPStatus
    reason: str


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 10
    server_version, sys_version = "eyebright", ""

    def do_GET(self) -> None:
        if self.headers["Host"] in self._hosts and self.server.admits(self.path):
            self._answer(HTTPStatus.SEE_OTHER, "", Location=self.server.address)
        elif refusal := self._refusal(""):
            self._answer(*refusal)
        else:
            self._answer(HTTPStatus.OK, self.server.page(self.server.decided), kind="text/html")

    def do_PUT(self) -> None:
        if refusal := self._refusal("corrections.json") or self._refusal_of_content():
            self._answer(*refusal)
            return
        content = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            self.server.save(records.from_json(content, Corrections, what="what the page sent", error=DataError))
        except DataError as problem:
            self._answer(HTTPStatus.BAD_REQUEST, str(problem))
        except OutputError as problem:
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, str(problem))
        else:
            self._answer(HTTPStatus.OK, "saved")

    @property
    def _hosts(self) -> tuple[str, str]:
        return f"{_HOST}:{self.server.server_port}", f"localhost:{self.server.server_port}"

    def _refusal(self, name: str) -> _Refusal | None:
        """Why a request is refused that does not come from the page, or asks for anything but the file of this name."""
        if self.headers["Host"] not in self._hosts:
            return _Refusal(HTTPStatus.FORBIDDEN, f"this is {self._hosts[0]}, reached under another name")
        if self.headers.get("Origin", f"http://{self.headers['Host']}") != f"http://{self.headers['Host']}":
            return _Refusal(HTTPStatus.FORBIDDEN, "only the page itself may save")
        path = f"{urlsplit(self.server.address).path}{name}"
        if not secrets.compare_digest(self.path.encode(), path.encode()):
            return _Refusal(HTTPStatus.NOT_FOUND, "nothing is here: use the address that the command prints")
        return None

    def _refusal_of_content(self) -> _Refusal | None:
        """Why what is sent is not read."""
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != "application/json":
            return _Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected application/json")
        if not (length.isascii() and length.isdigit()):
            return _Refusal(HTTPStatus.LENGTH_REQUIRED, "expected the length of the content")
        if len(length) > len(str(MOST_BYTES)) or int(length) > MOST_BYTES:
            return _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {MOST_BYTES:,} bytes")
        return None

    def _answer(self, status: HTTPStatus, text: str, *, kind: str = "text/plain", **headers: str) -> None:
        content = text.encode()
        self.send_response(status)
        for name, value in (_HEADERS | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal shows the address and, at the end, what was saved."""
