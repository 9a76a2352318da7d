"""Which tar shards a path or an address means: one file, a folder of them, or a pattern `train-{000..146}.tar`."""

import itertools
import math
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from eyebright.data.sources.ranged import LocalFile, RemoteFile, remote_file, request_errors, without_token
from eyebright.data.sources.sides import side_in
from eyebright.system.errors import DataError

SUFFIX = ".tar"
_TAR_NAME = re.compile(r"\.(tar(\.\w+)?|tgz|tbz2?|txz)$", re.IGNORECASE)
_BRACES = re.compile(r"\{(\d{1,9})\.\.(\d{1,9})\}|\{([^{}]*,[^{}]*)\}")
_MOST_FILES = 100_000
_NUMBERED = re.compile(
    r"(?P<name>[A-Za-z]+-.*?)(?P<number>\d{5})-of-(?P<count>\d{5})(-[0-9a-f]+)?(?P<suffix>\.\w+)", re.DOTALL
)


def is_shard(name: str | Path) -> bool:
    """Whether a name is that of a tar file; also of a compressed one, so that `scan_shard` can say what to do."""
    return _TAR_NAME.search(without_token(str(name))) is not None


def is_pattern(name: str | Path) -> bool:
    """Whether a name has braces that are expanded."""
    return _BRACES.search(str(name)) is not None


def expand(pattern: str) -> list[str]:
    """Expand the braces of a pattern, as a shell does.

    >>> expand("train-{08..10}.tar")
    ['train-08.tar', 'train-09.tar', 'train-10.tar']
    >>> expand("{train,test}.tar")
    ['train.tar', 'test.tar']

    Raises:
        DataError: When the result is empty or has more than 100,000 names.
    """
    parts = _BRACES.split(pattern)  # a text, then for each pair of braces: first, last, list, the text behind it
    choices = [_choices(*parts[at : at + 3]) for at in range(1, len(parts), 4)]
    count = math.prod(map(len, choices))
    if not 0 < count <= _MOST_FILES:
        amount = f"more than {_MOST_FILES:,}" if count else "no"
        raise DataError(f"{without_token(pattern)} means {amount} files: write a range such as name-{{000..146}}.tar")
    texts = ([text] for text in parts[::4])
    return ["".join(names) for names in itertools.product(*itertools.chain(*zip(texts, [*choices, [""]], strict=True)))]


def _choices(first: str, last: str, listed: str | None) -> list[str]:
    if listed is not None:
        return listed.split(",")
    numbers = range(int(first), int(last) + 1)[: _MOST_FILES + 1]
    is_padded = any(end.startswith("0") and len(end) > 1 for end in (first, last))
    width = max(len(first), len(last)) if is_padded else 0
    return [f"{number:0{width}d}" for number in numbers]


def require_all_parts(names: Sequence[str], origin: Path | str) -> None:
    """Refuse an incomplete set of numbered files: `-of-00004` says how many there must be.

    A single file that the user has named is accepted, with a warning.

    Args:
        names: The names of the files, without folders.
        origin: What the user gave.

    Raises:
        DataError: When files are missing; one of them is named.
    """
    found: dict[tuple[str, str, int], set[int]] = {}
    for name in names:
        if match := _NUMBERED.fullmatch(name):
            found.setdefault((match["name"], match["suffix"], int(match["count"])), set()).add(int(match["number"]))
    for (name, suffix, count), present in found.items():
        missing = sorted(set(range(count)) - present)
        if missing and without_token(str(origin)).endswith(tuple(names)):
            warnings.warn(
                f"{origin} is one of {count} files; the images in the others are not used: to use all, give the folder",
                stacklevel=2,
            )
        elif missing:
            first = f"{name}{missing[0]:05d}-of-{count:05d}{suffix}"
            raise DataError(f"{origin}: {len(missing)} of {count} files are missing, such as {first}: download them")


def titles_of(names: Sequence[str]) -> list[str]:
    """The names of shards without their common folders and without their extension, such as `train-0` or `train/0`."""
    parts = [name.replace("\\", "/").split("/") for name in names]
    common = common_folders(parts)
    return [re.sub(r"\.(tar|parquet)$", "", "/".join(part[common:]), flags=re.IGNORECASE) for part in parts]


def common_folders(paths: Sequence[Sequence[str]]) -> int:
    """How many leading folders all paths share; at least one part of each path is left."""
    count = 0
    while len({path[count] for path in paths}) == 1 and all(len(path) > count + 1 for path in paths):
        count += 1
    return count


def shard_files(folder: Path) -> list[Path]:
    """The shards of a folder and of its folders for the splits; none if it has other folders, likely its classes."""
    own = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]
    folders = [entry for entry in own if entry.is_dir()]
    if not all(side_in(entry.name) for entry in folders):
        return []
    below = (file for place in folders for file in sorted(place.glob(f"[!.]*{SUFFIX}")))
    return [file for file in (*own, *below) if file.suffix.lower() == SUFFIX and file.is_file()]


def local_shards(pattern: Path) -> list[LocalFile]:
    """The shards of a pattern.

    Raises:
        DataError: When one of them does not exist.
    """
    files = [Path(name) for name in expand(str(pattern.absolute()))]
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise DataError(f"{missing[0]} is missing, as are {len(missing):,} of the {len(files):,} files of {pattern}")
    return [LocalFile(file) for file in files]


def remote_shards(address: str) -> list[RemoteFile]:
    """The shards at an address: one file, those of a pattern, or those of a folder.

    Raises:
        DataError: When there are none, or the address is of something else.
        DownloadError: When the address cannot be reached.
        MissingExtraError: As `ranged.remote_file`.
    """
    names = expand(address)
    if is_shard(names[0]):
        return [remote_file(name) for name in names]
    shown = without_token(address)
    if len(names) > 1:
        example = f"{shown.rpartition('/')[0]}/name-{{000..146}}.tar"
        raise DataError(f"{shown} is not a pattern of tar files: expected one such as {example}")
    place = remote_file(address)
    with request_errors(address):
        is_listed = "http" in place.system.protocol or place.system.isdir(place.path)
        listed = place.system.ls(place.path, detail=False) if is_listed else []
    found = sorted(path for path in listed if path.lower().endswith(SUFFIX))
    if not found:
        raise DataError(
            f"{shown} contains no tar files (.tar), and nothing else is read from addresses: download it and give the "
            "folder or file on the disk"
        )
    return [RemoteFile(without_token(place.system.unstrip_protocol(path)), place.system, path) for path in found]
