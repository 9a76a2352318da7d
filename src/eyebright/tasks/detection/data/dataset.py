"""BoxDataset: a set of images with boxes, the classes of these, and how the set is to be split.

objects = BoxDataset.open("blood_cells")
objects.classes       # ('Platelets', 'RBC', 'WBC')
objects.boxes[0]      # those of the first image, in pixels of the upright original
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from eyebright.data.dataset import Dataset
from eyebright.data.pictures import sizes_of
from eyebright.data.pictures.opening import StoredSize
from eyebright.data.sources.labels import index_classes, require_names, spelled_alike
from eyebright.data.sources.sides import side_of
from eyebright.data.sources.source import FoundImages, Source, Subset, grouped
from eyebright.data.split import SIDES, numbered, require_shares
from eyebright.data.split_file import SplitFile, read_split
from eyebright.data.threads import in_threads
from eyebright.runs.request import Unlabelled
from eyebright.system.errors import DataError, PictureError, SettingsError
from eyebright.system.progress import Report, quiet
from eyebright.system.table import Table, Tabular
from eyebright.system.text import counted, is_utf8, listed, nearest, printable
from eyebright.tasks.detection.data.labels.annotations import FoundBoxes
from eyebright.tasks.detection.data.labels.checks import Checked, Corners, check, names_used
from eyebright.tasks.detection.data.labels.conventions import settle
from eyebright.tasks.detection.data.labels.find import find_boxes
from eyebright.tasks.detection.data.selection import select_images
from eyebright.tasks.detection.geometry.boxes import Boxes, Unused

ONE_CLASS = "object"
"""The name of the class where all are taken as one."""
_NAMED = 3
_FOLDERS = {"images", "jpegimages", "img", "data", "obj_train_data"}  # of images, in one or the other format
_ROW = re.compile(r"^.*/\d{7} (?=.)")  # before the path in a name of `ParquetSource`


@dataclass(frozen=True, eq=False, repr=False)
class BoxDataset(Tabular):
    """Images and their boxes. It never changes after it is made.

    Args:
        source: Where the images are.
        classes: Names of the classes that have boxes, sorted as texts, whatever the order in the files.
        boxes: For each image its boxes, in pixels of the upright original.
        ignored: For each image the regions that training and evaluation ignore: difficult objects, crowds.
        sizes: (width, height) of each upright original, `(N, 2)`; 0 where it cannot be opened.
        form: The name of the format.
        origin: The folder or file that was read.
        seed: Decides the split.
        shares: Of the images in the validation set and in the test set.
        sides: For each image its set as a position in `SIDES`, `(N,)`; None where the files give no sets.
        groups: For each image the number of its group, `(N,)`, -1 for none; images of one group stay in one set.
        fixed: A split that was decided before.
        unused: Every box that is not used, and why.
        clipped: How many boxes went a little over the edge and were clipped.
        notices: What the user should know about the files, as sentences.
    """

    source: Source
    classes: tuple[str, ...]
    boxes: tuple[Boxes, ...]
    ignored: tuple[Boxes, ...]
    sizes: NDArray[np.int64]
    form: str
    origin: Path
    seed: int = 0
    shares: tuple[float, float] = (0.15, 0.15)
    sides: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None
    fixed: SplitFile | None = None
    unused: tuple[Unused, ...] = ()
    clipped: int = 0
    notices: tuple[str, ...] = ()

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        seed: int = 0,
        validation: float = 0.15,
        test: float = 0.15,
        group_by: str = "",
        split: str | Path = "",
        exclude: Collection[str] = (),
        unlabelled: Unlabelled = "refuse",
        one_class: bool = False,
        report: Report = quiet,
    ) -> "BoxDataset":
        """The images with boxes at a path.

        Args:
            path: A folder, or the file with the labels; see `labels.find.find_boxes`. It is only read.
            seed: Decides the split.
            validation: Share of the images in the validation set.
            test: Share of the images in the test set.
            group_by: A regular expression for the group in an image's name, as for `data.dataset.Dataset.open`.
            split: A file with a split that was decided before, such as `split.csv` of a run.
            exclude: Names of images to leave out.
            unlabelled: What an image that no label file mentions is: an error, or one without objects ("background").
            one_class: Whether all objects are of one class, `ONE_CLASS`.
            report: Receives the progress.

        Raises:
            DataError: When there are no boxes, images have no labels, or a file is damaged.
            SettingsError: When a setting is invalid.
        """
        require_shares(validation, test)
        if unlabelled not in get_args(Unlabelled):
            raise SettingsError(f"unlabelled = {unlabelled!r}: {nearest(unlabelled, get_args(Unlabelled))}")
        found, notices = select_images(find_boxes(path, report), exclude, unlabelled)
        names = found.source.names
        groups = numbered(grouped(FoundImages(found.source, ("",), [0] * len(names)), group_by)) if group_by else None
        sizes = _sizes(found.source, report)
        images, conventions = settle(found.images, sizes, found.origin)
        checked = [
            check(name, image, size, ONE_CLASS if one_class else "")
            for name, image, size in zip(names, images, sizes, strict=True)
        ]
        lost = [Unused(name, "no image", box.text) for name, boxes in found.lost for box in boxes]
        unused = tuple(box for image in checked for box in image.unused)
        classes = _classes(checked, found, unused)
        numbers = {name: label for label, name in enumerate(classes)}
        sides = [SIDES.index(image.side) for image in found.images if image.side]
        return cls(
            found.source, classes,
            tuple(_boxes(image.used, numbers) for image in checked),
            tuple(_boxes(image.ignored, numbers) for image in checked),
            np.array([size.upright if size else (0, 0) for size in sizes], np.int64).reshape(-1, 2),
            found.form, found.origin, seed, (validation, test),
            sides=np.array(sides, np.int64) if sides else None,
            groups=groups, fixed=read_split(Path(split)) if split else None,
            unused=(*unused, *lost), clipped=sum(image.clipped for image in checked),
            notices=(*found.notices, *notices, *conventions, *_notices(found, classes, sizes)),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def box_count(self) -> int:
        """How many boxes are used."""
        return sum(map(len, self.boxes))

    def as_classified(self, labels: NDArray[np.int64] | None = None) -> Dataset:
        """The images alone, for all that is done with images: as one class, or with these labels from 0 on, `(N,)`."""
        numbers = np.zeros(len(self), np.int64) if labels is None else labels
        classes = [f"stratum {number}" for number in range(int(numbers.max(initial=0)) + 1)]
        validation, test = self.shares
        return Dataset(
            self.source, classes, numbers, seed=self.seed, validation=validation, test=test,
            sides=None if self.sides is None else [SIDES[side] for side in self.sides],
            groups=self.groups, origin=self.origin, fixed=self.fixed,
        )  # fmt: skip

    def for_grouping(self) -> Dataset:
        """The images as one class, under names without what a format adds: films are found by names, in all formats."""
        names = list(map(_plain_name, self.source.names))
        images = self.as_classified()
        images.source = Subset(self.source, range(len(names)), names)
        return images

    def unused_counts(self) -> Counter[str]:
        """How many boxes are not used, by reason."""
        return Counter(box.reason for box in self.unused)

    def as_table(self) -> Table:
        """How many boxes and images each class has."""
        title = f"BoxDataset: {counted(self.box_count, 'box')} in {counted(len(self), 'image')}, from {self.origin}"
        boxes, images = Counter[int](), Counter[int]()
        for one in self.boxes:
            boxes.update(one.labels.tolist())
            images.update(set(one.labels.tolist()))
        rows = [(name, f"{boxes[label]:,}", f"{images[label]:,}") for label, name in enumerate(self.classes)]
        reasons = [f"{count:,} {reason}" for reason, count in self.unused_counts().items()]
        notes = [f"Not used: {', '.join(reasons)}."] if reasons else []
        notes += [f"Clipped at the edge: {self.clipped:,}."] if self.clipped else []
        return Table(title, ("class", "boxes", "images"), rows, notes=tuple(notes))


def _plain_name(name: str) -> str:
    """The path of an image without folders of its format and of its set, and without the row in a table."""
    *folders, last = _ROW.sub("", name).split("/")
    return "/".join([*(part for part in folders if not (side_of(part) or part.lower() in _FOLDERS)), last])


def _sizes(source: Source, report: Report) -> list[StoredSize | None]:
    """The size of each image; None where it cannot be opened."""

    def size(index: int) -> StoredSize | None:
        try:
            return sizes_of(source.open(index))
        except PictureError:
            return None

    found: list[StoredSize | None] = []
    for _, one in in_threads(size, range(len(source.names))):
        found.append(one)
    report("scanning", len(found), None)
    return found


def _classes(checked: Sequence[Checked], found: FoundBoxes, unused: Sequence[Unused]) -> tuple[str, ...]:
    """The classes of the boxes that are used.

    Raises:
        DataError: When no box can be used, or a name cannot be read.
    """
    classes, _ = index_classes(list(names_used(checked)))
    if not classes:
        counts = Counter(box.reason for box in unused)
        reasons = listed([f"{count:,} {reason}" for reason, count in counts.most_common()])
        hints = "".join(f". {notice.rstrip('.')}" for notice in found.notices)
        raise DataError(f"{found.origin} ({found.form}): none of its boxes can be used: {reasons}{hints}")
    require_names(classes, found.origin)
    if odd := [printable(name) for name in classes if not is_utf8(name)]:
        raise DataError(f"{found.origin}: the class {odd[0]} is not in UTF-8: save the file with its name in UTF-8")
    return classes


def _boxes(items: Sequence[tuple[Corners, str]], numbers: dict[str, int]) -> Boxes:
    """The boxes of an image whose classes have a number."""
    known = [(corners, numbers[name]) for corners, name in items if name in numbers]
    return Boxes.of([corners for corners, _ in known], [label for _, label in known])


def _notices(found: FoundBoxes, classes: tuple[str, ...], sizes: Sequence[StoredSize | None]) -> list[str]:
    """Names of classes that may be one, labels without an image, and images that cannot be opened."""
    notices = [
        f"The classes {one!r} and {other!r} differ only in capitals or spaces: if they are one class, give them one "
        "name."
        for one, other in spelled_alike(classes)
    ]
    if found.lost:
        names = listed([printable(lost.name) for lost in found.lost], _NAMED)
        notices.append(f"Labels of {counted(len(found.lost), 'image')} that cannot be found: {names}.")
    closed = [printable(name) for name, size in zip(found.source.names, sizes, strict=True) if size is None]
    if closed:
        notices.append(f"{counted(len(closed), 'image')} cannot be opened: {listed(closed, _NAMED)}.")
    return notices
