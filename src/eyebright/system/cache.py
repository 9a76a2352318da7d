"""The cache: what is in it, when it was last used, and how entries are removed.

`files.cache_folder()` contains a folder for each kind, with a file or folder for each entry. A folder may describe
itself in `about.txt`. Everything in the cache can be computed or downloaded again. The modification time of an entry is
the time of its last use; for a folder, only its own time is set, not those of its files.
"""

import hashlib
import os
import shutil
import stat
import time
import warnings
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from eyebright.system import files
from eyebright.system.errors import OutputError
from eyebright.system.records import Record
from eyebright.system.text import printable

ABOUT, LOCK = "about.txt", "lock"
CONTENTS = {
    "packs": "prepared images",
    "features": "features of images",
    "unpacked": "images unpacked from compressed files",
    "shards": "positions of images in remote shards",
    "fetched": "downloaded data sets",
    "weights": "published weights",
    "compiled": "compiled models",
    "runtimes": "programs that exported models contain",
}
_DAY_S = 86_400
_DIGEST = 32


class Entry(Record, frozen=True, kw_only=True):
    """A file or folder in the cache.

    Args:
        kind: A key of `CONTENTS`.
        name: Name of the file or folder.
        about: Its description, or else its name.
        size_bytes: Its size on disk.
        used_days: Days since it was last used or written.
    """

    kind: str
    name: str
    about: str
    size_bytes: int
    used_days: float


def describe(folder: Path, text: str) -> None:
    """Write the description of a folder in the cache, which also marks it as used now."""
    files.write_file(folder / ABOUT, text.encode("utf-8", "backslashreplace"))


def mark_used(place: Path) -> None:
    """Mark the entry that a path belongs to as used now; a path that is not in the cache, or read-only, is ignored."""
    with suppress(OSError, OutputError, ValueError):  # ValueError: not in the cache
        root = files.cache_folder().resolve()
        kind, name, *_ = place.resolve().relative_to(root).parts
        if kind in CONTENTS:
            os.utime(root / kind / name)


def keep(place: Path, content: bytes) -> None:
    """Write a file of the cache, with a digest by which `kept` finds damage.

    Raises:
        OutputError: When it cannot be written.
    """
    files.write_file(place, hashlib.sha256(content).digest() + content)


def kept(place: Path) -> bytes | None:
    """The content of a file that `keep` wrote; None where it cannot be read, or is damaged, with a warning."""
    try:
        with place.open("rb") as file:
            digest, content = file.read(_DIGEST), file.read()
    except OSError:
        return None
    if hashlib.sha256(content).digest() == digest:
        return content
    warn_of_damage(place)
    return None


def warn_of_damage(place: Path) -> None:
    """Warn that a file or folder of the cache is damaged."""
    warnings.warn(f"{place} is damaged on the disk; what was in it is computed again", stacklevel=2)


def entries() -> list[Entry]:
    """All entries, the largest first."""
    found = [_entry(kind, path) for kind in CONTENTS for path in _places(kind)]
    return sorted(found, key=lambda entry: -entry.size_bytes)


def remove(unwanted: Iterable[Entry]) -> list[Entry]:
    """Remove entries.

    Returns:
        The entries that were not removed, because another process uses them.

    Raises:
        OutputError: When an entry cannot be removed.
    """
    busy = []
    for entry in unwanted:
        place = files.cache_folder(entry.kind) / entry.name
        with files.write_errors(place):
            if not _free(place):
                busy.append(entry)
            elif place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
    return busy


def _places(kind: str) -> list[Path]:
    """The entries of a kind, without locks and without hidden files that may still be written (newer than a day)."""
    root = files.cache_folder() / kind
    found = sorted(path for path in root.iterdir() if path.suffix != ".lock") if root.is_dir() else []
    return [path for path in found if not path.name.startswith(".") or _idle_days(path) > 1]


def _entry(kind: str, place: Path) -> Entry:
    inside = (os.path.join(folder, name) for folder, _, names in os.walk(place) for name in names)  # noqa: PTH118
    status = []
    for path in (str(place), *inside):
        with suppress(OSError):  # removed by another process meanwhile
            status.append(os.stat(path))  # noqa: PTH116 - fast, for a million files
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
    """Whether no process holds a lock in an entry or beside it."""
    import filelock  # one answer, which reads the cache, needs none

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
