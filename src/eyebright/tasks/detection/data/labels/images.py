"""The images below a folder, found by what the files with the labels call them.

Labels travel: their paths are those of another computer, of a server or of another folder, often with backslashes. So
an image is known by its name, and where several have the same name, by the folders above it.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from eyebright.data.sources.sides import side_in, side_of
from eyebright.data.sources.source import scanning
from eyebright.data.sources.walk import IMAGE_SUFFIXES, walk_files
from eyebright.data.split import Side
from eyebright.system.errors import DataError
from eyebright.system.progress import Report
from eyebright.system.text import listed, printable

IMAGE_FOLDERS = {"images", "jpegimages", "img", "data", "obj_train_data"}
"""The folders of the images in one or the other format, in lower case."""


class ImagesBelow:
    """The images below a folder.

    Args:
        root: The folder, absolute.
        report: Receives their number.

    Attributes:
        names: Their paths, relative to it, with slashes.
        folders: The folders that they are in, and all folders above these.
    """

    def __init__(self, root: Path, report: Report) -> None:
        self.root = root
        files = scanning(walk_files(root, IMAGE_SUFFIXES), report)
        self.names = [os.path.relpath(file, root).replace(os.sep, "/") for file in files]
        self._by_name, self._by_stem = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
        self._known: dict[tuple[str, str, str], str | None] = {}
        parts = [folder.split("/") for folder in {name.rpartition("/")[0] for name in self.names}]
        self.folders = {"/".join(folders[: end + 1]) for folders in parts for end in range(len(folders))}
        for name in self.names:
            last = name.rpartition("/")[2]
            self._by_name[last].append(name)
            self._by_stem[stem_of(last)].append(name)

    def find(self, stated: str, near: str = "", part: str = "") -> str | None:
        """The image that a path means; None if there is none.

        Of images of the same name, the one is taken whose folders fit best: the last folders of the path, then the part
        of the set that the labels are of, then the folder of the labels.

        Args:
            stated: The path that the labels give, or an address.
            near: The folder of the labels, relative to the root.
            part: The set or the part of it that the labels are of, as a folder may be called.

        Raises:
            DataError: When several images fit as well.
        """
        key = stated, near, part
        if key not in self._known:
            self._known[key] = self._best(stated, near, part)
        return self._known[key]

    def with_stem(self, stem: str) -> Sequence[str]:
        """The images whose name without its extension is this one."""
        return self._by_stem.get(stem, ())

    def _best(self, stated: str, near: str, part: str) -> str | None:
        parts = path_parts(stated)
        candidates = self._called(parts[-1]) if parts else ()
        if len(candidates) < 2:
            return candidates[0] if candidates else None
        fits = {name: _fit(name, parts[:-1], near, part) for name in candidates}
        best = max(fits.values())
        found = [name for name, fit in fits.items() if fit == best]
        if len(found) > 1:
            raise DataError(
                f"the labels name {printable(stated)}, which may be {listed(list(map(printable, found)), 3)} below "
                f"{self.root}: write the folder of the image into the labels, or move the other images away"
            )
        return found[0]

    def _called(self, name: str) -> Sequence[str]:
        """The images of a name, or else those of that name and an extension."""
        return self._by_name.get(name) or self.with_stem(name)


def stem_of(name: str) -> str:
    """A name without its extension; quicker than a Path."""
    return os.path.splitext(name)[0]  # noqa: PTH122 - as in `stamp_of`


def path_parts(path: str) -> list[str]:
    """The folders of a path or an address and its name, without those that only lead elsewhere."""
    if "://" in path:
        path = unquote(urlsplit(path).path)
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".", "..")]


def in_common(first: Iterable[str], second: Iterable[str]) -> int:
    """How many parts two paths have in common from the beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def sides_of_folders(names: Sequence[str]) -> list[Side | None]:
    """The set of each image by the folders that it is in: `train/images/1.jpg` and `images/train/1.jpg`."""
    found: dict[str, Side | None] = {}
    for name in names:
        folder = name.rpartition("/")[0]
        if folder not in found:
            found[folder] = next((side for one in folder.split("/") if (side := side_of(one))), None)
    return [found[name.rpartition("/")[0]] for name in names]


def _fit(name: str, stated: Sequence[str], near: str, part: str) -> tuple[int, bool, bool, int, bool, int]:
    """How well the folders of an image fit; compared from the first number on."""
    folders = name.split("/")[:-1]
    return (
        in_common(folders[::-1], stated[::-1]),
        part in folders,
        (side := side_in(part)) is not None and any(side_of(folder) == side for folder in folders),
        in_common(folders, near.split("/")),
        not IMAGE_FOLDERS.isdisjoint(map(str.lower, folders)),
        -len(folders),
    )
