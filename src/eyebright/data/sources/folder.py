"""A folder with one folder of images per class, or with `train/`, `validation/` and `test/` above the classes."""

import os
from pathlib import Path

from eyebright.data.pictures import ImageInput
from eyebright.data.sources.labels import index_classes
from eyebright.data.sources.layout import class_folders
from eyebright.data.sources.source import FoundImages, scanning, stamp_of
from eyebright.data.sources.walk import walk_files
from eyebright.system.errors import DataError
from eyebright.system.progress import Report, quiet
from eyebright.system.text import listed


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
        DataError: When the folder does not exist, is a file, cannot be read, or contains no folders; or as
            `class_folders`.
    """
    root = Path(os.path.abspath(path))  # noqa: PTH100 - absolute() keeps "..", resolve() would hide the user's own path
    if not os.path.exists(root):  # noqa: PTH110 - Path.exists() raises on names that are too long
        raise DataError(f"{path} does not exist: expected a folder with one folder of images per class")
    if not root.is_dir():
        raise DataError(f"{path} is a file: expected a folder with one folder of images per class")
    folders = class_folders(root)
    if not folders:
        raise DataError(
            f"{path} contains no folders: expected one folder of images per class, such as {path}/daisy and "
            f"{path}/tulip{_level_above(root)}"
        )
    files = ((file, folder.name, side) for folder, side in folders for file in walk_files(folder))
    found = [(os.path.relpath(file, root), name, side) for file, name, side in scanning(files, report)]
    classes, labels = index_classes([name for _, name, _ in found], (folder.name for folder, _ in folders))
    sides = [side for _, _, side in found if side]
    source = FolderSource(root, [name for name, _, _ in found])
    return FoundImages(source, classes, labels, sides=sides if folders[0][1] else None, origin=root)


def _level_above(root: Path) -> str:
    """A hint where a folder of one class was given instead of the folder of all classes."""
    above = root.parent
    beside = [folder.name for folder in above.iterdir() if folder.is_dir() and folder != root]
    if not any(True for _ in walk_files(root)) or not beside or above == root:
        return ""
    return f". {root.name} seems to be one class beside {listed(sorted(beside), 3)}: did you mean {above}?"
