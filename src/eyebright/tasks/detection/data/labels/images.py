"""The images of a folder, found by what the files with the labels call them.

Labels travel: their paths are those of another computer, of a server or of another folder, often with backslashes. So
an image is known by its name, and where several have the same name, by the folders above it.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from eyebright.data.sources.folder import FolderSource
from eyebright.data.sources.sides import side_of
from eyebright.data.sources.source import scanning
from eyebright.data.sources.walk import IMAGE_SUFFIXES, walk_files
from eyebright.data.split import Side
from eyebright.system.progress import Report
from eyebright.system.text import counted
from eyebright.tasks.detection.data.labels.drawn import Drawn, FoundBoxes, LabelledImage, Lost

_OF_LABELS = ("annotations", "labels")


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
        parts = [folder.split("/") for folder in {name.rpartition("/")[0] for name in self.names}]
        self.folders = {"/".join(folders[: end + 1]) for folders in parts for end in range(len(folders))}
        for name in self.names:
            last = name.rpartition("/")[2]
            self._by_name[last].append(name)
            self._by_stem[os.path.splitext(last)[0]].append(name)  # noqa: PTH122 - as in `stamp_of`

    def find(self, stated: str, near: str = "", *, stem: bool = False) -> str | None:
        """The image that a path means; None if there is none.

        Args:
            stated: The path that the labels give.
            near: The folder of the labels, relative to the root: among images of the same name, the nearest is taken.
            stem: Whether the path has no extension.
        """
        parts = _parts(stated)
        if not parts:
            return None
        found = (self._by_stem if stem else self._by_name).get(parts[-1], ())
        folders, beside = parts[:-1], near.split("/")
        return max(found, key=lambda name: _likeness(name.split("/")[:-1], folders, beside), default=None)


def _parts(path: str) -> list[str]:
    """The folders of a path and its name, without those that only lead elsewhere."""
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".", "..")]


def _likeness(own: list[str], stated: list[str], near: list[str]) -> tuple[int, int, int]:
    """How well the folders of an image fit a path: by the last folders of the path, then by those of the labels."""
    return _common(own[::-1], stated[::-1]), _common(own, near), -len(own)


def _common(first: list[str], second: list[str]) -> int:
    """How many parts two paths have in common from the beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


class _Claim(NamedTuple):
    """The path that an image has its labels by.

    Args:
        called: What the labels call it.
        parts: That path, from the folder of the labels.
    """

    called: str
    parts: list[str]

    def agreement(self, name: str) -> tuple[int, int]:
        """How well it fits an image: by its last folders, then by its first."""
        own, folders = name.split("/")[:-1], self.parts[:-1]
        return _common(own[::-1], folders[::-1]), _common(own, folders)


def _claim(called: str, near: str) -> _Claim:
    """A path as the labels give it. Where they lie counts for paths that begin there, as in folders of the sets."""
    begins_elsewhere = called[:1] in ("/", "\\") or called[1:2] == ":" or near.lower() in _OF_LABELS
    return _Claim(called, _parts(called if begins_elsewhere else f"{near}/{called}"))


class Gathering:
    """Collects the labels of the images of a folder, file by file.

    An image has the labels of one path only: of two paths that lead to it, such as `cam1/0.jpg` and `cam2/0.jpg` where
    there is no `cam2`, the one that fits better, and the labels of the other have no image.

    Args:
        images: The images.
    """

    def __init__(self, images: ImagesBelow) -> None:
        self.images, self.notices = images, list[str]()
        self._boxes, self._lost = dict[str, list[Drawn]](), dict[str, list[Drawn]]()
        self._claims = dict[str, _Claim]()
        self._sides, self._stated = dict[str, Side | None](), dict[str, tuple[int, int] | None]()

    def add(
        self,
        name: str | None,
        called: str,
        boxes: Sequence[Drawn],
        *,
        side: Side | None = None,
        stated: tuple[int, int] | None = None,
        near: str = "",
    ) -> None:
        """Note the labels of an image; those of several files are joined where they give the same path.

        Args:
            name: The image, as `ImagesBelow.find` gives it; None where there is none.
            called: What the labels call it.
            boxes: Its boxes; none for an image without objects.
            side: Its set.
            stated: (width, height) that the file says it has.
            near: The folder of the labels, relative to the root, where `called` does not have it.
        """
        if name is None or not self._is_claimed(name, _claim(called, near)):
            self._lost.setdefault(called, []).extend(boxes)
            return
        self._boxes.setdefault(name, []).extend(boxes)
        self._sides[name] = side or self._sides.get(name)
        self._stated[name] = stated or self._stated.get(name)

    def _is_claimed(self, name: str, claim: _Claim) -> bool:
        """Whether the image is the one of this path; labels of a path that fits worse are taken off it."""
        holder = self._claims.setdefault(name, claim)
        if holder.parts == claim.parts:
            return True
        if claim.agreement(name) <= holder.agreement(name):
            return False
        self._claims[name] = claim
        self._lost.setdefault(holder.called, []).extend(self._boxes.pop(name))
        del self._sides[name], self._stated[name]
        return True

    def found(self, form: str, origin: Path, *, only_labelled: bool = False) -> FoundBoxes:
        """The images of all folders that hold a labelled one.

        Args:
            form: The name of the format.
            origin: What was read.
            only_labelled: Whether other images in these folders belong to the set too.
        """
        folders = {name.rpartition("/")[0] for name in self._boxes}
        names = [name for name in self.images.names if name.rpartition("/")[0] in folders]
        others = len(self.images.names) - len(names)
        if others:
            self.notices.append(f"{counted(others, 'image')} in folders without any labelled image left out.")
        if only_labelled:
            names = [name for name in names if name in self._boxes]
        sides = self._sides if any(self._sides.values()) else dict(zip(names, sides_of_folders(names), strict=True))
        images = [LabelledImage(self._boxes.get(name), sides.get(name), self._stated.get(name)) for name in names]
        lost = [Lost(called, boxes) for called, boxes in self._lost.items()]
        return FoundBoxes(FolderSource(self.images.root, names), images, form, origin, lost, self.notices)


def sides_of_folders(names: Sequence[str]) -> list[Side | None]:
    """The set of each image by the folders that it is in: `train/images/1.jpg` and `images/train/1.jpg`."""
    found: dict[str, Side | None] = {}
    for name in names:
        folder = name.rpartition("/")[0]
        if folder not in found:
            found[folder] = next((side for part in folder.split("/") if (side := side_of(part))), None)
    return [found[name.rpartition("/")[0]] for name in names]


def folder_of_labels(place: Path) -> Path:
    """The folder that labels and images are in: that of a file, or the one above `annotations` or `labels`."""
    folder = place.absolute().parent if place.is_file() else place.absolute()
    return folder.parent if place.is_file() and folder.name.lower() in _OF_LABELS else folder
