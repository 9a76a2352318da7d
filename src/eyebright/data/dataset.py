"""Dataset: a set of images, their classes by name, and how it is to be split. Nothing is decoded before it is needed.

pictures = Dataset.from_folder("flower_photos", seed=123)
pictures.classes      # ('daisy', 'dandelion', 'roses', 'sunflowers', 'tulips')
pictures.test         # the test set, for model.evaluate
"""

import copy
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from eyebright.data import pack as packs
from eyebright.data import split as splits
from eyebright.data.batches import spread
from eyebright.data.corrections import Applied, correct
from eyebright.data.cropping import MUCH, lost_to_crop
from eyebright.data.pack import Pack
from eyebright.data.pictures import Fit, Preparation, size_of
from eyebright.data.pictures.arrays import as_images
from eyebright.data.sources.find import find_images
from eyebright.data.sources.labels import encode_labels, require_names, spelled_alike
from eyebright.data.sources.ranged import is_address
from eyebright.data.sources.source import ArraySource, FoundImages, Source, exclude_images, grouped
from eyebright.data.split import SIDES, Side
from eyebright.data.split_file import SplitFile, read_split
from eyebright.system.errors import DataError, PictureError
from eyebright.system.progress import Report, quiet
from eyebright.system.table import Table, Tabular
from eyebright.system.text import counted, is_utf8, nearest, percent, printable

_SIZE_SAMPLE = 200


class Dataset(Tabular):
    """Images, their classes by name, and how they are to be split. It never changes after it is made.

    Args:
        source: Where the images are.
        classes: Names of the classes.
        labels: For each image the position of its class in `classes`, `(N,)`.
        seed: Decides the split: the same seed and images give the same split.
        validation: Share of the images in the validation set, above 0.
        test: Share of the images in the test set; 0 for none.
        sides: For each image the set that it belongs to, where the source says so.
        groups: For each image its group, as a name ("" for none) or a number (-1 for none), `(N,)`. Images of one group
            stay in the same set.
        origin: The folder, file or address that the images come from, as it may be shown; None for arrays.
        address: The whole address, with its signature, where the images come from one.
        fixed: A split that was decided before.
        corrected: The corrections that were applied to the images, if any.

    Raises:
        DataError: When a class has an empty name, one of control characters only, or a very long one.
        SettingsError: When `validation` and `test` leave nothing for training.
    """

    def __init__(
        self,
        source: Source,
        classes: Sequence[str],
        labels: Sequence[int] | NDArray[np.int64],
        *,
        seed: int = 0,
        validation: float = 0.15,
        test: float = 0.15,
        sides: Sequence[Side] | None = None,
        groups: Sequence[str] | NDArray[np.int64] | None = None,
        origin: Path | str | None = None,
        address: str = "",
        fixed: SplitFile | None = None,
        corrected: Applied | None = None,
    ) -> None:
        splits.require_shares(validation, test)
        self.source, self.classes, self.origin, self.address = source, tuple(classes), origin, address
        require_names(self.classes, "the data set" if origin is None else origin)
        _warn_of_similar_names(self.classes)
        self.labels = np.array(labels, np.int64)
        self.seed, self.shares, self.fixed, self.corrected = seed, (validation, test), fixed, corrected
        self.holds_back = False
        self.sides = None if sides is None else np.array([SIDES.index(side) for side in sides], np.int64)
        self.groups = None if groups is None else splits.numbered(groups)
        for array in (self.labels, self.sides, self.groups):
            if array is not None:
                array.flags.writeable = False

    @classmethod
    def from_folder(
        cls,
        path: str | Path,
        *,
        seed: int = 0,
        validation: float = 0.15,
        test: float = 0.15,
        corrections: str | Path = "",
        report: Report = quiet,
    ) -> "Dataset":
        """The images in a folder that holds one folder for each class (or `train/`, `validation/`, `test/` of such).

        Args:
            path: The folder; it is only read.
            seed: Decides the split; the same seed and images give the same split.
            validation: Share of the images in the validation set, which picks the best epoch and the temperature.
            test: Share of the images in the test set, which is only used to measure the result.
            corrections: A corrections file, see `open`.
            report: Receives the progress.

        Raises:
            DataError: When the folder does not exist, or holds no folders of images.
        """
        return cls.open(path, seed=seed, validation=validation, test=test, corrections=corrections, report=report)

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
        corrections: str | Path = "",
        report: Report = quiet,
    ) -> "Dataset":
        """The images at a path or address.

        It may be a folder as in `from_folder`, a table (CSV, TSV, JSON lines, Parquet), a Hugging Face image folder
        with metadata, an .npz file, IDX files, or tar shards; tar shards may also be at an address.

        Args:
            path: The folder, file, pattern such as `train-{000..146}.tar`, or address (a string). It is only read.
            seed: Decides the split.
            validation: Share of the images in the validation set.
            test: Share of the images in the test set.
            group_by: A regular expression for the group in an image's name. Images of one class whose names have the
                same text in the brackets (or, without brackets, in the whole match) are one group.
            split: A file with a split that was decided before, such as `split.csv` of a run.
            exclude: Names of images to leave out.
            corrections: A corrections file: its decisions (keep, relabel, exclude) about single images are applied, and
                `corrected` says how. What it keeps or relabels is not left out by `exclude`.
            report: Receives the progress.

        Raises:
            DataError: When there is nothing at the path, it is damaged, or its form is unknown.
            DownloadError: When an address cannot be reached.
            MissingExtraError: When the package that reads such a file or address is not installed.
            SettingsError: When `group_by` is not a valid regular expression, or matches no name.
        """
        found, corrected = find_images(path, report), None
        if group_by:  # before classes are corrected: a wrong label does not take an image out of its group
            found = found._replace(groups=grouped(found, group_by))
        if corrections:
            found, corrected = correct(found, Path(corrections), exclude, report)
        else:
            found = exclude_images(found, exclude)
        return cls(
            found.source, found.classes, found.labels, seed=seed, validation=validation, test=test, sides=found.sides,
            groups=found.groups, origin=found.origin, fixed=read_split(Path(split)) if split else None,
            address=str(path) if is_address(path) else "", corrected=corrected,
        )  # fmt: skip

    @classmethod
    def from_arrays(
        cls,
        images: NDArray[Any] | Sequence[NDArray[Any]],
        labels: Sequence[int] | Sequence[str] | NDArray[Any],
        classes: Sequence[str] | None = None,
        *,
        seed: int = 0,
        validation: float = 0.15,
        test: float = 0.15,
        corrections: str | Path = "",
    ) -> "Dataset":
        """Images in memory.

        Args:
            images: uint8 or floats from 0 to 1, `(N, H, W)`, `(N, H, W, channels)` or `(N, channels, H, W)`, or a
                list of single images; `eyebright.data.pictures.arrays` says what else is read.
            labels: For each image the name of its class, or its position in `classes`; or one-hot rows.
            classes: Names of the classes, in any order. Without them the labels are the names, sorted as text, like the
                names of folders: 0, 1, 10, 2.
            seed: Decides the split.
            validation: Share of the images in the validation set.
            test: Share of the images in the test set.
            corrections: A corrections file, see `open`.

        Raises:
            DataError: When the arrays have another form (the message says how to convert them), the numbers of images
                and labels differ, or a label is not a class (NaN, for example).
        """
        pixels, (names, numbers) = as_images(images), encode_labels(labels, classes)
        if len(pixels) != len(numbers):
            raise DataError(f"expected one label for each image, got {len(pixels)} images and {len(numbers)} labels")
        found, corrected = FoundImages(ArraySource(pixels), tuple(names), numbers), None
        if corrections:
            found, corrected = correct(found, Path(corrections))
        return cls(
            found.source, found.classes, found.labels, seed=seed, validation=validation, test=test, corrected=corrected
        )  # fmt: skip

    def holding_back(self) -> Self:
        """The same data set, with half of its validation set held back for a promise: it picks nothing."""
        found = copy.copy(self)
        found.holds_back = True
        return found

    def __len__(self) -> int:
        return len(self.labels)

    def as_table(self) -> Table:
        """How many images each class has, in each set where the split is given."""
        whole = f"Dataset: {counted(len(self), 'image')} in {len(self.classes)} classes"
        title = f"{whole}, from {self.origin}" if self.origin else whole
        if self.sides is None:
            validation, test = map(percent, self.shares, (0, 0))
            held_back = ", half of them held back," if self.holds_back else ""
            note = f"To be split with seed {self.seed}: {validation} for validation{held_back}, {test} for the test."
            sides = [np.ones(len(self), bool)]
        else:
            note, sides = "The split is given.", [self.sides == side for side in range(len(SIDES))]
        counts = [np.bincount(self.labels[side], minlength=len(self.classes)) for side in sides]
        rows = [(name, *(f"{count:,}" for count in each)) for name, *each in zip(self.classes, *counts, strict=True)]
        return Table(title, ("class", *(["images"] if self.sides is None else SIDES)), rows, notes=(note,))

    @property
    def train(self) -> "Part":
        """The training set."""
        return Part(self, "train")

    @property
    def validation(self) -> "Part":
        """The validation set, which picks the best epoch and the temperature."""
        return Part(self, "validation")

    @property
    def test(self) -> "Part":
        """The test set, which is only used to measure the result."""
        return Part(self, "test")

    def require_trainable(self) -> None:
        """Raise a `DataError` where there is plainly too little to train on, before anything is decoded."""
        if not len(self):
            expected = "arrays with images" if self.origin is None else "one folder of images for each class"
            raise DataError(f"there are no images: expected {expected}")
        if len(self.classes) < 2:
            place = "" if self.origin is None else ", each class in its own folder"
            raise DataError(
                f"there is only one class, {self.classes[0]!r}: a classifier needs images of two or more classes{place}"
            )
        counts = np.bincount(self.labels, minlength=len(self.classes)).tolist()
        sets = SIDES if self.shares[1] else SIDES[:2]
        for name, count in zip(self.classes, counts, strict=True):
            if not is_utf8(name):
                raise DataError(
                    f"class {printable(name)} is not valid UTF-8: rename its folder, or save its table in UTF-8"
                )
            if count < len(sets):
                raise DataError(
                    f"class {name!r} has {counted(count, 'image')}: each class needs at least {len(sets)}, one for "
                    f"each set ({', '.join(sets)})"
                )
        self._require_training_images()

    def _require_training_images(self) -> None:
        """Each class needs images in the training set, where that is given."""
        if self.sides is None or 0 not in self.sides:
            return
        known = [self.classes[label] for label in np.unique(self.labels[self.sides == 0])]
        for label, name in enumerate(self.classes):
            if name not in known:
                given = " and ".join(SIDES[side] for side in np.unique(self.sides[self.labels == label]))
                raise DataError(
                    f"class {name!r} has images in the {given} set, but none in the training set; rename it, "
                    f"add training images, or move its images away: {nearest(name, known)}"
                )

    def typical_side(self) -> int:
        """Median of the shorter sides, in pixels, of up to 200 images spread over the set; 0 if none can be opened."""
        sides = []
        for index in spread(np.arange(len(self)), _SIZE_SAMPLE).tolist():
            try:
                sides.append(min(size_of(self.source.open(index))))
            except PictureError:
                continue
        return int(np.median(sides)) if sides else 0

    def best_resize(self, proportion: float = 1.0) -> tuple[Fit, float]:
        """How images are best resized, and what share of a typical image's detail cropping would remove.

        Args:
            proportion: Width divided by height of the network's input.
        """
        lost = lost_to_crop(self.source, proportion)
        return ("pad" if lost > MUCH else "crop"), lost

    def pack(self, preparation: Preparation, report: Report = quiet) -> Pack:
        """Prepare all images, or find them prepared by an earlier run; errors as in `eyebright.data.pack.pack`.

        Raises:
            DataError: When more than half of the images of a class cannot be opened.
        """
        pack = packs.pack(self.source, preparation, report)
        reasons = dict(pack.left_out)
        for label, name in enumerate(self.classes):
            here = np.flatnonzero(self.labels == label)
            lost = here[pack.rows[here] < 0]
            if 2 * len(lost) > len(here):
                first = self.source.names[lost[0]]
                raise DataError(
                    f"{len(lost)} of the {len(here)} images of class {name!r} cannot be opened, more than half; "
                    f"the first of them is {first}: {reasons[first]}"
                )
        return pack


def _warn_of_similar_names(classes: Sequence[str]) -> None:
    for one, other in spelled_alike(classes):
        warnings.warn(
            f"the classes {one!r} and {other!r} differ only in capitals or spaces: if "
            "they are one class, give them one name",
            stacklevel=1,
        )


class Part(NamedTuple):
    """One set of a data set: training, validation or test."""

    dataset: Dataset
    side: Side

    def __repr__(self) -> str:
        return f"<the {self.side} set of {self.dataset.as_table().title}>"
