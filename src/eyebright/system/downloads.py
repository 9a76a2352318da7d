"""Fetching from http(s) addresses: small things into memory, large ones into files, within limits and checked."""

import hashlib
import string
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import TypeAlias

from filelock import FileLock

from eyebright.system.errors import DownloadError

SIZE_LIMIT = 100_000_000
TIMEOUT_S = 20.0
_CHUNK = 1 << 20
Report: TypeAlias = Callable[[int, int | None], None]
"""Receives how many bytes there are, and of how many where that is known."""


def is_address(text: str) -> bool:
    """Whether a text is an http(s) address."""
    return text.lower().startswith(("http://", "https://"))


def fetch(address: str, *, size_limit: int = SIZE_LIMIT, timeout_s: float = TIMEOUT_S) -> bytes:
    """What an address holds, in memory.

    Args:
        address: http or https; redirections to anything else are refused.
        size_limit: The most bytes to accept.
        timeout_s: How long to wait for the server to say something.

    Raises:
        DownloadError: When the address cannot be fetched, or holds more than the limit.
    """
    with _opened(address, timeout_s=timeout_s) as response:
        content: bytes = response.read(size_limit + 1)
        missing = response.length or 0  # of what the server promised
    if len(content) > size_limit:
        raise DownloadError(f"{address} is larger than {size_limit / 1e6:.0f} MB: download it yourself if it is meant")
    if missing:
        raise DownloadError(f"{address} cannot be fetched: the answer broke off {missing} bytes before its end")
    return content


def download(
    address: str,
    path: Path,
    *,
    sha256: str,
    size_limit: int = 4_000_000_000,
    timeout_s: float = TIMEOUT_S,
    report: Report | None = None,
) -> Path:
    """Bring a file to its place, unless it is there already; what an earlier attempt brought is kept and gone on with.

    Args:
        address: http or https.
        path: The file's place. While it is on its way it bears `.part` at its end.
        sha256: Its digest in hexadecimal, or the first digits of it.
        size_limit: The most bytes to accept.
        timeout_s: How long to wait for the server to say something.
        report: Receives the progress.

    Returns:
        The path.

    Raises:
        DownloadError: When it cannot be fetched, is too large, or is not the file that was expected; the message says
            where to put it by hand.
    """
    part = path.with_name(path.name + ".part")
    with FileLock(path.with_name(path.name + ".lock")):
        if path.is_file():
            return path
        try:
            _continue(address, part, size_limit, timeout_s, report)
            _prove(address, part, sha256)
        except DownloadError as problem:
            raise DownloadError(f"{problem}; or download {address} in another way and put it at {path}") from problem
        part.replace(path)
    return path


def _continue(address: str, part: Path, size_limit: int, timeout_s: float, report: Report | None) -> None:
    """Append what is missing, or begin anew where the server cannot go on in the middle."""
    begin = part.stat().st_size if part.exists() else 0
    try:
        with _opened(address, timeout_s=timeout_s, begin=begin) as response:
            done = begin if response.status == 206 else 0
            total = None if response.length is None else done + response.length
            with part.open("ab" if done else "wb") as file:
                while max(done, total or 0) <= size_limit and (chunk := response.read1(_CHUNK)):
                    file.write(chunk)
                    done += len(chunk)
                    if report is not None:
                        report(done, total)
    except _BeyondTheEndError:  # it was all there, or is another file by now: the digest decides
        return
    if max(done, total or 0) > size_limit:
        part.unlink()
        raise DownloadError(f"{address} is larger than {size_limit / 1e6:,.0f} MB")
    if total is not None and done < total:
        raise DownloadError(
            f"{address} broke off at {done / 1e6:,.1f} of {total / 1e6:,.1f} MB: try again, it goes on from there"
        )


def _prove(address: str, part: Path, sha256: str) -> None:
    """Keep the file only if its digest is the one that was expected."""
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(sha256.lower()):
        part.unlink()
        raise DownloadError(
            f"{address} is not the file that was expected: its SHA-256 is {found}, expected {sha256}"
            f"{'...' if len(sha256) < len(found) else ''}; it was thrown away"
        )


class _BeyondTheEndError(Exception):
    """The server holds no more than what is here."""


@contextmanager
def _opened(address: str, *, timeout_s: float, begin: int = 0) -> Iterator[HTTPResponse]:
    """The server's answer, from byte `begin` on where it can do that."""
    if not is_address(address):
        raise DownloadError(f"{address} is no http(s) address")
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    headers = {"User-Agent": "eyebright"} | ({"Range": f"bytes={begin}-"} if begin else {})
    try:
        quoted = urllib.parse.quote(address, safe=string.punctuation)  # letters beyond ASCII travel as bytes
        request = urllib.request.Request(quoted, headers=headers)  # noqa: S310 - checked above
        with opener.open(request, timeout=timeout_s) as response:
            yield response
    except urllib.error.HTTPError as problem:
        problem.close()
        if problem.code == 416 and begin:
            raise _BeyondTheEndError from problem
        raise DownloadError(f"{address}: the server answered {problem.code} {problem.reason}") from problem
    except (OSError, HTTPException, ValueError) as problem:
        reason = getattr(problem, "reason", None) or problem
        raise DownloadError(f"{address} cannot be fetched: {reason}") from problem
