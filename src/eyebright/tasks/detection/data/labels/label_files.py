"""Where the files with labels lie, and how a small one is read."""

from collections.abc import Callable, Collection
from pathlib import Path

from eyebright.data.sources.sides import side_of
from eyebright.data.sources.table import encoding_of
from eyebright.system.errors import DataError
from eyebright.system.files import read_errors

LABEL_FOLDERS = ("annotations", "labels")
MOST_BYTES = 20_000_000
"""Of a file with the labels of one image: 50,000 boxes."""


def files_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files in a folder with one of these extensions (lower case, with the dot; in the folder also upper case)."""
    return [
        entry
        for entry in sorted(folder.iterdir())
        if entry.suffix.lower() in suffixes and not entry.name.startswith(".") and entry.is_file()
    ]


def files_at(place: Path, inside: Callable[[Path], list[Path]]) -> list[Path]:
    """The file at a place, or the files that are inside a folder, absolute."""
    return [place.absolute()] if place.is_file() else inside(place.absolute())


def places_in(folder: Path, *names: str) -> list[Path]:
    """The folder, and those in it that are called as a set (`train`) or have one of these names (lower case)."""
    below = (entry for entry in sorted(folder.iterdir()) if entry.name.lower() in names or side_of(entry.name))
    return [folder, *(entry for entry in below if entry.is_dir())]


def folder_of_labels(place: Path) -> Path:
    """The folder that labels and images are in: that of a file, or the one above `annotations` or `labels`."""
    folder = place.absolute().parent if place.is_file() else place.absolute()
    return folder.parent if place.is_file() and folder.name.lower() in LABEL_FOLDERS else folder


def read_small(file: Path) -> bytes:
    """The content of a file with the labels of one image.

    Raises:
        DataError: When it cannot be read, or is too large for that.
    """
    with read_errors(file):
        if (size := file.stat().st_size) > MOST_BYTES:
            raise DataError(
                f"{file} has {size / 1e6:,.0f} MB: expected the labels of one image, at most {MOST_BYTES / 1e6:.0f} MB"
            )
        return file.read_bytes()


def read_text(file: Path) -> str:
    """The text of such a file, in UTF-8 or UTF-16; errors as in `read_small`."""
    content = read_small(file)
    return content.decode(encoding_of(content[:2]), "surrogateescape" if b"\0" not in content[:2] else "replace")
