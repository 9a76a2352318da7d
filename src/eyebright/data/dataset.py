"""Labelled: pictures with their classes, prepared once into a pack and split into three sides.

Groups of pictures that belong together, told from their names: frames of one track, shots of one patient.

Dataset: a set of pictures with their classes, by name, from a folder, a file or arrays, and its three sides.

pictures = Dataset.from_folder("flower_photos", seed=123)
pictures.classes      # ('daisy', 'dandelion', 'roses', 'sunflowers', 'tulips')
pictures.test         # the test side, for model.evaluate
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data import pack as packs
from eyebright.data import split as splits
from eyebright.data.cropping import MUCH, lost_to_crop
from eyebright.data.pack import Pack
from eyebright.data.pictures import Fit, Preparation, size_of
from eyebright.data.sources.find import find_images
from eyebright.data.sources.labels import encode_labels
from eyebright.data.sources.ranged import is_address
from eyebright.data.sources.source import ArraySource, FoundImages, Source, exclude_images
from eyebright.data.split import SIDES, Side
from eyebright.data.split_file import SplitFile, read_split
from eyebright.system.errors import DataError, PictureError, SettingsError
from eyebright.system.progress import Report, quiet
from eyebright.system.text import printable

_SIZE_SAMPLE = 200


class Labelled:
    """Pictures, their classes by name, and how they are to be split; nothing is decoded before it is needed.

    Attributes:
        learned: Tells of digests which of these pictures the network has learned from before: a split keeps them in
            training.
        copies: For each picture the number of its set of copies, exact and near, -1 for none, `(N,)`; None before
            `auditing.keep_together` has looked for them.

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
        origin: The folder, file or address from which they come, as it may be shown.
        address: The whole address, with what signs it, where they come from one.
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
        address: str = "",
        fixed: SplitFile | None = None,
    ) -> None:
        self.source = source
        self.fixed = fixed
        self.groups = None if groups is None else splits.numbered(groups)
        self.origin = origin
        self.copies: NDArray[np.int64] | None = None
        self.address = address
        self.learned: Callable[[Iterable[bytes]], NDArray[np.bool_]] | None = None
        self.classes = tuple(classes)
        self.labels = np.asarray(labels, np.int64)
        self.seed = seed
        splits.require_shares(validation, test)
        self.shares = (validation, test)
        self._packs: dict[Preparation, Pack] = {}
        self.sides = None if sides is None else np.array([SIDES.index(side) for side in sides], np.int64)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def group_numbers(self) -> NDArray[np.int64] | None:
        """A number for each picture's group, `(N,)`; a picture in none has one of its own. None without groups.

        Where sides are given, copies are of one group too: no split keeps them together, but neither tells anything of
        the other.
        """
        every = (self.groups, None if self.sides is None else self.copies)
        known = [numbers for numbers in every if numbers is not None and (numbers >= 0).any()]
        own = [np.where(numbers < 0, numbers.max() + 1 + np.arange(len(self)), numbers) for numbers in known]
        return splits.sets_of(own[0], own[1]) if len(own) > 1 else own[0] if own else None

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


def grouped(found: FoundImages, pattern: str) -> list[str]:
    """The group of each picture: its class, and what the expression captures in its name.

    A picture in whose name it finds nothing is in no group. Where the match contains a "/", it tells folders apart
    itself, and pictures of several classes may be one group.

    Args:
        found: The pictures.
        pattern: A regular expression; what its brackets capture counts or, without brackets, the whole match.

    Raises:
        SettingsError: When the expression is none, or finds nothing in any name.
    """
    try:
        expression = re.compile(pattern)
    except re.error as problem:
        raise SettingsError(f"{pattern!r} is no regular expression: {problem}") from problem
    groups = []
    for name, label in zip(found.source.names, found.labels, strict=True):
        match = expression.search(name)
        if match is None:
            groups.append("")
        else:
            own = "" if "/" in match[0] else found.classes[label]
            groups.append("\0".join((own, *(part or "" for part in match.groups() or (match[0],)))))
    if not any(groups):
        raise SettingsError(f"{pattern!r} matches no picture's name, such as {found.source.names[0]!r}: no groups")
    return groups


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
        report: Report = quiet,
    ) -> "Dataset":
        """The pictures below a folder that holds one folder for each class (or `train/`, `validation/`, `test/` of
        such).

        Args:
            path: The folder; it is only read.
            seed: Decides the split; the same seed and pictures give the same split.
            validation: Share of the pictures that picks the best epoch and the temperature.
            test: Share that is only looked at in the end.
            report: Receives the number of images found so far.

        Raises:
            DataError: When there is no such folder, or it holds no folders of pictures.
        """
        return cls.open(path, seed=seed, validation=validation, test=test, report=report)

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
        report: Report = quiet,
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
            report: Receives the number of images found so far.

        Raises:
            DataError: When there is nothing, it is damaged, or of no known form.
            DownloadError: When an address cannot be reached.
            MissingExtraError: When what reads such a file or address is not installed.
            SettingsError: When the expression is none, or finds nothing.
        """
        found = exclude_images(find_images(path, report), exclude)
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
        names, numbers = encode_labels(labels, classes)
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
