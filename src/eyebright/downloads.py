"""Fetching from http(s) addresses, within limits."""

import string
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException

from eyebright.errors import DownloadError

SIZE_LIMIT = 100_000_000
TIMEOUT_S = 20.0


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
    try:
        quoted = urllib.parse.quote(address, safe=string.punctuation)  # letters beyond ASCII travel as bytes
        request = urllib.request.Request(quoted, headers={"User-Agent": "eyebright"})  # noqa: S310 - checked above
        with opener.open(request, timeout=timeout_s) as response:
            content: bytes = response.read(size_limit + 1)
            missing = response.length or 0  # of what the server promised
    except urllib.error.HTTPError as problem:
        problem.close()
        raise DownloadError(f"{address}: the server answered {problem.code} {problem.reason}") from problem
    except (OSError, HTTPException, ValueError) as problem:
        reason = getattr(problem, "reason", None) or problem
        raise DownloadError(f"{address} cannot be fetched: {reason}") from problem
    if len(content) > size_limit:
        raise DownloadError(f"{address} is larger than {size_limit / 1e6:.0f} MB: download it yourself if it is meant")
    if missing:
        raise DownloadError(f"{address} cannot be fetched: the answer broke off {missing} bytes before its end")
    return content
