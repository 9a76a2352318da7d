"""The files and folders below a folder: hidden ones are ignored, and each link is followed once.

Files are sorted by name, whatever the order on the disk. Whether a file is an image is decided by its content when it
is opened; here only files with the extension of another type are ignored.
"""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from eyebright.data.pictures import size_of
from eyebright.system.errors import PictureError
from eyebright.system.files import read_errors

IMAGE_SUFFIXES = {
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "ppm", "pgm", "pbm", "pnm", "avif",
    "heic", "heif", "jp2", "tga", "ico",
}  # fmt: skip
"""The usual extensions of images, in lower case."""
_OTHER_TYPES = {"txt", "md", "csv", "tsv", "json", "xml", "html", "pdf", "zip", "tgz", "gz", "py", "db"}
_OF_SYSTEMS = {"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found", "__pycache__"}
_TRIED = 20  # files without the extension of an image, opened to find out whether a folder has images


def walk_files(folder: Path, suffixes: Collection[str] | None = None) -> Iterator[str]:
    """The paths of the files below a folder, sorted by name in each folder; each real folder is entered once.

    Args:
        folder: The folder.
        suffixes: The extensions of the wanted files, in lower case; by default all but those of other types.
    """
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
                entries = sorted((entry for entry in scan if _is_wanted(entry)), key=lambda entry: entry.name)
                folders = {entry.name for entry in entries if _is_folder(entry)}
        for entry in entries:
            suffix = _suffix(entry.name)
            wanted = suffix not in _OTHER_TYPES if suffixes is None else suffix in suffixes
            if wanted and entry.name not in folders:
                yield entry.path
        inside = (entry for entry in reversed(entries) if entry.name in folders)
        waiting.extend(entry.path for entry in inside if not is_of_system(entry.name))


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, sorted; without links that lead back to it or to a folder above."""
    with read_errors(folder), os.scandir(folder) as entries:
        above = _above(folder / "any")
        return sorted(
            Path(entry.path)
            for entry in entries
            if not entry.name.startswith(".") and _is_folder(entry) and _identity(entry.path) not in above
        )


def is_of_system(name: str) -> bool:
    """Whether a folder has a name that some system gives to folders of its own, such as `__MACOSX`."""
    return name.lower() in _OF_SYSTEMS


def has_files(folder: Path) -> bool:
    """Whether there is a file of any type below a folder."""
    return any(not name.startswith(".") for _, _, names in os.walk(folder) for name in names)


def has_images(folder: Path) -> bool:
    """Whether there is an image below a folder: by its extension, or else by its content."""
    files = walk_files(folder)
    unknown: list[str] = []
    for file in files:
        if _suffix(file) in IMAGE_SUFFIXES:
            return True
        unknown += [file] if len(unknown) < _TRIED else []
    return any(map(is_image, unknown))


def _suffix(file: str) -> str:
    """The extension in lower case, without its dot."""
    return os.path.splitext(file)[1][1:].lower()  # noqa: PTH122 - a Path for each of a million files takes seconds


def is_image(file: str | Path) -> bool:
    """Whether a file is an image, by its content."""
    try:
        size_of(file)
    except PictureError:
        return False
    return True


def _above(folder: Path) -> set[tuple[int, int]]:
    """The folders that contain this one: a link to one of them leads back."""
    return {_identity(parent) for parent in folder.absolute().parents}


def _identity(path: str | Path) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 - as in `stamp_of`
    return status.st_dev, status.st_ino


def _is_wanted(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is neither hidden nor a pipe, a socket or a device: to read a pipe would wait for ever."""
    if entry.name.startswith("."):
        return False
    return entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False) or entry.is_symlink()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
