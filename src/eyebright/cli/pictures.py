"""Images that are named on the command line: files, folders, addresses, and one from standard input."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from eyebright.system.errors import SettingsError

if TYPE_CHECKING:
    from eyebright.model.predictor import LazyImage


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
    from eyebright.system.connections import is_web_address

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
