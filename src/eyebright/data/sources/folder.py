"""A folder with one folder of pictures for each class; also with `train/`, `validation/` and `test/` above the classes.

Hidden files are passed over, links are followed once, and the order is that of the names, whatever the disk says.
What is a picture is told by content when it is opened; here only files that are plainly something else are passed over.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from eyebright.data.pictures import ImageInput
from eyebright.data.sources.source import SIDE_NAMES, Found
from eyebright.data.split import SIDES, Side
from eyebright.system.errors import DataError
from eyebright.system.files import readable

_NO_PICTURES = {".txt", ".md", ".csv", ".tsv", ".json", ".xml", ".html", ".pdf", ".zip", ".tgz", ".gz", ".py", ".db"}

Progress = Callable[[int], None]


class FolderSource:
    """Pictures below a folder, by their paths relative to it."""

    def __init__(self, root: Path, names: list[str]) -> None:
        self.root = root
        self.names = names
        self.identity = f"folder {root}"

    def stamp(self, index: int) -> str:
        try:
            status = os.stat(os.path.join(self.root, self.names[index]))  # noqa: PTH116, PTH118 - as in walk_files
        except OSError:
            return "missing"
        return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"

    def open(self, index: int) -> ImageInput:
        return self.root / self.names[index]


def scan_folder(path: Path, progress: Progress | None = None) -> Found:
    """Find the pictures below a folder.

    Args:
        path: The folder.
        progress: Called now and then with the number of files found so far.

    Raises:
        DataError: When the folder is missing, is no folder, cannot be read, or holds no class folders.
    """
    root = Path(os.path.abspath(path))  # noqa: PTH100 - absolute() keeps "..", resolve() would hide the user's own path
    if not os.path.exists(root):  # noqa: PTH110 - Path.exists() raises on names that are too long
        raise DataError(f"{path} does not exist: give the folder that holds one folder of pictures for each class")
    if not root.is_dir():
        raise DataError(f"{path} is a file: give the folder that holds one folder of pictures for each class")
    top = _folders(root)
    given = {folder.name: SIDE_NAMES[folder.name.lower()] for folder in top if folder.name.lower() in SIDE_NAMES}
    if given and len(given) == len(top) and "train" in given.values():
        places = [(folder, side) for name, side in sorted(given.items()) for folder in _folders(root / name)]
    else:
        given = {}
        places = [(folder, SIDES[0]) for folder in top]
    if not places:
        raise DataError(
            f"{path} holds no folders: expected one folder of pictures for each class, as in {path}/daisy, {path}/tulip"
        )
    names: list[str] = []
    found: list[tuple[str, Side]] = []
    for folder, side in places:
        for file in walk_files(folder):
            names.append(os.path.relpath(file, root))
            found.append((folder.name, side))
            if progress and len(names) % 1_000 == 0:
                progress(len(names))
    if progress:
        progress(len(names))
    classes = tuple(sorted({folder.name for folder, _ in places}))
    number = {name: index for index, name in enumerate(classes)}
    sides = [side for _, side in found] if given else None
    labels = [number[name] for name, _ in found]
    return Found(FolderSource(root, names), classes, labels, sides=sides, origin=root)


def _folders(folder: Path) -> list[Path]:
    with readable(folder), os.scandir(folder) as entries:
        above = _above(folder / "any")
        return sorted(
            Path(entry.path)
            for entry in entries
            if not entry.name.startswith(".") and _is_folder(entry) and _identity(entry.path) not in above
        )


def walk_files(folder: Path) -> Iterator[str]:
    """Paths of the files below a folder, in the order of their names; each real folder is entered once."""
    entered = _above(folder)
    waiting = [str(folder)]
    while waiting:
        place = waiting.pop()
        with readable(place):
            identity = _identity(place)
            if identity in entered:
                continue
            entered.add(identity)
            with os.scandir(place) as found:
                entries = sorted(
                    (entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name
                )
                folders = {entry.name for entry in entries if _is_folder(entry)}
        for entry in entries:
            if entry.name not in folders and os.path.splitext(entry.name)[1].lower() not in _NO_PICTURES:  # noqa: PTH122
                yield entry.path
        waiting.extend(entry.path for entry in reversed(entries) if entry.name in folders)


def _identity(place: str | Path) -> tuple[int, int]:
    status = os.stat(place)  # noqa: PTH116 - Path objects for each of a million files cost seconds
    return status.st_dev, status.st_ino


def _above(folder: Path) -> set[tuple[int, int]]:
    """The folders that contain this one: a link to one of them leads back to where we are."""
    return {_identity(parent) for parent in folder.absolute().parents}


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
