"""Dataset: a set of pictures with their classes, by name, from a folder, a file or arrays, and its three sides.

pictures = Dataset.from_folder("flower_photos", seed=123)
pictures.classes      # ('daisy', 'dandelion', 'roses', 'sunflowers', 'tulips')
pictures.test         # the test side, for model.evaluate
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.datasets.groups import grouped
from eyebright.datasets.labelled import Labelled
from eyebright.datasets.sources import ArraySource, find, without
from eyebright.datasets.sources import Progress as ScanProgress
from eyebright.datasets.sources.labels import positions
from eyebright.datasets.sources.ranged import is_address
from eyebright.datasets.split import Side
from eyebright.datasets.split_file import read_split
from eyebright.errors import DataError


class Dataset(Labelled):
    """Pictures and their classes by name, opened from whatever holds them; see `Labelled` for its arguments."""

    @classmethod
    def from_folder(
        cls,
        path: str | Path,
        *,
        seed: int = 0,
        validation: float = 0.15,
        test: float = 0.15,
        progress: ScanProgress | None = None,
    ) -> "Dataset":
        """The pictures below a folder that holds one folder for each class (or `train/`, `validation/`, `test/` of
        such).

        Args:
            path: The folder; it is only read.
            seed: Decides the split; the same seed and pictures give the same split.
            validation: Share of the pictures that picks the best epoch and the temperature.
            test: Share that is only looked at in the end.
            progress: Called with the number of files found so far.

        Raises:
            DataError: When there is no such folder, or it holds no folders of pictures.
        """
        return cls.open(path, seed=seed, validation=validation, test=test, progress=progress)

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
        progress: ScanProgress | None = None,
    ) -> "Dataset":
        """The pictures at a path: a folder as in `from_folder`, a table (CSV, TSV, lines of JSON, Parquet), Hugging
        Face's folder with metadata, an .npz, IDX files, or tar shards; or at the address of tar shards.

        Args:
            path: The folder, file, pattern such as `train-{000..146}.tar`, or (as a text) an address; it is only read.
            seed: Decides the split.
            validation: Share of the pictures for validation.
            test: Share for the test.
            group_by: A regular expression that finds the group in a picture's name: pictures of one class in whose
                names it captures the same (or, without brackets, matches the same) are one group.
            split: A file with a split that was decided before, such as `split.csv` of a run.
            exclude: Names of pictures to leave out.
            progress: Called with the number of pictures found so far.

        Raises:
            DataError: When there is nothing, it is damaged, or of no known form.
            DownloadError: When an address cannot be reached.
            MissingExtraError: When what reads such a file or address is not installed.
            SettingsError: When the expression is none, or finds nothing.
        """
        found = without(find(path, progress), exclude)
        groups = grouped(found, group_by) if group_by else found.groups
        return cls(
            found.source, found.classes, found.labels, seed=seed, validation=validation, test=test, sides=found.sides,
            groups=groups, origin=found.origin, fixed=read_split(Path(split)) if split else None,
            address=str(path) if is_address(path) else "",
        )  # fmt: skip

    @classmethod
    def from_arrays(
        cls,
        images: NDArray[np.uint8] | Sequence[NDArray[np.uint8]],
        labels: Sequence[int] | Sequence[str] | NDArray[np.generic],
        classes: Sequence[str] | None = None,
        *,
        seed: int = 0,
        validation: float = 0.15,
        test: float = 0.15,
    ) -> "Dataset":
        """Pictures in memory.

        Args:
            images: uint8, `(N, H, W)`, `(N, H, W, 1)` or `(N, H, W, 3)`, or a sequence of single pictures.
            labels: For each picture the name of its class, or its position in `classes`.
            classes: Names of the classes, in any order; where they are left out, the labels are the names, and are
                sorted as texts, as names of folders are: 0, 1, 10, 2.
            seed: Decides the split.
            validation: Share of the pictures for validation.
            test: Share for the test.

        Raises:
            DataError: When images and labels differ in number, or a label is no class, as NaN is none.
        """
        if len(images) != len(labels):
            raise DataError(f"there are {len(images)} images, but {len(labels)} labels: give one label for each image")
        names, numbers = positions(labels, classes)
        return cls(ArraySource(images), names, numbers, seed=seed, validation=validation, test=test)

    def __repr__(self) -> str:
        return f"<Dataset of {len(self):,} pictures in {len(self.classes)} classes>"

    @property
    def train(self) -> "Part":
        """The side that is learned from."""
        return Part(self, "train")

    @property
    def validation(self) -> "Part":
        """The side that picks the best epoch and the temperature."""
        return Part(self, "validation")

    @property
    def test(self) -> "Part":
        """The side that is only looked at in the end."""
        return Part(self, "test")


class Part(NamedTuple):
    """One side of a data set."""

    dataset: Dataset
    side: Side
