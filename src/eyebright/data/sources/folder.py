"""A folder with one folder of images per class, or with `train/`, `validation/` and `test/` above the classes.

Hidden files are ignored, each link is followed once, and files are sorted by name, whatever the order on the disk.
Whether a file is an image is decided by its content when it is opened; here only files with the extension of another
type are ignored.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from eyebright.data.pictures import ImageInput
from eyebright.data.sources.labels import index_classes
from eyebright.data.sources.source import SIDE_NAMES, FoundImages, scanning, stamp_of
from eyebright.data.split import Side
from eyebright.system.errors import DataError
from eyebright.system.files import read_errors
from eyebright.system.progress import Report, quiet

_OTHER_TYPES = {".txt", ".md", ".csv", ".tsv", ".json", ".xml", ".html", ".pdf", ".zip", ".tgz", ".gz", ".py", ".db"}


class FolderSource:
    """Images as files below a folder.

    Args:
        root: The folder, absolute.
        names: The paths of the images, relative to it.
    """

    def __init__(self, root: Path, names: list[str]) -> None:
        self.root = root
        self.names = names
        self.identity = f"folder {root}"

    def stamp(self, index: int) -> str:
        try:
            return stamp_of(os.path.join(self.root, self.names[index]))  # noqa: PTH118 - as in `stamp_of`
        except OSError:
            return "missing"

    def open(self, index: int) -> ImageInput:
        return self.root / self.names[index]


def read_folder(path: Path, report: Report = quiet) -> FoundImages:
    """Find the images below a folder.

    Args:
        path: The folder.
        report: Receives the number of images found so far.

    Raises:
        DataError: When the folder does not exist, is a file, cannot be read, or contains no folders.
    """
    root = Path(os.path.abspath(path))  # noqa: PTH100 - absolute() keeps "..", resolve() would hide the user's own path
    if not os.path.exists(root):  # noqa: PTH110 - Path.exists() raises on names that are too long
        raise DataError(f"{path} does not exist: expected a folder with one folder of images per class")
    if not root.is_dir():
        raise DataError(f"{path} is a file: expected a folder with one folder of images per class")
    folders = _class_folders(root)
    if not folders:
        raise DataError(
            f"{path} contains no folders: expected one folder of images per class, such as {path}/daisy and "
            f"{path}/tulip"
        )
    files = ((file, folder.name, side) for folder, side in folders for file in walk_files(folder))
    found = [(os.path.relpath(file, root), name, side) for file, name, side in scanning(files, report)]
    classes, labels = index_classes([name for _, name, _ in found], (folder.name for folder, _ in folders))
    sides = [side for _, _, side in found if side]
    source = FolderSource(root, [name for name, _, _ in found])
    return FoundImages(source, classes, labels, sides=sides if folders[0][1] else None, origin=root)


def walk_files(folder: Path) -> Iterator[str]:
    """The paths of the files below a folder, sorted by name in each folder; each real folder is entered once."""
    entered = _above(folder)
    waiting = [str(folder)]
    while waiting:
        current = waiting.pop()
        with read_errors(current):
            identity = _identity(current)
            if identity in entered:
                continue
            entered.add(identity)
            with os.scandir(current) as scan:
                entries = sorted((entry for entry in scan if not entry.name.startswith(".")), key=lambda e: e.name)
                folders = {entry.name for entry in entries if _is_folder(entry)}
        for entry in entries:
            if entry.name not in folders and os.path.splitext(entry.name)[1].lower() not in _OTHER_TYPES:  # noqa: PTH122
                yield entry.path
        waiting.extend(entry.path for entry in reversed(entries) if entry.name in folders)


def _class_folders(root: Path) -> list[tuple[Path, Side | None]]:
    """The folder of each class; with its split if all folders at the top are splits and one is the training set."""
    top = _folders(root)
    sides = [SIDE_NAMES.get(folder.name.lower()) for folder in top]
    if None in sides or "train" not in sides:
        return [(folder, None) for folder in top]
    return [(folder, side) for above, side in zip(top, sides, strict=True) for folder in _folders(above)]


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted; without links that lead back to it or to a folder above."""
    with read_errors(folder), os.scandir(folder) as entries:
        above = _above(folder / "any")
        return sorted(
            Path(entry.path)
            for entry in entries
            if not entry.name.startswith(".") and _is_folder(entry) and _identity(entry.path) not in above
        )


def _above(folder: Path) -> set[tuple[int, int]]:
    """The folders that contain this one: a link to one of them leads back."""
    return {_identity(parent) for parent in folder.absolute().parents}


def _identity(path: str | Path) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 - as in `stamp_of`
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
