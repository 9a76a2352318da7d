"""Which tar shards a path or an address stands for: a file, a folder of them, or a pattern `train-{000..146}.tar`."""

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from eyebright.data.sources.ranged import LocalFile, Ranged, RemoteFile, reached, remote, without_token
from eyebright.data.sources.source import SIDE_NAMES
from eyebright.system.errors import DataError

SUFFIX = ".tar"
_NAME = re.compile(r"\.(tar(\.\w+)?|tgz|tbz2?|txz)$", re.IGNORECASE)
_BRACES = re.compile(r"\{(\d{1,9})\.\.(\d{1,9})\}|\{([^{}]*,[^{}]*)\}")
_MOST = 100_000


def is_shard(name: str | Path) -> bool:
    """Whether a name is that of a tar file, also of a compressed one, for which reading it has the better words."""
    return _NAME.search(without_token(str(name))) is not None


def is_pattern(name: str | Path) -> bool:
    """Whether a name stands for several."""
    return _BRACES.search(str(name)) is not None


def expanded(pattern: str) -> list[str]:
    """The names for which a pattern stands.

    >>> expanded("train-{08..10}.tar")
    ['train-08.tar', 'train-09.tar', 'train-10.tar']
    >>> expanded("{train,test}.tar")
    ['train.tar', 'test.tar']

    Raises:
        DataError: When it stands for none, or for very many.
    """
    parts: list[Sequence[str]] = []
    end, count = 0, 1
    for match in _BRACES.finditer(pattern):
        first, last, listed = match.groups()
        padded = listed is None and any(end.startswith("0") and len(end) > 1 for end in (first, last))
        width = max(len(first), len(last)) if padded else 0  # as a shell has it
        numbers = range(0) if listed is not None else range(int(first), int(last) + 1)
        count *= len(numbers) if listed is None else listed.count(",") + 1
        if not 0 < count <= _MOST:
            shown = without_token(pattern)
            raise DataError(f"{shown} stands for {count:,} files: expected 1 to {_MOST:,}, as name-{{000..146}}.tar")
        choices = [f"{number:0{width}d}" for number in numbers] if listed is None else listed.split(",")
        parts += [[pattern[end : match.start()]], choices]
        end = match.end()
    return ["".join(chosen) for chosen in itertools.product(*parts, [pattern[end:]])]


def shards_in(folder: Path) -> list[Path]:
    """The shards of a folder, or of its folders for the sides; none where it also holds other folders."""
    own = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]
    folders = [entry for entry in own if entry.is_dir()]
    if any(entry.name.lower() not in SIDE_NAMES for entry in folders):
        return []
    places = [own, *(sorted(place.glob(f"[!.]*{SUFFIX}")) for place in folders)]
    return [file for place in places for file in place if file.suffix.lower() == SUFFIX and file.is_file()]


def local_shards(pattern: Path) -> list[Ranged]:
    """The shards for which a pattern stands, all of which must be there."""
    files = [Path(name) for name in expanded(str(pattern.absolute()))]
    lacking = [file for file in files if not file.is_file()]
    if lacking:
        raise DataError(f"{lacking[0]} is missing, {len(lacking):,} of the {len(files):,} of {pattern} are")
    return [LocalFile(file) for file in files]


def remote_shards(address: str) -> list[Ranged]:
    """The shards at an address: one, those of a pattern, or those of a folder.

    Raises:
        DataError: When there are none, or the address is of something else.
        DownloadError: When it cannot be reached.
        MissingExtraError: As `ranged.remote`.
    """
    names = expanded(address)
    if is_shard(names[0]):
        return [remote(name) for name in names]
    shown = without_token(address)
    if len(names) > 1:
        raise DataError(f"{shown} names no tar shards: expected a pattern such as {shown.rpartition('/')[0]}/"
                        "name-{000..146}.tar")  # fmt: skip
    place = remote(address)
    with reached(address):
        listed = place.system.ls(place.path, detail=False) if place.system.isdir(place.path) else []
    found = sorted(path for path in listed if path.lower().endswith(SUFFIX))
    if not found:
        raise DataError(
            f"{shown} holds no tar shards (.tar), and of addresses only these are read: for anything else, "
            "download it and give its folder or file"
        )
    return [RemoteFile(without_token(place.system.unstrip_protocol(path)), place.system, path) for path in found]
