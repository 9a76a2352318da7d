"""Connections to web servers, which may be slow, endless or hostile: time and redirects have limits."""

import ipaddress
import socket
import string
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any

from eyebright.system.errors import DownloadError
from eyebright.system.text import is_web_address


def is_inside(host: str) -> bool:
    """Whether a host is this machine or in its own network: by its address, or by the name localhost.

    >>> is_inside("127.0.0.1"), is_inside("169.254.169.254"), is_inside("::ffff:10.0.0.1"), is_inside("8.8.8.8")
    (True, True, True, False)
    """
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return host.lower().rstrip(".").endswith("localhost")
    return not (getattr(address, "ipv4_mapped", None) or address).is_global


def refusal(host: str) -> str:
    """Why a redirect to a host inside is not followed."""
    return f"a redirect to {host}, in this machine's own network, is not followed"


class TimeLimit:
    """Ends a connection when the time for all of an answer is over.

    The timeout of a socket does not: it starts again with each byte. Use it as a context.

    Attributes:
        problem: What to say when the time was over; "" before.
    """

    def __init__(self, limit_s: float) -> None:
        self.problem = ""
        self._limit_s, self._end = limit_s, time.monotonic() + limit_s
        self._sockets: list[socket.socket] = []
        self._finished = threading.Event()

    def __enter__(self) -> "TimeLimit":
        threading.Thread(target=self._wait, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finished.set()
        for connection in self._sockets:
            connection.close()

    def watch(self, connection: socket.socket) -> None:
        """End this connection too."""
        self._sockets.append(connection.dup())  # TLS takes the other one over

    def extend(self, seconds: float) -> None:
        """Give more time."""
        self._end += seconds

    def _wait(self) -> None:
        while not self._finished.wait(max(self._end - time.monotonic(), 0)):
            if time.monotonic() >= self._end:
                self.problem = f"the answer is too slow: it was not complete after {self._limit_s:g} s"
                for connection in self._sockets:
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
                return


class _Connections:
    """Makes the connections of one request and its redirects, and refuses redirects into this machine's own network.

    The address that the user gives may be there: then redirects may lead there too. What counts is the address that the
    connection reaches, not what a name server said before; behind a proxy, which connects itself, it is the name.
    """

    def __init__(self, limit: TimeLimit) -> None:
        self._limit, self._began_inside = limit, True

    def make(self, kind: type[HTTPConnection], request: urllib.request.Request, **options: Any) -> Any:
        """A function that makes a connection of this kind, as `AbstractHTTPHandler.do_open` calls it."""

        def connection(host: str, **more: Any) -> HTTPConnection:
            made = kind(host, **options, **more)
            made._create_connection = partial(self._connect, request)  # type: ignore[attr-defined]
            return made

        return connection

    def _connect(self, request: urllib.request.Request, address: tuple[str, int], *rest: Any) -> socket.socket:
        target = urllib.parse.urlsplit(request.full_url).hostname or ""
        connection = socket.create_connection(address, *rest)
        is_direct = address[0].lower() == target  # else it goes to a proxy
        inside = is_inside(connection.getpeername()[0] if is_direct else target)
        if not request.unverifiable:  # the address of the user, not that of a redirect
            self._began_inside = inside
        elif inside and not self._began_inside:
            connection.close()
            raise OSError(refusal(target))
        self._limit.watch(connection)
        return connection


class _Http(urllib.request.HTTPHandler):
    def __init__(self, connections: _Connections) -> None:
        super().__init__()
        self._connections = connections

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(self._connections.make(HTTPConnection, req), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, connections: _Connections) -> None:
        super().__init__()
        self._connections = connections

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(self._connections.make(HTTPSConnection, req), req)


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, *rest: Any) -> urllib.request.Request | None:
        """The next request; what the server sends beside the new address, perhaps without end, is not read."""
        fp.close()
        return super().redirect_request(req, fp, *rest)


class NothingLeftError(Exception):
    """The server has no bytes from this position on."""


@contextmanager
def opened(
    address: str, *, timeout_s: float, limit_s: float, start: int = 0
) -> Iterator[tuple[HTTPResponse, TimeLimit]]:
    """The response of the server: the bytes from position `start` on, or all if it cannot send a part.

    Args:
        address: http or https; a redirect to anything else, or into this machine's own network, is an error.
        timeout_s: The longest time to wait for data from the server.
        limit_s: The longest time for all of it, unless the limit is extended.
        start: Position of the first byte.

    Raises:
        DownloadError: When there is no such answer, also while it is read.
        NothingLeftError: When the server has no bytes from `start` on.
    """
    if not is_web_address(address):
        raise DownloadError(f"{address!r} is not an http(s) address")
    headers = {"User-Agent": "eyebright"} | ({"Range": f"bytes={start}-"} if start else {})
    with TimeLimit(limit_s) as limit:
        try:
            quoted = urllib.parse.quote(address, safe=string.punctuation)  # other letters are sent as UTF-8
            request = urllib.request.Request(quoted, headers=headers)  # noqa: S310 - checked above
            with _opener(limit).open(request, timeout=timeout_s) as response:
                yield response, limit
            if limit.problem:  # the connection ended, which may look like the end of the answer
                raise TimeoutError(limit.problem)
        except urllib.error.HTTPError as problem:
            problem.close()
            if problem.code == 416 and start:
                raise NothingLeftError from problem
            raise DownloadError(f"{address}: the server answered {problem.code} {problem.reason}") from problem
        except (OSError, HTTPException, ValueError) as problem:
            reason = limit.problem or getattr(problem, "reason", None) or problem
            raise DownloadError(f"{address} cannot be downloaded: {reason}") from problem


def _opener(limit: TimeLimit) -> urllib.request.OpenerDirector:
    opener, connections = urllib.request.OpenerDirector(), _Connections(limit)
    for handler in (
        urllib.request.ProxyHandler(),
        _Http(connections),
        _Https(connections),
        _Redirects(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener
