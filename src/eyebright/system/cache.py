"""What eyebright keeps so that it need not be made again: told, and removed on request.

Below `files.cache_folder()` lies a folder for each kind; in it a folder or a file for each entry. A folder may say in
`about.txt` what it is for. Everything in it can be made again. Whoever uses an entry gives it the time of now: to a
folder, not to the files in it.
"""

import os
import shutil
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import filelock

from eyebright.system import files
from eyebright.system.errors import OutputError
from eyebright.system.records import Record
from eyebright.system.text import printable

ABOUT, LOCK = "about.txt", "lock"
CONTENTS = {
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


def mark_used(place: Path) -> None:
    """Write down that what is at a place is used now, if that is in the cache and can be written to."""
    with suppress(OSError, OutputError, ValueError):  # a ValueError says that it lies elsewhere
        root = files.cache_folder().resolve()
        kind, name, *_ = place.resolve().relative_to(root).parts
        if kind in CONTENTS:
            os.utime(root / kind / name)


def entries() -> list[Entry]:
    """Everything that is kept, the largest first."""
    found = [_entry(kind, path) for kind in CONTENTS for path in _places(kind)]
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
            if not _free(place):
                busy.append(entry)
            elif place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
    return busy


def _places(kind: str) -> list[Path]:
    """The entries of a kind; not their locks, nor what somebody may be writing: hidden files touched within a day."""
    root = files.cache_folder() / kind
    found = sorted(path for path in root.iterdir() if path.suffix != ".lock") if root.is_dir() else []
    return [path for path in found if not path.name.startswith(".") or _idle_days(path) > 1]


def _entry(kind: str, place: Path) -> Entry:
    inside = (os.path.join(folder, name) for folder, _, names in os.walk(place) for name in names)  # noqa: PTH118
    status = []
    for path in (str(place), *inside):
        with suppress(OSError):  # another process has removed it meanwhile
            status.append(os.stat(path))  # noqa: PTH116 - there may be a million
    about = place.name
    with suppress(OSError):
        about = (place / ABOUT).read_text("utf-8")
    return Entry(
        kind=kind,
        name=place.name,
        about=printable(about),
        size_bytes=sum(part.st_size for part in status if stat.S_ISREG(part.st_mode)),
        used_days=(time.time() - max((part.st_mtime for part in status), default=0)) / _DAY_S,
    )


def _idle_days(place: Path) -> float:
    with suppress(OSError):
        return (time.time() - place.stat().st_mtime) / _DAY_S
    return 0.0


def _free(place: Path) -> bool:
    """Whether nobody is writing to an entry: neither a lock in it is held, nor one beside it."""
    beside = (place.with_name(f"{name}.lock") for name in (place.name, place.name.removesuffix(".part")))
    inside = (path for pattern in (LOCK, f"*.{LOCK}") for path in place.rglob(pattern))
    for lock in (*beside, *inside):
        try:
            if lock.is_file():
                with filelock.FileLock(lock, timeout=0):
                    pass
        except filelock.Timeout:
            return False
        except OSError as problem:
            raise OutputError(f"{place} cannot be removed: {problem.strerror}") from problem
    return True
