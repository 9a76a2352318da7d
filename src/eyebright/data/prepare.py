"""The one door to images that are ready to train on: packed, grouped, split and labelled, once, as one value.

Near-duplicates and images of one group stay in the same split. Groups that are given are joined where they share
near-duplicates; only where no groups are given, bursts are looked for too. Sets that are given stay as they are: an
image that is also in a later set is left out, and near-duplicates and groups across sets are only reported (`leaks`).
A validation or test set that is not given is taken from training in whole groups.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eyebright.data import split as splits
from eyebright.data.audit.together import METHOD, Together, together
from eyebright.data.dataset import Dataset
from eyebright.data.digests import KIND, Digests
from eyebright.data.pack import Pack
from eyebright.data.pictures import Preparation
from eyebright.data.split import ALL_SIDES, LEFT_OUT, SIDES, Leaks, Side, leaks_of, linked
from eyebright.system import cache
from eyebright.system.errors import DataError, OutputError
from eyebright.system.progress import Report, quiet
from eyebright.system.text import listed

_SHOWN = 20  # names of classes in a message
Seen = Callable[[Iterable[bytes]], NDArray[np.bool_]]
"""Given the digests of images, says of each whether the network was trained on it before, `(N,)`."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Images that are ready to train on.

    Args:
        dataset: The images.
        pack: The same, decoded and resized.
        labels: For each image the position of its class among those of the model, `(N,)`.
        sides: For each image the position of its set in `ALL_SIDES`, `(N,)`; -1 where it is left out.
        groups: A number for each image's group, `(N,)`; an image in no group has a number of its own. None without
            groups.
        related: For each image the number of its set of duplicates, near-duplicates and frames of one film, `(N,)`;
            -1 for none. A given split may separate them.
        naive_leak: Share of the test images of a random split that would have a near-duplicate or an image of their
            group in the training set; 0 where the split is given.
    """

    dataset: Dataset
    pack: Pack
    labels: NDArray[np.int64]
    sides: NDArray[np.int64]
    groups: NDArray[np.int64] | None
    related: NDArray[np.int64]
    naive_leak: float

    @classmethod
    def whole(cls, dataset: Dataset, pack: Pack, labels: NDArray[np.int64], report: Report = quiet) -> "Prepared":
        """All images in no set, for an evaluation of all of them: with the groups that a training would find."""
        none, sets = np.full(len(labels), -1), find_sets(dataset, pack, report)
        return cls(dataset, pack, labels, none, groups_of(dataset, sets), sets.related, 0.0)

    def indices(self, side: Side) -> NDArray[np.int64]:
        """The images of a set, as positions in the data set."""
        return np.flatnonzero(self.sides == ALL_SIDES.index(side))

    def absent(self, side: Side) -> tuple[str, ...]:
        """The classes without images in a set."""
        present = {*self.dataset.labels[self.indices(side)].tolist()}
        return tuple(name for label, name in enumerate(self.dataset.classes) if label not in present)

    def groups_at(self, indices: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """The groups of some images."""
        return None if self.groups is None else self.groups[indices]

    @property
    def leaking(self) -> NDArray[np.bool_]:
        """Whether an image of the validation or test set has a near-duplicate or its group in the training set, `(N,)`.

        A given split may have such images; a split made here only where so many images belong together that they
        cannot all stay in one set.
        """
        return (self.sides > 0) & linked(self.sides, "train", self.related, self.groups)

    def counts_with(self, validation: float, test: float) -> tuple[int, int]:
        """How many validation and test images a new split into these shares gives; none if it is impossible."""
        sets = None if self.groups is None else Together(self.groups, self.related)
        try:
            sides = split(self.dataset, self.pack, sets, shares=(validation, test))
        except DataError:  # the images in a class belong together more than in the split that they have
            return 0, 0
        return int((sides == 1).sum()), int((sides == 2).sum())

    @property
    def leaks(self) -> tuple[Leaks, ...]:
        """How many images have a near-duplicate or their group in an earlier set; without pairs of sets with none."""
        return leaks_of(self.sides, self.related, self.groups)

    def resized(self, preparation: Preparation, report: Report = quiet) -> "Prepared":
        """The same images in the same split, prepared in another way."""
        if preparation == self.pack.preparation:
            return self
        return replace(self, pack=self.dataset.pack(preparation, report))


def prepare(
    dataset: Dataset,
    preparation: Preparation,
    *,
    classes: Sequence[str] | None = None,
    seen: Seen | None = None,
    report: Report = quiet,
) -> Prepared:
    """Decode, resize, group, split and label the images of a data set.

    Args:
        dataset: The images.
        preparation: How they are resized.
        classes: Names of the model's classes, in the order of its outputs; those of the data set unless given.
        seen: Images that the network was trained on before: they stay in the training set.
        report: Receives the progress.

    Raises:
        DataError: When there are too few images to train on, or of classes that the model does not know.
    """
    dataset.require_trainable()
    labels = dataset.labels if classes is None else labels_among(dataset, classes)
    pack = dataset.pack(preparation, report)
    sets = find_sets(dataset, pack, report)
    sides = split(dataset, pack, sets, seen=seen)
    given = dataset.sides is not None or dataset.fixed is not None
    leak = 0.0 if given else naive_leak(dataset, pack, sets)
    return Prepared(dataset, pack, labels, sides, groups_of(dataset, sets), sets.related, leak)


def labels_among(dataset: Dataset, classes: Sequence[str]) -> NDArray[np.int64]:
    """Labels of the images as positions among the classes of a model: by name, whatever their order, `(N,)`.

    Raises:
        DataError: When the images have a class that the model does not know.
    """
    unknown = [name for name in dataset.classes if name not in classes]
    if unknown:
        raise DataError(
            f"the images have classes that the model does not know: {listed(unknown, _SHOWN)}; the classes of the "
            f"model are {listed(classes, _SHOWN)}: leave out these images, or name their classes as the model does"
        )
    return np.array([classes.index(name) for name in dataset.classes], np.int64)[dataset.labels]


def find_sets(dataset: Dataset, pack: Pack, report: Report = quiet) -> Together:
    """The sets of images that must stay in one split, and of those that belong together at all, `(N,)`, -1 for none.

    The result is computed once and kept beside the pack.
    """
    usable = np.flatnonzero(pack.rows >= 0)
    labels, digests, groups = dataset.labels[usable], pack.digests.at(usable), _given_groups(dataset, usable)
    names = [dataset.source.names[index] for index in usable.tolist()]
    state = hashlib.blake2b(f"{METHOD}\0".encode(), digest_size=12)
    for known in (labels, digests.values) if groups is None else (labels, digests.values, groups):
        state.update(known.tobytes())
    if groups is None:
        state.update("\0".join(names).encode("utf-8", "surrogateescape"))
    place = pack.folder / f"together-{state.hexdigest()}.i8"
    found = np.frombuffer(cache.kept(place) or b"", np.int64)
    if len(found) != 2 * len(usable):
        count = len(usable)
        fresh = together(labels, pack.thumbnails(usable), digests, groups, names,
                         progress=lambda share: report("comparing", round(share * count), count))  # fmt: skip
        found = np.concatenate(fresh)
        with suppress(OutputError):  # it can be computed again
            cache.keep(place, found.tobytes())
    kept, related = np.full((2, len(dataset)), -1)
    kept[usable], related[usable] = found.reshape(2, -1)
    return Together(kept, related)


def split(
    dataset: Dataset,
    pack: Pack,
    sets: Together | None = None,
    *,
    seen: Seen | None = None,
    shares: tuple[float, float] | None = None,
) -> NDArray[np.int64]:
    """The set of each image, `(N,)` of positions in `ALL_SIDES`; -1 for images that are left out.

    Args:
        dataset: The images.
        pack: The same, prepared.
        sets: Images that must stay together; without them only exact duplicates and given groups do.
        seen: As in `prepare`.
        shares: Of the validation and of the test set; those of the data set unless given.

    Raises:
        DataError: When a class has too few different images.
    """
    usable = np.flatnonzero(pack.rows >= 0)
    digests, sides = pack.digests.at(usable), np.full(len(dataset), LEFT_OUT, np.int64)
    if dataset.fixed is not None:
        names = [dataset.source.names[index] for index in usable.tolist()]
        decided = dataset.fixed.sides(names, digests)
        sides[usable] = splits.given_sides(dataset.labels[usable], decided, digests, dataset.classes)
        return _held_back(dataset, sides, usable, digests, None if sets is None else sets.kept)
    labels, groups = dataset.labels[usable], None if dataset.groups is None else dataset.groups[usable]
    given = (
        None
        if dataset.sides is None
        else splits.given_sides(labels, dataset.sides[usable], digests, dataset.classes, groups)
    )
    learned = None if seen is None else seen(digests)
    if sets is not None:
        free = np.ones(len(usable), np.bool_) if given is None else given == 0
        least = len(SIDES) if given is None else len(set(range(len(SIDES))) - set(given.tolist()) - {0}) + 1
        groups = _divisible(labels, sets.kept[usable], groups, free if learned is None else free & ~learned, least)
    validation, test = shares or dataset.shares
    sides[usable] = splits.split(
        labels, digests, dataset.classes, seed=dataset.seed, validation=validation, test=test,
        given=given, groups=groups, learned=learned,
    )  # fmt: skip
    return _held_back(dataset, sides, usable, digests, None if sets is None else sets.kept)


def _held_back(
    dataset: Dataset,
    sides: NDArray[np.int64],
    usable: NDArray[np.int64],
    digests: Digests,
    groups: NDArray[np.int64] | None,
) -> NDArray[np.int64]:
    """The sets with half of the validation set held back, where the data set says so.

    Otherwise nothing needs held-back images: those of a given split are validation images.
    """
    if not dataset.holds_back:
        sides[sides == ALL_SIDES.index("held_back")] = SIDES.index("validation")
        return sides
    known = None if groups is None else groups[usable]
    sides[usable] = splits.hold_back(sides[usable], dataset.labels[usable], digests, seed=dataset.seed, groups=known)
    return sides


def groups_of(dataset: Dataset, sets: Together | None = None) -> NDArray[np.int64] | None:
    """A number for each image's group, `(N,)`; an image in no group has a number of its own. None without groups.

    Where the split is given, near-duplicates are one group too: no split keeps them together, but they are not
    independent of each other.
    """
    if sets is None:
        every: tuple[NDArray[np.int64] | None, ...] = (dataset.groups,)
    else:
        every = (sets.kept,) if dataset.sides is None else (dataset.groups, sets.related)
    known = [numbers for numbers in every if numbers is not None and (numbers >= 0).any()]
    own = [np.where(numbers < 0, numbers.max() + 1 + np.arange(len(dataset)), numbers) for numbers in known]
    return splits.sets_of(own[0], own[1]) if len(own) > 1 else own[0] if own else None


def naive_leak(dataset: Dataset, pack: Pack, sets: Together) -> float:
    """Share of test images that a random split would leave with a duplicate or their group in training, 0 to 1."""
    usable = np.flatnonzero(pack.rows >= 0)
    alone = np.stack([usable, np.zeros_like(usable)], axis=1).view(KIND)[:, 0]  # each with content of its own
    validation, test = dataset.shares
    try:
        sides = splits.split(
            dataset.labels[usable], Digests(alone), dataset.classes, validation=validation, test=test
        )  # fmt: skip
    except DataError:  # too few images to split at all
        return 0.0
    contents, groups = pack.digests.at(usable).ranks(), sets.kept[usable]
    leaking = np.isin(contents, contents[sides == 0]) | (groups >= 0) & np.isin(groups, groups[sides == 0])
    in_test = sides == SIDES.index("test")
    return float(leaking[in_test].mean()) if in_test.any() else 0.0


def _given_groups(dataset: Dataset, usable: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The groups that are given; None if there are none, so that bursts are looked for."""
    groups = None if dataset.groups is None else dataset.groups[usable]
    return groups if groups is not None and (groups >= 0).any() else None


def _divisible(
    labels: NDArray[np.int64],
    found: NDArray[np.int64],
    given: NDArray[np.int64] | None,
    free: NDArray[np.bool_],
    least: int,
) -> NDArray[np.int64]:
    """The found sets; only the given groups in a class whose free images are in fewer than `least` sets, `(N,)`."""
    alone = np.arange(len(labels)) + found.max(initial=0) + 1
    sets, groups = np.where(found < 0, alone, found), found.copy()
    for label in np.unique(labels):
        here = labels == label
        if len(np.unique(sets[here & free])) < least:
            groups[here] = -1 if given is None else np.where(given[here] < 0, -1, alone[-1] + 1 + given[here])
    return groups
