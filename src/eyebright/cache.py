"""What eyebright keeps so that it need not be made again: told, and removed on request.

Below `files.cache_folder()` lies a folder for each kind; in it a folder or a file for each entry. A folder may say in
`about.txt` what it is for. Everything in it can be made again.
"""

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import filelock

from eyebright import files
from eyebright.codec import Record
from eyebright.errors import OutputError

ABOUT, LOCK = "about.txt", "lock"
KINDS = {
    "packs": "prepared pictures",
    "features": "features of pictures",
    "unpacked": "pictures out of compressed files",
    "shards": "where pictures lie in shards at addresses",
    "fetched": "fetched sets of pictures",
    "weights": "published weights",
    "compiled": "compiled models",
}
_DAY_S = 86_400


class Entry(Record, frozen=True, kw_only=True):
    """One thing that is kept.

    Args:
        kind: One of KINDS.
        name: The name of its file or folder.
        about: What it is for.
        size_bytes: Its size on the disk.
        used_days: Days since it was last used or written.
    """

    kind: str
    name: str
    about: str
    size_bytes: int
    used_days: float


def describe(folder: Path, text: str) -> None:
    """Write down what a folder of the cache is for, and that it is used now."""
    files.write_file(folder / ABOUT, text.encode("utf-8", "backslashreplace"))


def entries() -> list[Entry]:
    """Everything that is kept, the largest first."""
    found = [_entry(kind, path) for kind in KINDS for path in _places(kind)]
    return sorted(found, key=lambda entry: -entry.size_bytes)


def remove(unwanted: Iterable[Entry]) -> list[Entry]:
    """Remove entries.

    Returns:
        Those that are in use by another process, and stay.

    Raises:
        OutputError: When one cannot be removed.
    """
    busy = []
    for entry in unwanted:
        place = files.cache_folder(entry.kind) / entry.name
        with files.explained(place):
            if place.is_dir() and not _free(place):
                busy.append(entry)
            elif place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
    return busy


def _places(kind: str) -> list[Path]:
    root = files.cache_folder() / kind
    return sorted(path for path in root.iterdir() if path.suffix != ".lock") if root.is_dir() else []


def _entry(kind: str, place: Path) -> Entry:
    parts = [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else [place]
    status = [part.stat() for part in parts]
    about = place / ABOUT
    return Entry(
        kind=kind,
        name=place.name,
        about=files.printable(about.read_text("utf-8") if about.is_file() else place.name),
        size_bytes=sum(part.st_size for part in status),
        used_days=(time.time() - max((part.st_mtime for part in status), default=0)) / _DAY_S,
    )


def _free(folder: Path) -> bool:
    """Whether nobody is writing into a folder."""
    if not (folder / LOCK).exists():
        return True
    try:
        with filelock.FileLock(folder / LOCK, timeout=0):
            return True
    except filelock.Timeout:
        return False
    except OSError as problem:
        raise OutputError(f"{folder} cannot be removed: {problem.strerror}") from problem
