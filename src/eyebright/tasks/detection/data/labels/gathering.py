"""The labels of the images of a folder, collected file by file."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from eyebright.data.sources.folder import FolderSource
from eyebright.data.split import Side
from eyebright.system.errors import DataError
from eyebright.system.text import counted, listed, printable
from eyebright.tasks.detection.data.labels.annotations import Annotation, FoundBoxes, LabelledImage, Lost
from eyebright.tasks.detection.data.labels.images import ImagesBelow, in_common, path_parts, sides_of_folders
from eyebright.tasks.detection.data.labels.label_files import LABEL_FOLDERS

_NAMED = 3
_INSTANCES = "instances_"  # before the name of the set, in the names that COCO gives to its files


@dataclass
class _Entry:
    """What the labels say at one path.

    Args:
        called: The path, as the labels give it.
        files: The files that give it, in order, each with its boxes.
    """

    called: str
    files: dict[str, list[Annotation]] = field(default_factory=dict)
    side: Side | None = None
    stated: tuple[int, int] | None = None

    @property
    def boxes(self) -> list[Annotation]:
        """The boxes of all files."""
        return [box for boxes in self.files.values() for box in boxes]


class Gathering:
    """Collects the labels of the images of a folder, file by file.

    Labels of several files are joined where they give the same path, unless they draw other boxes of the same classes:
    then they are most likely of two images of one name. An image has the labels of one path only: of two
    that lead to it, such as `cam1/0.jpg` and `cam2/0.jpg` where there is no `cam2`, the one that fits better; those of
    the other have no image.

    Args:
        images: The images.
    """

    def __init__(self, images: ImagesBelow) -> None:
        self.images, self.notices = images, list[str]()
        self._entries = dict[str, dict[tuple[str, ...], _Entry]]()  # by image, then by path
        self._lost = dict[str, list[Annotation]]()
        self._near = dict[Path, str]()
        self._damaged = dict[str, tuple[str | None, str]]()  # by file: its image, and what is wrong

    def add(
        self,
        name: str | None,
        called: str,
        boxes: Sequence[Annotation],
        *,
        side: Side | None = None,
        stated: tuple[int, int] | None = None,
        near: str = "",
        file: str = "",
    ) -> None:
        """Note the labels of an image.

        Args:
            name: The image, as `ImagesBelow.find` gives it; None where there is none.
            called: What the labels call it.
            boxes: Its boxes; none for an image without objects.
            side: Its set.
            stated: (width, height) that the file says it has.
            near: The folder of the labels, relative to the root, where `called` does not have it.
            file: The name of the file, where it has the labels of many images.

        Raises:
            DataError: When two files put an image into different sets, or give it different sizes.
        """
        if name is None:
            self._lost.setdefault(called, []).extend(boxes)
            return
        entries = self._entries.setdefault(name, {})
        entry = entries.setdefault(_path(called, near), _Entry(called))
        if entry.files and file not in entry.files:
            _require_one_image(name, entry, file, side, stated)
        entry.files.setdefault(file, []).extend(boxes)
        entry.side, entry.stated = side or entry.side, stated or entry.stated

    def add_stated(
        self,
        file: Path,
        called: str,
        boxes: Sequence[Annotation],
        *,
        side: Side | None = None,
        stated: tuple[int, int] | None = None,
    ) -> None:
        """Note what a file with the labels of many images says about the one at a path; arguments as in `add`."""
        if file not in self._near:
            self._near[file] = file.parent.relative_to(self.images.root).as_posix()
        near = self._near[file]
        name = self.images.find(called, near, file.stem.removeprefix(_INSTANCES))
        self.add(name, called, boxes, side=side, stated=stated, near=near, file=file.name)

    def leave_out(self, name: str | None, called: str, reason: str) -> None:
        """Note a file with the labels of one image that cannot be read: the image is left out, not without objects."""
        self._damaged[called] = name, reason

    def found(self, form: str, origin: Path) -> FoundBoxes:
        """The images of all folders that hold a labelled one.

        Args:
            form: The name of the format.
            origin: What was read.

        Raises:
            DataError: When two paths fit one image as well, labels of most likely two images would be joined, or more
                files are damaged than not.
        """
        labelled = {name: self._chosen(name, entries) for name, entries in self._entries.items()}
        self._note_joined(list(labelled.values()))
        self._note_damaged(labelled, origin)
        folders = {name.rpartition("/")[0] for name in labelled}
        names = [name for name in self.images.names if name.rpartition("/")[0] in folders]
        if others := len(self.images.names) - len(names):
            self.notices.append(f"{counted(others, 'image')} in folders without any labelled image left out.")
        closed = {name for name, _ in self._damaged.values()}
        names = [name for name in names if name not in closed]
        sides = dict(zip(names, sides_of_folders(names), strict=True))
        if any(entry.side for entry in labelled.values()):
            sides = {name: entry.side for name, entry in labelled.items()}
        blank = _Entry("")
        images = [
            LabelledImage(entry.boxes if name in labelled else None, sides.get(name), entry.stated)
            for name, entry in ((name, labelled.get(name, blank)) for name in names)
        ]
        lost = [Lost(called, boxes) for called, boxes in self._lost.items()]
        return FoundBoxes(FolderSource(self.images.root, names), images, form, origin, lost, self.notices)

    def _chosen(self, name: str, entries: dict[tuple[str, ...], _Entry]) -> _Entry:
        """The labels of the path that fits an image best; the others have no image."""
        if len(entries) == 1:
            return next(iter(entries.values()))
        ranked = sorted(entries, key=lambda path: _agreement(name, path), reverse=True)
        best, second = (entries[path] for path in ranked[:2])
        if _agreement(name, ranked[0]) == _agreement(name, ranked[1]):
            raise DataError(
                f"{printable(name)} below {self.images.root} has labels at two paths that fit as well, "
                f"{printable(best.called)} and {printable(second.called)}: remove one of them, or put the image into a "
                "folder that is called as in the labels"
            )
        for path in ranked[1:]:
            self._lost.setdefault(entries[path].called, []).extend(entries[path].boxes)
        return best

    def _note_joined(self, labelled: Sequence[_Entry]) -> None:
        joined = [entry for entry in labelled if len(entry.files) > 1]
        others = list(filter(_draws_others, joined))
        if joined and len(others) >= len(joined) / 2:
            raise DataError(
                f"{counted(len(others), 'image')} with other boxes of the same classes in several files, such as "
                f"{_and_files(others[0])}: if these are different images of one name, put them into folders that the "
                "labels name; if not, put the boxes of an image into one file"
            )
        if joined:
            self.notices.append(
                f"{counted(len(joined), 'image')} with labels in several files, which were joined, such as "
                f"{_and_files(joined[0])}."
            )

    def _note_damaged(self, labelled: dict[str, _Entry], origin: Path) -> None:
        if not self._damaged:
            return
        count = counted(len(self._damaged), "label file")
        reasons = listed([reason for _, reason in self._damaged.values()], _NAMED)
        if len(self._damaged) > len(labelled):
            raise DataError(f"{origin}: {count} cannot be read, more than can be: {reasons}")
        self.notices.append(f"{count} left out, with the image of the same name: {reasons}.")


def _draws_others(entry: _Entry) -> bool:
    """Whether two files draw different boxes of the same class."""
    drawn = [defaultdict[str, set[str]](set) for _ in entry.files]
    for found, boxes in zip(drawn, entry.files.values(), strict=True):
        for box in boxes:
            found[box.name].add(str(box.values))
    return any(
        first[name] != second[name] for first, second in combinations(drawn, 2) for name in first.keys() & second.keys()
    )


def _and_files(entry: _Entry) -> str:
    return f"{printable(entry.called)} in {listed(list(map(printable, entry.files)), _NAMED)}"


def _path(called: str, near: str) -> tuple[str, ...]:
    """A path as the labels give it. Where they lie counts for paths that begin there, as in folders of the sets."""
    begins_elsewhere = called[:1] in ("/", "\\") or called[1:2] == ":" or "://" in called
    if begins_elsewhere or near.lower() in LABEL_FOLDERS:
        return tuple(path_parts(called))
    return tuple(path_parts(f"{near}/{called}"))


def _agreement(name: str, path: tuple[str, ...]) -> tuple[int, int]:
    """How well a path fits an image: by its last folders, then by its first."""
    own, folders = name.split("/")[:-1], path[:-1]
    return in_common(own[::-1], folders[::-1]), in_common(own, folders)


def _require_one_image(name: str, entry: _Entry, file: str, side: Side | None, stated: tuple[int, int] | None) -> None:
    """Refuse to join the labels of two images that have one name."""
    if side and entry.side and side != entry.side:
        difference = f"in the {entry.side} set and in the {side} set"
    elif stated and entry.stated and stated != entry.stated:
        difference = "of two sizes, {}x{} and {}x{}".format(*entry.stated, *stated)
    else:
        return
    files = listed(list(map(printable, {**entry.files, file: None})), _NAMED)
    raise DataError(
        f"{printable(name)} is {difference} ({files}): expected one set and one size. If these are two images of one "
        "name, put them into folders that the labels name"
    )
