"""What is in a tar shard, as WebDataset lays it out: files whose names are alike up to the first dot are one sample.

roses/0001.jpg   the picture
roses/0001.cls   its class, a number or a text; or roses/0001.json with a "label"

A shard is read once, header by header, and nothing is unpacked. One that is cut off or damaged is refused: what is left
of it would pass for the whole. So are links, devices and names that lead elsewhere, which no honest shard has.
"""

import json
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import PureWindowsPath
from typing import IO, NamedTuple

from eyebright.data.sources.labels import NAMES, label_of
from eyebright.data.sources.ranged import Ranged
from eyebright.system.errors import DataError
from eyebright.system.text import printable

_PICTURES = {
    "jpg", "jpeg", "jpe", "png", "webp", "gif", "bmp", "tif", "tiff", "ppm", "pgm", "pbm", "pnm", "avif", "heic",
    "heif", "jp2", "tga", "ico", "img", "image",
}  # fmt: skip
_CLASS = ("label", "cls", *(name for name in NAMES if name != "label"))  # keys of .json
_PACKED = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"\x28\xb5\x2f\xfd": "unzstd"}
_BLOCK = 512
_MOST_TOLD = 1 << 24  # bytes of a .cls or .json


class Sample(NamedTuple):
    """A picture of a shard.

    Args:
        name: Its member, or its key where it has no picture.
        offset: Where its bytes begin; -1 where it has no picture.
        size: How many they are.
        label: Its class, where a .cls or .json tells it.
    """

    name: str
    offset: int
    size: int
    label: str | None


class _Draft:
    """What is known of a sample so far: a shard may hold a hundred thousand, and their files in any order."""

    __slots__ = ("label", "picture", "problem", "rank", "rival", "suffixes")

    def __init__(self) -> None:
        self.suffixes: tuple[str, ...] = ()
        self.picture: tuple[str, int, int] | None = None  # name, offset, size
        self.rank = 0
        self.rival = ""  # the suffix of another picture of equal right
        self.label: str | None = None
        self.problem = ""  # why the .json tells no class


def scan_shard(shard: Ranged) -> Iterator[Sample]:
    """The samples of a shard, in their order; those that have neither picture nor class are passed over.

    Raises:
        DataError: When it is no tar, is cut off or damaged (the place is given), or something in it is not sound.
        DownloadError: When it cannot be reached.
    """
    drafts: dict[str, _Draft] = {}
    with shard.opened() as stream:
        for member, content in _members(shard.name, stream):
            name = member.name.removeprefix("./")
            folder, _, base = name.rpartition("/")
            key, _, suffix = base.partition(".")
            if key and suffix:
                draft = drafts.setdefault(f"{folder}/{key}".removeprefix("/"), _Draft())
                _add(draft, sys.intern(suffix.lower()), name, member, content, shard.name)
    for key, draft in drafts.items():
        where = f"{shard.name}, {printable(key)}"
        if draft.rival:
            raise DataError(f"{where} has several pictures, {draft.rival}: expected one in a sample")
        if draft.label is None and draft.problem:
            raise DataError(f"{where}{draft.problem}")
        if draft.picture is not None:
            yield Sample(*draft.picture, draft.label)
        elif draft.label is not None:
            yield Sample(key, -1, 0, draft.label)


def _add(draft: _Draft, suffix: str, name: str, member: tarfile.TarInfo, content: bytes | None, shard: str) -> None:
    """Take down a file of a sample. Of its pictures `.jpg` goes before `.mask.png`, two of equal right are an error."""
    if suffix in draft.suffixes:
        raise DataError(f"{shard}: {printable(name)} is in it twice")
    draft.suffixes += (suffix,)
    rank = 2 if suffix in _PICTURES else int(suffix.rpartition(".")[2] in _PICTURES)
    if rank > draft.rank:
        draft.picture, draft.rank, draft.rival = (name, member.offset_data, member.size), rank, ""
    elif rank and rank == draft.rank:
        rivals = sorted(suffix for suffix in draft.suffixes if suffix.rpartition(".")[2] in _PICTURES)
        draft.rival = " and ".join(f".{rival}" for rival in rivals)
    if suffix == "cls":
        text = (content or b"").decode("utf-8", "surrogateescape")
        draft.label = sys.intern(label_of(text, f"{shard}, {printable(name)}: "))
    elif suffix == "json" and "cls" not in draft.suffixes:
        try:
            told = json.loads(content or b"")
            keys = [key for key in _CLASS if isinstance(told, dict) and key in told]
            draft.label = sys.intern(label_of(told[keys[0]])) if keys else None
        except (ValueError, RecursionError) as problem:  # DataError is a ValueError
            draft.problem = f".json: {problem}"


def _members(name: str, stream: IO[bytes]) -> Iterator[tuple[tarfile.TarInfo, bytes | None]]:
    """The files of a tar, with the content of those that tell classes."""
    head = stream.read(_BLOCK)
    for magic, remedy in _PACKED.items():
        if head.startswith(magic):
            raise DataError(f"{name} is compressed, so that no picture can be read by itself: unpack it with {remedy}")
    stream.seek(0)
    end = 0
    try:
        with tarfile.open(fileobj=stream, mode="r:") as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # memory stays flat
                _require_plain(name, member)
                end = member.offset_data
                if not member.isdir():
                    told = member.name.lower().endswith((".cls", ".json"))
                    yield member, _told(name, tar, member) if told else None
            stream.seek(tar.offset)
            mark = stream.read(_BLOCK)
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as problem:
        if isinstance(problem, DataError):
            raise
        raise DataError(
            f"{name} is no tar file, or is damaged or cut off after byte {end:,}: {problem}; fetch it again"
        ) from problem
    if mark != bytes(_BLOCK):  # Python takes anything that is no header for the end
        what = "is damaged at" if len(mark) == _BLOCK else "is cut off, it has no end mark after"
        raise DataError(f"{name} {what} byte {tar.offset:,}: fetch it again")


def _require_plain(shard: str, member: tarfile.TarInfo) -> None:
    """Refuse what is no file or folder, or lies elsewhere."""
    own = printable(member.name)
    parts = re.split(r"[/\\]", member.name)
    if member.name.startswith("/") or ".." in parts or PureWindowsPath(member.name).drive:
        raise DataError(f"{shard} is not to be trusted: its member {own!r} leads out of it")
    if member.issym() or member.islnk():
        raise DataError(f"{shard}: its member {own!r} is a link, not a file: pack it anew with tar --dereference")
    if not (member.isdir() or member.isreg()) or member.sparse is not None or member.size < 0:
        raise DataError(f"{shard} is not to be trusted: its member {own!r} is no plain file")


def _told(shard: str, tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > _MOST_TOLD:
        raise DataError(f"{shard}: {printable(member.name)} is {member.size:,} bytes long, too much for a class")
    stream = tar.extractfile(member)
    content = stream.read() if stream is not None else b""
    if len(content) != member.size:
        raise tarfile.ReadError("unexpected end of data")
    return content
