"""Labelled: pictures with their classes, prepared once into a pack and split into three sides."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyebright.datasets import pack as packs
from eyebright.datasets import split as splits
from eyebright.datasets.cropping import MUCH, lost_to_crop
from eyebright.datasets.packed import Pack
from eyebright.datasets.sources import Source
from eyebright.datasets.split import SIDES, Side
from eyebright.datasets.split_file import SplitFile
from eyebright.errors import DataError, PictureError
from eyebright.files import printable
from eyebright.pictures import Fit, Preparation, size_of

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
