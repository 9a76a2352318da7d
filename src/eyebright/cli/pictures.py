"""What stands on the command line: images (files, folders, addresses, standard input), files for results, options."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eyebright.system.errors import OutputError, SettingsError
from eyebright.system.text import is_web_address, listed

if TYPE_CHECKING:
    from eyebright.model.stream import LazyImage


class Fetched:
    """An image at an address: downloaded when it is needed, and kept until `forget` is called."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._content: bytes | None = None

    def __call__(self) -> bytes:
        from eyebright.system.downloads import fetch

        if self._content is None:
            self._content = fetch(self._address)
        return self._content

    def forget(self) -> None:
        """Free the memory; the next call downloads it again."""
        self._content = None


def sources_of(pictures: list[str]) -> "list[tuple[str, LazyImage]]":
    """Name and image of everything that was asked for; addresses are downloaded when they are needed.

    Args:
        pictures: Files, folders and addresses; "-" is one image from standard input.

    Raises:
        SettingsError: When there is no image.
    """
    found = list(_sources(pictures))
    if not found:
        raise SettingsError(f"there are no images in {', '.join(pictures)}")
    return found


def _sources(pictures: list[str]) -> "Iterator[tuple[str, LazyImage]]":
    from eyebright.data.sources.walk import walk_files

    for picture in pictures:
        if picture == "-":
            yield "-", sys.stdin.buffer.read()
        elif is_web_address(picture):
            yield picture, Fetched(picture)
        elif Path(picture).is_dir():
            for file in walk_files(Path(picture)):
                yield file, Path(file)
        else:
            yield picture, Path(picture)


def require_free(places: Sequence[Path], pictures: str | Path, *, overwrite: bool) -> None:
    """Refuse to write among the images or over another file, before the work starts.

    Raises:
        OutputError: With the place and what to do.
    """
    from eyebright.system import files

    for place in places:
        files.require_free_file(place, overwrite=overwrite)
        require_outside(place, pictures)


def require_outside(place: Path, pictures: str | Path) -> None:
    """Refuse to write among the images; an `OutputError` with the place and what to do."""
    if place.resolve().is_relative_to(Path(pictures).resolve()):
        raise OutputError(f"{place} is in the folder of images, where nothing is written: use another folder")


def refuse(options: Mapping[str, object], kind: str) -> None:
    """Refuse options that were given and mean nothing for a kind of model or images, such as "a detector"."""
    given = [name for name, value in options.items() if value]
    if given:
        raise SettingsError(f"{listed(given)}: not for {kind}, leave {'it' if len(given) == 1 else 'them'} out")


def require_suffix(place: Path, suffix: str, *, option: str) -> None:
    """Refuse a file with another extension, such as ".png"; a `SettingsError` that says what to write."""
    if place.suffix.lower() != suffix:
        kind, named = suffix[1:].upper(), place.with_suffix(suffix).name
        raise SettingsError(f"{option} expects a {kind} file, got {place}: use {named}")


def require_png(place: Path, pictures: Sequence[str], *, option: str, overwrite: bool) -> None:
    """Refuse to draw into anything but a new PNG file outside the folders of images, before the work starts.

    Raises:
        SettingsError: When it has another extension.
        OutputError: As `require_free`.
    """
    require_suffix(place, ".png", option=option)
    for source in pictures:
        require_free([place], source, overwrite=overwrite)
