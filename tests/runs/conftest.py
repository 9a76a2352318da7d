"""A kill at any moment: from some operation on, nothing reaches the disk any more."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_CHANGES = {"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link", "os.symlink", "os.truncate"}


class Killed(BaseException):
    """The process is gone; not even what stands in `finally` changes anything on the disk."""


class _Disk:
    """Counts what changes below a folder, and lets nothing through after so many changes."""

    def __init__(self) -> None:
        self.folder, self.left, self.made = "", -1, 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.left >= 0 and self._changes(event, arguments):
            if not self.left:
                raise Killed
            self.left -= 1
            self.made += 1

    def _changes(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            path, mode, flags = arguments
            writes = set(mode) & set("wax+") if mode else flags & 3
            return bool(writes) and str(path).startswith(self.folder)
        if event not in _CHANGES:
            return False
        path = arguments[0]
        return str(path).startswith(self.folder) or not str(path).startswith("/")  # relative to an open folder


_disk = _Disk()
sys.addaudithook(_disk)


@pytest.fixture
def kill_at() -> Iterator[Callable[..., int | None]]:
    """Calls a function and kills it at its n-th change below a folder; how many changes it made if it made fewer."""

    def call(folder: Path, changes: int, work: Callable[[], object]) -> int | None:
        _disk.folder, _disk.left, _disk.made = str(folder), changes, 0
        try:
            work()
        except Killed:
            return None
        finally:
            _disk.left = -1
        return _disk.made

    yield call
    _disk.left = -1
