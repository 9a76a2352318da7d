"""Dataset: a set of pictures with their classes, by name, and the split into three sides.

pictures = Dataset.from_folder("flower_photos", seed=123)
pictures.classes      # ('daisy', 'dandelion', 'roses', 'sunflowers', 'tulips')
pictures.test         # the test side, for model.evaluate
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright import codec
from eyebright.datasets import pack as packs
from eyebright.datasets import split as splits
from eyebright.datasets.cropping import MUCH, lost_to_crop
from eyebright.datasets.groups import grouped
from eyebright.datasets.packed import Pack
from eyebright.datasets.sources import ArraySource, Source, find, without
from eyebright.datasets.sources import Progress as ScanProgress
from eyebright.datasets.sources.labels import label_of, require_one_kind
from eyebright.datasets.split import SIDES, Side
from eyebright.datasets.split_file import SplitFile, read_split
from eyebright.errors import DataError, PictureError
from eyebright.files import printable
from eyebright.pictures import Fit, Preparation, size_of

_SIZE_SAMPLE = 200


class Dataset:
    """Pictures, their classes by name, and how they are to be split; nothing is decoded before it is needed.

    Attributes:
        learned: Tells of digests which of these pictures the network has learned from before: a split keeps them in
            training.

    Args:
        source: Where the pictures are.
        classes: Names of the classes.
        labels: For each picture the position of its class in `classes`.
        seed: Decides the split.
        validation: Share of the pictures for validation.
        test: Share for the test.
        sides: The sides, where the source gives them.
        groups: For each picture its group, as a name ("" for none) or a number (-1 for none); pictures of one group
            stay on one side.
        origin: The folder, file or address from which they come.
        fixed: A split that was decided before.
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
        fixed: SplitFile | None = None,
    ) -> None:
        self.source = source
        self.fixed = fixed
        self.groups = None if groups is None else splits.numbered(groups)
        self.origin = origin
        self.learned: Callable[[Iterable[bytes]], NDArray[np.bool_]] | None = None
        self.classes = tuple(classes)
        self.labels = np.asarray(labels, np.int64)
        self.seed = seed
        splits.require_shares(validation, test)
        self.shares = (validation, test)
        self._packs: dict[Preparation, Pack] = {}
        self.sides = None if sides is None else np.array([SIDES.index(side) for side in sides], np.int64)

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
            classes: Names of the classes; may be left out where the labels are names.
            seed: Decides the split.
            validation: Share of the pictures for validation.
            test: Share for the test.

        Raises:
            DataError: When images and labels differ in number, or a label is no class, as NaN is none.
        """
        if len(images) != len(labels):
            raise DataError(f"there are {len(images)} images, but {len(labels)} labels: give one label for each image")
        given = np.asarray(labels).reshape(len(images)).tolist()
        if classes is None:
            require_one_kind(labels)
            names_of = {label: label_of(str(label) if isinstance(label, bool) else label) for label in set(given)}
            classes = [names_of[label] for label in sorted(names_of)]
            given = [names_of[label] for label in given]
        names = [str(name) for name in classes]
        positions = [_position(label, names) for label in given]
        return cls(ArraySource(images), names, positions, seed=seed, validation=validation, test=test)

    def __len__(self) -> int:
        return len(self.labels)

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

    @property
    def group_numbers(self) -> NDArray[np.int64] | None:
        """A number for each picture's group, `(N,)`; a picture in none has one of its own. None without groups."""
        if self.groups is None or not (self.groups >= 0).any():
            return None
        return np.where(self.groups < 0, self.groups.max() + 1 + np.arange(len(self)), self.groups)

    def require_trainable(self) -> None:
        """Raise a `DataError` where there is plainly too little to learn from, before anything is decoded."""
        if not len(self):
            raise DataError("there are no pictures: expected one folder of pictures for each class")
        if len(self.classes) < 2:
            raise DataError(
                f"there is only one class, {self.classes[0]!r}: a classifier needs two or more folders to tell apart"
            )
        counts = np.bincount(self.labels, minlength=len(self.classes))
        for name, count in zip(self.classes, counts, strict=True):
            if name.encode("utf-8", "replace").decode() != name:
                raise DataError(f"{printable(name)} cannot name a class: it is not in UTF-8, rename the folder")
            if count < 3:
                raise DataError(
                    f"class {name!r} has {count} picture(s): each class needs at least 3, one for each side"
                )

    def typical_side(self) -> int:
        """Median of the shorter sides, in pixels, of up to 200 pictures spread over the set; 0 if none can be
        opened.
        """
        step = max(-(-len(self) // _SIZE_SAMPLE), 1)
        sides = []
        for index in range(0, len(self), step):
            try:
                sides.append(min(size_of(self.source.open(index))))
            except PictureError:
                continue
        return int(np.median(sides)) if sides else 0

    def fit_by_evidence(self, proportion: float = 1.0) -> tuple[Fit, float]:
        """How pictures are best brought to size, and what share of a typical one's detail cropping would leave out.

        Args:
            proportion: Width by height of the area.
        """
        lost = lost_to_crop(self.source, proportion)
        return ("pad" if lost > MUCH else "crop"), lost

    def pack(self, preparation: Preparation, progress: packs.Progress | None = None) -> Pack:
        """Prepare all pictures once; errors as in `eyebright.datasets.pack.pack`.

        Raises:
            DataError: When more than half of the pictures of a class cannot be opened.
        """
        if preparation in self._packs:
            return self._packs[preparation]
        pack = packs.pack(self.source, preparation, progress)
        reasons = dict(pack.left_out)
        for label, name in enumerate(self.classes):
            here = np.flatnonzero(self.labels == label)
            lost = here[pack.rows[here] < 0]
            if 2 * len(lost) > len(here):
                first = self.source.names[lost[0]]
                raise DataError(
                    f"{len(lost)} of the {len(here)} pictures of class {name!r} cannot be opened, more than half; "
                    f"the first of them is {first}: {reasons[first]}"
                )
        self._packs[preparation] = pack
        return pack

    def split(self, pack: Pack) -> NDArray[np.int64]:
        """Side of each picture, `(N,)` of indices into SIDES; -1 for pictures that are left out."""
        usable = np.flatnonzero(pack.rows >= 0)
        sides = np.full(len(self), splits.LEFT_OUT, np.int64)
        digests = pack.digests.at(usable)
        if self.fixed is not None:
            names = [self.source.names[index] for index in usable.tolist()]
            sides[usable] = splits.without_leaks(self.fixed.sides(names, digests), digests)
            return sides
        validation, test = self.shares
        sides[usable] = splits.split(
            self.labels[usable],
            digests,
            self.classes,
            seed=self.seed,
            validation=validation,
            test=test,
            given=None if self.sides is None else self.sides[usable],
            groups=None if self.groups is None else self.groups[usable],
            learned=None if self.learned is None else self.learned(digests),
        )
        return sides


class Part(NamedTuple):
    """One side of a data set."""

    dataset: Dataset
    side: Side


def _position(label: object, classes: list[str]) -> int:
    if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(classes):
        return label
    if str(label) in classes:
        return classes.index(str(label))
    raise DataError(f"label {label!r} is no class: {codec.nearest(str(label), classes)}")
