"""Downloads from http(s) addresses: small ones into memory, large ones into files with a known SHA-256.

Bytes and seconds have limits, see also `connections`.
"""

import hashlib
from pathlib import Path

from filelock import FileLock

from eyebright.system.connections import NothingLeftError, opened
from eyebright.system.errors import DownloadError
from eyebright.system.progress import Report, quiet

SIZE_LIMIT = 100_000_000
TIMEOUT_S = 20.0
LIMIT_S = 60.0
_SLOWEST = 50_000, 5_000  # bytes per second of `fetch` and `download`, above which an answer gets more time
_CHUNK = 1 << 20


def fetch(
    address: str, *, size_limit: int = SIZE_LIMIT, timeout_s: float = TIMEOUT_S, limit_s: float = LIMIT_S
) -> bytes:
    """Download an address into memory.

    Args:
        address: http or https; a redirect to anything else, or into this machine's own network, is an error.
        size_limit: The largest size to accept, in bytes.
        timeout_s: The longest time to wait for data from the server.
        limit_s: The longest time for all of it, with one second more for each 50 kB.

    Raises:
        DownloadError: When the address cannot be downloaded, is larger than the limit, or takes too long.
    """
    content = bytearray()
    with opened(address, timeout_s=timeout_s, limit_s=limit_s) as (response, limit):
        while len(content) <= size_limit and (chunk := response.read1(_CHUNK)):
            content += chunk
            limit.extend(len(chunk) / _SLOWEST[0])
        missing = response.length or 0  # bytes that the server announced and did not send
    if len(content) > size_limit:
        raise DownloadError(
            f"{address} is larger than {size_limit / 1e6:.0f} MB: download it yourself and give the file"
        )
    if missing:
        raise DownloadError(f"{address} cannot be downloaded: the connection ended {missing} bytes before the end")
    return bytes(content)


def download(
    address: str,
    path: Path,
    *,
    sha256: str,
    size_limit: int = 4_000_000_000,
    timeout_s: float = TIMEOUT_S,
    limit_s: float = LIMIT_S,
    report: Report = quiet,
) -> Path:
    """Download an address into a file, unless the file exists; an interrupted download is continued.

    Args:
        address: http or https; a redirect to anything else, or into this machine's own network, is an error.
        path: The file. While it is incomplete its name ends in `.part`.
        sha256: Its SHA-256 in hexadecimal, or the first digits of it.
        size_limit: The largest size to accept, in bytes.
        timeout_s: The longest time to wait for data from the server.
        limit_s: The longest time for all of it, with one second more for each 5 kB.
        report: Receives the progress, in bytes.

    Returns:
        The path.

    Raises:
        DownloadError: When the address cannot be downloaded, is too large, or has another SHA-256; the message says
            where to put a file that was downloaded in another way.
    """
    part = path.with_name(path.name + ".part")
    with FileLock(path.with_name(path.name + ".lock")):
        if path.is_file():
            return path
        try:
            _resume(address, part, size_limit, (timeout_s, limit_s), report)
            _check_digest(address, part, sha256)
        except DownloadError as problem:
            raise DownloadError(f"{problem}; or download it in another way and save it as {path}") from problem
        part.replace(path)
    return path


def _resume(address: str, part: Path, size_limit: int, times_s: tuple[float, float], report: Report) -> None:
    """Append the missing bytes, or start from scratch if the server cannot send a part."""
    timeout_s, limit_s = times_s
    start = part.stat().st_size if part.exists() else 0
    try:
        with opened(address, timeout_s=timeout_s, limit_s=limit_s, start=start) as (response, limit):
            done = start if response.status == 206 else 0
            total = None if response.length is None else done + response.length
            with part.open("ab" if done else "wb") as file:
                while max(done, total or 0) <= size_limit and (chunk := response.read1(_CHUNK)):
                    file.write(chunk)
                    done += len(chunk)
                    limit.extend(len(chunk) / _SLOWEST[1])
                    report("downloading", done, total)
    except NothingLeftError:  # already complete, or another file by now: the SHA-256 decides
        return
    if max(done, total or 0) > size_limit:
        part.unlink()
        raise DownloadError(f"{address} is larger than {size_limit / 1e6:,.0f} MB")
    if total is not None and done < total:
        raise DownloadError(
            f"{address}: the connection ended after {done / 1e6:,.1f} of {total / 1e6:,.1f} MB: "
            "try again to continue from there"
        )


def _check_digest(address: str, part: Path, sha256: str) -> None:
    """Remove the file if its SHA-256 is not the expected one."""
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(sha256.lower()):
        part.unlink()
        raise DownloadError(
            f"{address} is not the expected file: its SHA-256 is {found}, expected {sha256}"
            f"{'...' if len(sha256) < len(found) else ''}; it was removed"
        )
