"""Files that are read in parts: on the disk, or through fsspec at an address (`s3://`, `gs://`, `https://`...).

A failing network must never look like a bad image: what cannot be read in three attempts is a `DownloadError`.
"""

import io
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from eyebright.data.sources.source import stamp_of
from eyebright.data.sources.web import new_client
from eyebright.system.errors import DataError, DownloadError, EyebrightError, MissingExtraError
from eyebright.system.files import read_errors

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")
_PASSWORD = re.compile(r"(://)[^\s/?#@:]*:[^\s/?#@]*@")
_TOKEN = re.compile(r"(://[^\s?'\"]*)\?[^\s'\"]*")
_BACKENDS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "http": "aiohttp", "https": "aiohttp",
             "az": "adlfs", "abfs": "adlfs", "hf": "huggingface_hub"}  # fmt: skip
_ATTEMPTS = 3
_PAUSE_S = 0.5
_BLOCK_BYTES = 4 << 20  # large, because each request costs a round trip
_STAMPS = ("size", "ETag", "etag", "mtime", "LastModified", "last_modified", "Last-Modified", "Content-MD5", "created")


class LocalFile(NamedTuple):
    """A file on the disk."""

    path: Path

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    def stamp(self) -> str:
        """A short text that changes when the file does."""
        with read_errors(self.path):
            return stamp_of(self.path)

    @contextmanager
    def open_stream(self) -> Iterator[IO[bytes]]:
        """The file as a stream that can seek."""
        with read_errors(self.path), self.path.open("rb") as file:
            yield file

    def read(self, offset: int, size: int) -> bytes:
        """Read `size` bytes from `offset` on; fewer if the file ends before."""
        with read_errors(self.path), self.path.open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(size)


class RemoteFile(NamedTuple):
    """A file at an address; methods as in `LocalFile`.

    Args:
        name: The address, without tokens and passwords.
        system: The file system of fsspec.
        path: The path in this file system.
    """

    name: str
    system: Any
    path: str

    def stamp(self) -> str:
        with request_errors(self.name):
            info = self.system.info(self.path)
        return " ".join(str(info[key]) for key in _STAMPS if info.get(key) is not None)

    @contextmanager
    def open_stream(self) -> Iterator[IO[bytes]]:
        with request_errors(self.name):
            size = self.system.info(self.path).get("size")
            if size is None or not self._sends_parts(size):
                raise self._sends_whole_files()
        with io.BufferedReader(_Stream(self, size), _BLOCK_BYTES) as stream:
            yield stream

    def read(self, offset: int, size: int) -> bytes:
        for attempt in range(_ATTEMPTS):
            try:
                with request_errors(self.name):
                    content: bytes = self.system.cat_file(self.path, start=offset, end=offset + size)
                break
            except DownloadError:
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_PAUSE_S * 2**attempt)
        if len(content) > size:
            raise self._sends_whole_files()
        return content

    def _sends_parts(self, size: int) -> bool:
        """Whether a web server answers a request for one byte with one byte; other systems always do."""
        if size < 2 or "http" not in self.system.protocol:
            return True
        try:
            with self.system.open(self.path, "rb", block_size=_BLOCK_BYTES, cache_type="none", size=size) as file:
                file.seek(1)
                return len(file.read(1)) == 1
        except ValueError:  # how fsspec refuses a whole file
            return False

    def _sends_whole_files(self) -> DataError:
        return DataError(f"{self.name} cannot be read in parts, its server only sends whole files: download it first")


Ranged = LocalFile | RemoteFile


class _Stream(io.RawIOBase):
    """A remote file as a stream; each read is a request."""

    def __init__(self, file: RemoteFile, size: int) -> None:
        self._file, self._size, self._place = file, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def readinto(self, target: Any) -> int:
        size = min(len(target), self._size - self._place)
        content = self._file.read(self._place, size) if size > 0 else b""
        target[: len(content)] = content
        self._place += len(content)
        return len(content)


def is_address(text: str | Path) -> bool:
    """Whether a text is an address such as `s3://...`. A `Path` never is."""
    return isinstance(text, str) and _ADDRESS.match(text) is not None


def without_token(name: str) -> str:
    """An address without `?token=...` and without a password; a path stays as it is."""
    return _PASSWORD.sub(r"\1", name.partition("?")[0]) if is_address(name) else name


def _without_secrets(problem: object) -> str:
    """The message of an error, without tokens and passwords in the addresses that it names."""
    return _TOKEN.sub(r"\1", _PASSWORD.sub(r"\1", str(problem)))


def remote_file(address: str) -> RemoteFile:
    """The file at an address. Nothing is requested yet.

    Raises:
        MissingExtraError: When fsspec, or its package for such addresses, is not installed.
        DataError: When fsspec does not know such addresses, or refuses this one.
    """
    scheme, name = address.partition("://")[0].split("::")[-1].lower(), without_token(address)
    try:
        from fsspec.core import url_to_fs
    except ImportError as problem:
        raise MissingExtraError(f"{name}: addresses need fsspec: pip install 'eyebright[shards]'") from problem
    try:
        system, path = url_to_fs(address, **({"get_client": new_client} if scheme in ("http", "https") else {}))
    except ImportError as problem:
        remedy = f"pip install {_BACKENDS[scheme]}" if scheme in _BACKENDS else _without_secrets(problem)
        raise MissingExtraError(f"{name}: {scheme}:// addresses need another package: {remedy}") from problem
    except Exception as problem:  # each backend has its own errors, for missing credentials too
        raise DataError(f"{name} cannot be reached: {_without_secrets(problem)}") from problem
    return RemoteFile(name, system, path)


@contextmanager
def request_errors(address: str) -> Iterator[None]:
    """Turn all errors of a request into `DataError` or `DownloadError`, with the address in the message."""
    name = without_token(address)
    try:
        yield
    except EyebrightError:
        raise
    except FileNotFoundError as problem:
        cause = problem.__cause__  # fsspec raises this also for servers that refuse or do not answer
        if isinstance(cause, EyebrightError):
            raise cause from problem
        is_refused = getattr(cause, "status", 404) != 404
        if is_refused or (isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError)):
            raise DownloadError(f"{name} cannot be read: {_cause(cause)}") from problem
        raise DataError(f"{name} does not exist") from problem
    except PermissionError as problem:
        raise DataError(f"{name} cannot be read, access is denied: {_without_secrets(problem)}") from problem
    except Exception as problem:  # each backend has its own errors
        raise DownloadError(f"{name} cannot be read: {_cause(problem)}") from problem


def _cause(problem: BaseException | None) -> str:
    if isinstance(problem, TimeoutError):
        return "the server does not answer, or its answer is too slow"
    return _without_secrets(problem) or type(problem).__name__
