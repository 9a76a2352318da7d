"""Files that are read in parts: on the disk, or at an address through fsspec (`s3://`, `gs://`, `https://`...).

A network that fails is no reason to leave pictures out: what cannot be had after three attempts is an error.
"""

import io
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from eyebright.data.sources.stored import stamp_of
from eyebright.system.errors import DataError, DownloadError, EyebrightError, MissingExtraError
from eyebright.system.files import read_errors

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")
_PASSWORD = re.compile(r"(://)[^\s/?#@:]*:[^\s/?#@]*@")
_TOKEN = re.compile(r"(://[^\s?'\"]*)\?[^\s'\"]*")
_BACKENDS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "http": "aiohttp", "https": "aiohttp",
             "az": "adlfs", "abfs": "adlfs", "hf": "huggingface_hub"}  # fmt: skip
_WHOLE = "{} cannot be read in parts, its server gives whole files only: download it"
_ATTEMPTS = 3
_PAUSE_S = 0.5
_BLOCK = 4 << 20  # headers lie among pictures: larger requests are fewer, and each costs a way there and back
_STAMPS = ("size", "ETag", "etag", "mtime", "LastModified", "last_modified", "Last-Modified", "Content-MD5", "created")


class Ranged(Protocol):
    """A file, read in parts by several threads."""

    @property
    def name(self) -> str:
        """What people call it: its path or address."""

    def stamp(self) -> str:
        """A short text that changes when the file does."""

    def opened(self) -> AbstractContextManager[IO[bytes]]:
        """The file, to be read from its beginning; it can be sought in."""

    def read(self, offset: int, size: int) -> bytes:
        """So many bytes from there on; fewer where the file ends."""


class LocalFile(NamedTuple):
    """A file on the disk."""

    path: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    def stamp(self) -> str:
        with read_errors(self.path):
            return stamp_of(self.path)

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        with read_errors(self.path), self.path.open("rb") as file:
            yield file

    def read(self, offset: int, size: int) -> bytes:
        with read_errors(self.path), self.path.open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(size)


class RemoteFile(NamedTuple):
    """A file at an address.

    Args:
        name: The address, without what signs it.
        system: The file system of fsspec that reaches it.
        path: What that calls it.
    """

    name: str
    system: Any
    path: str

    def stamp(self) -> str:
        with reached(self.name):
            told = self.system.info(self.path)
        return " ".join(str(told[key]) for key in _STAMPS if told.get(key) is not None)

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        with reached(self.name):
            size = self.system.info(self.path).get("size")
            if size is None or not self._gives_parts(size):
                raise DataError(_WHOLE.format(self.name))
        with io.BufferedReader(_Stream(self, size), _BLOCK) as stream:
            yield stream

    def _gives_parts(self, size: int) -> bool:
        """Whether a web server heeds a request for one byte; of other places it is known."""
        if size < 2 or "http" not in self.system.protocol:
            return True
        try:
            with self.system.open(self.path, "rb", block_size=_BLOCK, cache_type="none", size=size) as file:
                file.seek(1)
                return len(file.read(1)) == 1
        except ValueError:  # fsspec's answer to a whole file
            return False

    def read(self, offset: int, size: int) -> bytes:
        for attempt in range(_ATTEMPTS):
            try:
                with reached(self.name):
                    content: bytes = self.system.cat_file(self.path, start=offset, end=offset + size)
                break
            except DownloadError:
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_PAUSE_S * 2**attempt)
        if len(content) > size:
            raise DataError(_WHOLE.format(self.name))
        return content


class _Stream(io.RawIOBase):
    """A file at an address, from its beginning to its end, by requests for its parts."""

    def __init__(self, file: RemoteFile, size: int) -> None:
        self._file, self._size, self._place = file, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = begin + offset
        return self._place

    def readinto(self, target: Any) -> int:
        size = min(len(target), self._size - self._place)
        content = self._file.read(self._place, size) if size > 0 else b""
        target[: len(content)] = content
        self._place += len(content)
        return len(content)


def is_address(text: str | Path) -> bool:
    """Whether a text is an address such as `s3://...`, and no path; a `Path` never is."""
    return isinstance(text, str) and _ADDRESS.match(text) is not None


def without_token(name: str) -> str:
    """An address without what signs it, which changes and is nobody's business; paths as they are."""
    return _PASSWORD.sub(r"\1", name.partition("?")[0]) if is_address(name) else name


def _told(problem: object) -> str:
    """What others say of a problem, without what signs the addresses in it."""
    return _TOKEN.sub(r"\1", _PASSWORD.sub(r"\1", str(problem)))


def remote(address: str) -> RemoteFile:
    """The file at an address, which is not asked for yet.

    Raises:
        MissingExtraError: When fsspec, or what it needs for such addresses, is not installed.
        DataError: When nothing reaches such addresses.
    """
    scheme, name = address.partition("://")[0].split("::")[-1].lower(), without_token(address)
    try:
        from fsspec.core import url_to_fs
    except ImportError as problem:
        raise MissingExtraError(f"{name} is read through fsspec: pip install 'eyebright[shards]'") from problem
    try:
        system, path = url_to_fs(address)
    except ImportError as problem:
        backend = _BACKENDS.get(scheme)
        remedy = f"pip install {backend}" if backend else _told(problem)
        raise MissingExtraError(f"{name} needs what reaches {scheme}:// addresses: {remedy}") from problem
    except Exception as problem:  # each backend raises errors of its own, here also about credentials
        raise DataError(f"{name} cannot be reached: {_told(problem)}") from problem
    return RemoteFile(name, system, path)


@contextmanager
def reached(address: str) -> Iterator[None]:
    """Turn what goes wrong on the way to an address into errors of ours."""
    name = without_token(address)
    try:
        yield
    except EyebrightError:
        raise
    except FileNotFoundError as problem:
        cause = problem.__cause__  # fsspec says so also of servers that do not answer
        refused = getattr(cause, "status", 404) != 404
        if refused or (isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError)):
            raise DownloadError(f"{name} cannot be read: {_told(cause)}") from problem
        raise DataError(f"{name} does not exist") from problem
    except PermissionError as problem:
        raise DataError(f"{name} may not be read: {_told(problem)}") from problem
    except Exception as problem:  # each backend raises errors of its own
        raise DownloadError(f"{name} cannot be read: {_told(problem) or type(problem).__name__}") from problem
