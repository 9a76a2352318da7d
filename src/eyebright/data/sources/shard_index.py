"""What is in a tar shard of WebDataset: files whose names are equal up to the first dot are one sample.

    roses/0001.jpg   the image
    roses/0001.cls   its class, a number or a text; or roses/0001.json with a "label"

Only headers and classes are read, nothing is unpacked. A shard that is damaged or cut off is refused, because the rest
would look like a complete one. Links, devices and paths that lead out of the shard are refused for safety. For shards
at addresses the result is kept in the cache: finding it means downloading most of the shard.
"""

import hashlib
import json
import re
import sys
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import IO, NamedTuple, cast

import msgspec

from eyebright.data.sources.labels import CLASS_COLUMNS, class_name
from eyebright.data.sources.ranged import Ranged, RemoteFile
from eyebright.data.sources.walk import IMAGE_SUFFIXES
from eyebright.system import cache, files
from eyebright.system.errors import DataError
from eyebright.system.text import printable

_IMAGE_SUFFIXES = {*IMAGE_SUFFIXES, "img", "image"}
_LABEL_KEYS = ("label", "cls", *(name for name in CLASS_COLUMNS if name != "label"))  # in a .json
_COMPRESSED = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"\x28\xb5\x2f\xfd": "unzstd"}
_TAR_BLOCK = 512
_MOST_LABEL_BYTES = 1 << 24  # of a .cls or .json
_MOST_HEADER_BYTES = 1 << 20  # long names are a few kB
_CACHE_FORMAT = 2


class ShardSample(NamedTuple):
    """An image in a shard.

    Args:
        name: The name of its file, or of the sample if it has no image.
        offset: Where its bytes start; -1 if it has no image.
        size: How many bytes it has.
        label: Its class, if a .cls or .json gives it.
    """

    name: str
    offset: int
    size: int
    label: str | None


def cached_samples(shard: Ranged, stamp: str, origin: Path | str) -> list[ShardSample]:
    """The samples of a shard; from the cache if it is at an address and has not changed.

    Args:
        shard: The shard.
        stamp: Its stamp.
        origin: The path or address that the user gave, for `eyebright cache`.

    Raises:
        DataError: As `scan_shard`.
        DownloadError: As `scan_shard`.
    """
    if not isinstance(shard, RemoteFile) or is_weak(shard, stamp):
        return scan_shard(shard)
    folder = files.cache_folder("shards", _key(origin))
    cache.describe(folder, str(origin))
    place = folder / f"{_key(shard.name, stamp)}.json"
    if (content := cache.kept(place)) is not None:
        return msgspec.json.decode(content, type=list[ShardSample])
    samples = scan_shard(shard)
    with suppress(UnicodeEncodeError):  # a name is not UTF-8: the shard is scanned again next time
        cache.keep(place, msgspec.json.encode(samples))
    return samples


def is_weak(shard: Ranged, stamp: str) -> bool:
    """Whether a stamp is only a size, because the server reports nothing else, so that changes go unnoticed."""
    return isinstance(shard, RemoteFile) and " " not in stamp


def _key(*parts: object) -> str:
    text = "\0".join(map(str, (_CACHE_FORMAT, *parts)))
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


@dataclass(slots=True)
class _Draft:
    """The files of a sample so far. A shard may have a hundred thousand samples, and their files in any order."""

    suffixes: tuple[str, ...] = ()
    images: tuple[tuple[str, str, int, int], ...] = ()  # suffix, name, offset, size
    label: str | None = None
    problem: str = ""  # why the .json gives no class


def scan_shard(shard: Ranged) -> list[ShardSample]:
    """Read the samples of a shard, in order. ShardSamples with neither an image nor a class are ignored.

    Raises:
        DataError: When the shard is not a tar file, damaged, cut off or unsafe, or a sample is invalid.
        DownloadError: When its address cannot be reached.
    """
    drafts: dict[str, _Draft] = {}
    with shard.open_stream() as stream:
        for member, content in _members(shard.name, stream):
            name = member.name.removeprefix("./")
            folder, _, base = name.rpartition("/")
            key, _, suffix = base.partition(".")
            if key and suffix:
                draft = drafts.setdefault(f"{folder}/{key}".removeprefix("/"), _Draft())
                _add(draft, sys.intern(suffix.lower()), name, member, content, shard.name)
    samples = (_sample(key, draft, f"{shard.name}, {printable(key)}") for key, draft in drafts.items())
    return [sample for sample in samples if sample is not None]


def _add(draft: _Draft, suffix: str, name: str, member: tarfile.TarInfo, content: bytes, shard: str) -> None:
    """Add a file to its sample."""
    if suffix in draft.suffixes:
        raise DataError(f"{shard} contains {printable(name)} twice")
    draft.suffixes += (suffix,)
    if suffix.rpartition(".")[2] in _IMAGE_SUFFIXES:
        draft.images += ((suffix, name, member.offset_data, member.size),)
    elif suffix == "cls":
        try:
            draft.label = sys.intern(class_name(content.decode("utf-8", "surrogateescape")))
        except DataError as problem:
            raise DataError(f"{shard}, {printable(name)}: {problem}") from None
    elif suffix == "json" and "cls" not in draft.suffixes:
        try:
            values = json.loads(content)
            keys = [key for key in _LABEL_KEYS if isinstance(values, dict) and key in values]
            draft.label = sys.intern(class_name(values[keys[0]])) if keys else None
        except (ValueError, RecursionError) as problem:  # DataError is a ValueError
            draft.problem = str(problem) or "nested too deeply"


def _sample(key: str, draft: _Draft, where: str) -> ShardSample | None:
    """The sample of all its files; `.jpg` is preferred to `.mask.png` as its image."""
    first = [image for image in draft.images if image[0] in _IMAGE_SUFFIXES] or [*draft.images]
    if len(first) > 1:
        suffixes = " and ".join(sorted(f".{suffix}" for suffix, *_ in first))
        raise DataError(f"{where} has several images ({suffixes}): expected one per sample")
    if draft.label is None and draft.problem:
        raise DataError(f"{where}.json: {draft.problem}")
    if first:
        _, name, offset, size = first[0]
        return ShardSample(name, offset, size, draft.label)
    return None if draft.label is None else ShardSample(key, -1, 0, draft.label)


def _members(shard: str, stream: IO[bytes]) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """The files of a tar archive, with the content of those that give classes (else b"")."""
    start = stream.read(_TAR_BLOCK)
    for magic, command in _COMPRESSED.items():
        if start.startswith(magic):
            raise DataError(f"{shard} is compressed, so that it cannot be read in parts: decompress it with {command}")
    stream.seek(0)
    end = 0
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", _Bounded(shard, stream)), mode="r:") as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # memory stays flat
                _require_safe(shard, member)
                end = member.offset_data
                if not member.isdir():
                    yield member, _label_content(shard, tar, member)
            stream.seek(tar.offset)
            mark = stream.read(_TAR_BLOCK)
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as problem:
        if isinstance(problem, DataError):
            raise
        raise DataError(
            f"{shard} is not a tar file, or it is damaged or cut off after byte {end:,}: {problem}; download it again"
        ) from problem
    if mark != bytes(_TAR_BLOCK):  # for tarfile, anything that is not a header is the end
        what = "is damaged at" if len(mark) == _TAR_BLOCK else "is cut off, it has no end mark after"
        raise DataError(f"{shard} {what} byte {tar.offset:,}: download it again")


class _Bounded:
    """A stream that refuses headers which would fill the memory: tarfile reads each as a whole."""

    def __init__(self, shard: str, stream: IO[bytes]) -> None:
        self._shard, self._stream = shard, stream
        self.tell, self.seek = stream.tell, stream.seek

    def read(self, size: int) -> bytes:
        if size > _MOST_HEADER_BYTES:
            most = f"{_MOST_HEADER_BYTES:,}"
            raise DataError(
                f"{self._shard} is not safe: one of its headers has {size:,} bytes, expected at most {most}"
            )
        return self._stream.read(size)


def _require_safe(shard: str, member: tarfile.TarInfo) -> None:
    """Refuse everything that is not a file or folder inside the archive."""
    where = f"its member {printable(member.name)!r}"
    parts = re.split(r"[/\\]", member.name)
    if member.name.startswith("/") or ".." in parts or PureWindowsPath(member.name).drive:
        raise DataError(f"{shard} is not safe: the path of {where} leads out of the archive")
    if member.issym() or member.islnk():
        raise DataError(f"{shard}: {where} is a link, not a file: create the archive again with tar --dereference")
    if not (member.isdir() or member.isreg()) or member.sparse is not None or member.size < 0:
        raise DataError(f"{shard} is not safe: {where} is not a regular file")


def _label_content(shard: str, tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if not member.name.lower().endswith((".cls", ".json")):
        return b""
    if member.size > _MOST_LABEL_BYTES:
        name, most = printable(member.name), f"{_MOST_LABEL_BYTES:,}"
        raise DataError(f"{shard}: {name} has {member.size:,} bytes, expected a class in at most {most}")
    stream = tar.extractfile(member)
    content = stream.read() if stream is not None else b""
    if len(content) != member.size:
        raise tarfile.ReadError("unexpected end of data")
    return content
