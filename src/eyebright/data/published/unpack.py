"""Unpacking archives of strangers: plain files and folders only, inside the folder, within limits.

What a tar may say of owners, rights, links and devices is not followed: content is read and written anew, under names
that mean the same on every system. Fill a folder of `files.new_folder`, so that a refusal leaves nothing.
"""

import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, cast

from eyebright.system.errors import DataError

MOST_BYTES = 4_000_000_000
MOST_MEMBERS = 200_000
_CHUNK = 1 << 20
_HEADER_BYTES = 1 << 13  # what a member may take beside its content, its long name included
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))}
_Opener = Callable[[], IO[bytes]]


class _Member(NamedTuple):
    name: str
    kind: str  # "folder", "file", or what it is instead
    open: _Opener


def unpack(
    archive: Path,
    folder: Path,
    *,
    most_bytes: int = MOST_BYTES,
    most_members: int = MOST_MEMBERS,
    report: Callable[[int], None] | None = None,
) -> None:
    """Unpack a tar, a tar packed with gzip, or a zip into a folder that is there.

    Args:
        archive: The file; it is only read.
        folder: Where to put its members; nothing that is there is replaced.
        most_bytes: The most that they may hold together.
        most_members: The most of them.
        report: Receives how many bytes are written.

    Raises:
        DataError: When it is no archive, is damaged, larger than allowed, or holds a member that has no place in the
            folder: an absolute name, one with `..`, a link, a device, the same name twice.
    """
    done = 0
    try:
        for count, member in enumerate(_members(archive, most_bytes + most_members * _HEADER_BYTES), 1):
            if count > most_members:
                raise _refused(archive, f"it holds more than {most_members:,} members")
            place = _place(archive, folder, member)
            if member.kind == "folder":
                place.mkdir(parents=True, exist_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as written, member.open() as stream:
                while chunk := stream.read(_CHUNK):
                    done += len(chunk)
                    if done > most_bytes:
                        raise _refused(archive, f"it holds more than {most_bytes:,} bytes")
                    written.write(chunk)
                    if report is not None:
                        report(done)
    except (FileExistsError, NotADirectoryError) as problem:
        raise _refused(archive, f"two of its members have one place, {Path(str(problem.filename)).name!r}") from problem
    except (
        tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, ValueError, RuntimeError
    ) as problem:  # RuntimeError: encrypted, of an unknown method, nested without end  # fmt: skip
        if isinstance(problem, DataError):
            raise
        raise _refused(archive, str(problem)) from problem


def _refused(archive: Path, reason: str) -> DataError:
    return DataError(f"{archive} cannot be unpacked: {reason}; fetch it again, from where it can be trusted")


def _place(archive: Path, folder: Path, member: _Member) -> Path:
    """Where a member goes, if it may."""
    if member.kind not in ("folder", "file"):
        raise _refused(archive, f"{member.name!r} is {member.kind}, expected files and folders only")
    parts = PurePosixPath(member.name).parts
    strange = not member.name.isprintable() or any(sign in member.name for sign in '\\:*?"<>|')
    if strange or member.name.startswith("/") or any(map(_is_reserved, parts)):
        raise _refused(archive, f"{member.name!r} is no name inside a folder")
    return folder.joinpath(*parts)


def _is_reserved(part: str) -> bool:
    """Whether a part of a name leads elsewhere, or is another name on Windows."""
    return part.endswith((".", " ")) or part.split(".")[0].strip().upper() in _RESERVED


def _members(archive: Path, most_read: int) -> Iterator[_Member]:
    with archive.open("rb") as raw:
        head = raw.read(4)
        raw.seek(0)
        if head.startswith(b"PK"):
            with zipfile.ZipFile(raw) as packed:
                yield from _zip_members(packed)
        elif head.startswith(b"\x1f\x8b"):
            with gzip.open(raw) as stream:
                yield from _tar_members(archive, cast("IO[bytes]", stream), most_read)
        else:
            yield from _tar_members(archive, raw, most_read)


def _zip_members(packed: zipfile.ZipFile) -> Iterator[_Member]:
    for info in packed.infolist():
        mode = stat.S_IFMT(info.external_attr >> 16)
        kind = "folder" if info.is_dir() else "file"
        if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
            kind = "a link" if mode == stat.S_IFLNK else "a device"
        yield _Member(info.filename, kind, lambda info=info: packed.open(info))  # type: ignore[misc]


def _tar_members(archive: Path, stream: IO[bytes], most_read: int) -> Iterator[_Member]:
    bounded = cast("IO[bytes]", _Bounded(archive, stream, most_read))
    with tarfile.open(fileobj=bounded, mode="r:") as packed:
        while (info := packed.next()) is not None:
            yield _Member(info.name, _tar_kind(info), lambda info=info: packed.extractfile(info))  # type: ignore


def _tar_kind(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return "a link"
    if info.isdir():
        return "folder"
    return "file" if info.isreg() and not info.issparse() else "a device or a sparse file"


class _Bounded:
    """A stream that refuses headers which would fill the memory, and content which unpacks without end."""

    def __init__(self, archive: Path, stream: IO[bytes], most: int) -> None:
        self._archive, self._stream, self._most = archive, stream, most

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, position: int) -> int:
        self._check(position)
        return self._stream.seek(position)

    def read(self, size: int) -> bytes:
        if size > _CHUNK:
            raise _refused(self._archive, f"one of its headers takes {size:,} bytes")
        self._check(self._stream.tell() + size)
        return self._stream.read(size)

    def _check(self, position: int) -> None:
        if position > self._most:
            raise _refused(self._archive, f"it unpacks to more than {self._most:,} bytes")
