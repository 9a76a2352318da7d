"""The client by which fsspec asks web servers: bytes, seconds and redirects have limits, as in `system.connections`.

A shard server may never end its answer, drip, say nothing, or redirect to an address that only this machine can reach.
"""

import errno
import re
from typing import Any

from eyebright.system.errors import DataError, DownloadError

_WAIT_S = 20.0  # for a connection, and for the next bytes
_LIMIT_S = 120.0  # for the whole answer: a part of a file, of 4 MB at most unless an image is larger
_MOST_PAGE_BYTES = 1 << 24  # of a listing
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


async def new_client(**options: Any) -> Any:
    """A session of aiohttp, as `HTTPFileSystem` takes it for its `get_client`."""
    import aiohttp

    from eyebright.system import connections  # slow to import, and needed for web addresses only

    class Response(aiohttp.ClientResponse):
        async def read(self) -> bytes:
            """The whole answer: no more than was asked for."""
            if self._body is None:
                self._body = await _read(self)
            return await super().read()

    class Resolver(aiohttp.ThreadedResolver):
        async def resolve(self, host: str, *rest: Any, **more: Any) -> Any:
            """The addresses of a name; those of a redirect must be outside."""
            found = await super().resolve(host, *rest, **more)
            inside[host] = any(connections.is_inside(address["host"]) for address in found)
            if inside[host] and host in redirected:
                raise OSError(errno.EACCES, connections.refusal(host))
            return found

    inside: dict[str, bool] = {}
    redirected: set[str] = set()

    async def on_redirect(_session: object, _context: object, redirect: Any) -> None:
        target = redirect.url.join(type(redirect.url)(redirect.response.headers["Location"])).host
        if target and not inside.get(redirect.url.host, connections.is_inside(redirect.url.host)):
            if connections.is_inside(target):
                raise DownloadError(f"{redirect.url.with_query(None)} cannot be read: {connections.refusal(target)}")
            redirected.add(target)

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(on_redirect)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=Resolver(), use_dns_cache=False),
        timeout=aiohttp.ClientTimeout(total=_LIMIT_S, sock_connect=_WAIT_S, sock_read=_WAIT_S),
        response_class=Response,
        trace_configs=[trace],
        **options,
    )


async def _read(response: Any) -> bytes:
    asked = _RANGE.fullmatch(response.request_info.headers.get("Range", ""))
    most, content = int(asked[2]) - int(asked[1]) + 1 if asked else _MOST_PAGE_BYTES, bytearray()
    try:
        while chunk := await response.content.readany():
            content += chunk
            if len(content) > most:
                what = "cannot be read in parts" if asked else "is too large for a list of files"
                raise DataError(
                    f"{response.url.with_query(None)} {what}: its server sends more than {most:,} bytes; download it "
                    "first"
                )
    except BaseException:
        response.close()
        raise
    return bytes(content)
