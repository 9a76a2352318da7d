"""Unpack archives that may be hostile: only plain files and folders, only inside the target folder, within limits.

Owners, permissions, links and devices in a tar are ignored or refused; only names that are valid on every system are
accepted. Unpack into a folder of `files.new_folder`, so that nothing is left after an error.
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
from eyebright.system.progress import Report, quiet

MOST_BYTES = 4_000_000_000
MOST_MEMBERS = 200_000
_CHUNK_BYTES = 1 << 20
_HEADER_BYTES = 1 << 13  # allowed per member beside its content, with its long name
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))}


class _Member(NamedTuple):
    name: str
    type: str  # "folder", "file", or a description of anything else
    open: Callable[[], IO[bytes]]


def unpack(
    archive: Path,
    folder: Path,
    *,
    most_bytes: int = MOST_BYTES,
    most_members: int = MOST_MEMBERS,
    report: Report = quiet,
) -> None:
    """Unpack a tar, a gzipped tar or a zip into an existing folder.

    Args:
        archive: The file; it is only read.
        folder: The target; no file in it is replaced.
        most_bytes: The largest total size of the members.
        most_members: The largest number of members.
        report: Receives the number of bytes written.

    Raises:
        DataError: When the file is not an archive, damaged or larger than allowed, or a member has an absolute path, a
            path with `..`, the path of another member, or is a link or a device.
    """
    done = 0
    try:
        for count, member in enumerate(_members(archive, most_bytes + most_members * _HEADER_BYTES), 1):
            if count > most_members:
                raise _refused(archive, f"it has more than {most_members:,} members")
            target = _target(archive, folder, member)
            if member.type == "folder":
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file, member.open() as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    done += len(chunk)
                    if done > most_bytes:
                        raise _refused(archive, f"it unpacks to more than {most_bytes:,} bytes")
                    file.write(chunk)
                    report("unpacking", done, None)
    except (FileExistsError, NotADirectoryError) as problem:
        raise _refused(archive, f"two members have the path {Path(str(problem.filename)).name!r}") from problem
    except (
        tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, ValueError, RuntimeError
    ) as problem:  # RuntimeError: encrypted, of an unknown method, nested without end  # fmt: skip
        if isinstance(problem, DataError):
            raise
        raise _refused(archive, str(problem)) from problem


def _refused(archive: Path, reason: str) -> DataError:
    return DataError(f"{archive} cannot be unpacked: {reason}; download it again from a source that you trust")


def _target(archive: Path, folder: Path, member: _Member) -> Path:
    """The path of a member in the folder.

    Raises:
        DataError: When the member is not allowed.
    """
    if member.type not in ("folder", "file"):
        raise _refused(archive, f"{member.name!r} is {member.type}, expected only files and folders")
    parts = PurePosixPath(member.name).parts
    is_unsafe = not member.name.isprintable() or any(sign in member.name for sign in '\\:*?"<>|')
    if is_unsafe or member.name.startswith("/") or any(map(_is_reserved, parts)):
        raise _refused(archive, f"{member.name!r} is not a valid path inside a folder")
    return folder.joinpath(*parts)


def _is_reserved(part: str) -> bool:
    """Whether a part of a path leads elsewhere, or means another name on Windows."""
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
        type_ = "folder" if info.is_dir() else "file"
        if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
            type_ = "a link" if mode == stat.S_IFLNK else "a device"
        yield _Member(info.filename, type_, lambda info=info: packed.open(info))  # type: ignore[misc]


def _tar_members(archive: Path, stream: IO[bytes], most_read: int) -> Iterator[_Member]:
    bounded = cast("IO[bytes]", _Bounded(archive, stream, most_read))
    with tarfile.open(fileobj=bounded, mode="r:") as packed:
        while (info := packed.next()) is not None:
            yield _Member(info.name, _tar_type(info), lambda info=info: packed.extractfile(info))  # type: ignore


def _tar_type(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return "a link"
    if info.isdir():
        return "folder"
    return "file" if info.isreg() and not info.issparse() else "a device or a sparse file"


class _Bounded:
    """A stream that refuses headers which would fill the memory, and content which unpacks without end."""

    def __init__(self, archive: Path, stream: IO[bytes], most_read: int) -> None:
        self._archive, self._stream, self._most_read = archive, stream, most_read

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, position: int) -> int:
        self._check(position)
        return self._stream.seek(position)

    def read(self, size: int) -> bytes:
        if size > _CHUNK_BYTES:
            raise _refused(self._archive, f"one of its headers has {size:,} bytes, more than {_CHUNK_BYTES:,}")
        self._check(self._stream.tell() + size)
        return self._stream.read(size)

    def _check(self, position: int) -> None:
        if position > self._most_read:
            raise _refused(self._archive, f"with headers it unpacks to more than {self._most_read:,} bytes")
