"""The one door to images with boxes that are ready to train on: packed, grouped and split, as `data.prepare` does it.

The split gives each set its share of every class: an image counts as one of its rarest class, and classes with too few
images for three sets count as one. It is a pure function of the images, their boxes and the seed, so it does not
depend on the format of the labels.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eyebright.data import pack as packs
from eyebright.data.batches import content_order
from eyebright.data.digests import Digests
from eyebright.data.pack import Pack
from eyebright.data.pictures import Preparation
from eyebright.data.prepare import find_sets, groups_of, split
from eyebright.data.split import ALL_SIDES, LEFT_OUT, SIDES, Leaks, Side, leaks_of, linked, sets_of, without_leaks
from eyebright.system.errors import DataError
from eyebright.system.progress import Report, quiet
from eyebright.system.text import counted, printable
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.geometry.boxes import Boxes, Unused
from eyebright.tasks.detection.geometry.letterbox import Letterbox


@dataclass(frozen=True, eq=False)
class PreparedBoxes:
    """Images with boxes that are ready to train on.

    Args:
        dataset: The images, with their boxes in pixels of the originals.
        pack: The images, decoded and resized with grey bars.
        boxes: For each image its boxes in pixels of the resized image.
        ignored: The regions that do not count, in the same pixels.
        sides: For each image the position of its set in `ALL_SIDES`, `(N,)`; -1 where it is left out.
        groups: A number for each image's group, `(N,)`; None without groups.
        related: For each image the number of its set of duplicates, near-duplicates and frames of one film, `(N,)`;
            -1 for none.
    """

    dataset: BoxDataset
    pack: Pack
    boxes: tuple[Boxes, ...]
    ignored: tuple[Boxes, ...]
    sides: NDArray[np.int64]
    groups: NDArray[np.int64] | None
    related: NDArray[np.int64]

    @classmethod
    def whole(cls, dataset: BoxDataset, preparation: Preparation, report: Report = quiet) -> "PreparedBoxes":
        """All images in no set, for an evaluation of all of them: with the groups that a training would find."""
        pack, images = _packed(dataset, preparation, report), dataset.for_grouping()
        sets = find_sets(images, pack, report)
        none = np.full(len(dataset), LEFT_OUT)
        return cls(dataset, pack, *_placed(dataset, preparation), none, groups_of(images, sets), sets.related)

    def indices(self, side: Side) -> NDArray[np.int64]:
        """The images of a set, as positions in the data set: in an order that only depends on their content."""
        here = np.flatnonzero(self.sides == ALL_SIDES.index(side))
        return content_order(self.pack, np.zeros(len(self.sides), np.int64), here)

    def groups_at(self, indices: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """The groups of some images."""
        return None if self.groups is None else self.groups[indices]

    @property
    def leaking(self) -> NDArray[np.bool_]:
        """Whether an image of the validation or test set has a near-duplicate or its group in training, `(N,)`."""
        return (self.sides > 0) & linked(self.sides, "train", self.related, self.groups)

    @property
    def leaks(self) -> tuple[Leaks, ...]:
        """How many images have a near-duplicate or their group in an earlier set; without pairs of sets with none."""
        return leaks_of(self.sides, self.related, self.groups)

    @property
    def unused_boxes(self) -> list[Unused]:
        """Every box that is not used: those of the files, and those of images that cannot be decoded."""
        dataset, known = self.dataset, list(self.dataset.unused)
        closed = {left.name for left in self.pack.left_out}
        for name, boxes in zip(dataset.source.names, dataset.boxes, strict=True):
            if name in closed:
                known += [
                    Unused(name, "no image", " ".join([dataset.classes[label], *(f"{value:g}" for value in corners)]))
                    for corners, label in zip(boxes.corners.tolist(), boxes.labels.tolist(), strict=True)
                ]
        return known

    def resized(self, preparation: Preparation, report: Report = quiet) -> "PreparedBoxes":
        """The same images in the same split, prepared in another size."""
        pack = _packed(self.dataset, preparation, report)
        boxes, ignored = _placed(self.dataset, preparation)
        return PreparedBoxes(self.dataset, pack, boxes, ignored, self.sides, self.groups, self.related)


def prepare(
    dataset: BoxDataset, preparation: Preparation, report: Report = quiet, *, hold_back: bool = False
) -> PreparedBoxes:
    """Decode, resize, group and split the images of a data set, and place their boxes.

    Args:
        dataset: The images with their boxes.
        preparation: The size; its `fit` must be "pad".
        report: Receives the progress.
        hold_back: Whether half of the validation set is held back for a promise: it picks nothing.

    Raises:
        DataError: When there are too few images to split, or a given set has no boxes.
        SettingsError: When the images would be cropped or stretched.
    """
    boxes, ignored = _placed(dataset, preparation)
    pack, images = _packed(dataset, preparation, report), dataset.for_grouping()
    usable = np.flatnonzero(pack.rows >= 0)
    digests, sets = pack.digests.at(usable), find_sets(images, pack, report)
    boxes_of = [dataset.boxes[index] for index in usable.tolist()]
    _require_enough(dataset, digests, boxes_of)
    labels = np.zeros(len(dataset), np.int64)
    free = _unsettled(dataset, usable, digests)
    together = sets_of(digests.ranks(), sets.kept[usable])
    labels[usable] = strata(boxes_of, together, free)
    to_split = dataset.as_classified(labels)
    sides = split(to_split.holding_back() if hold_back else to_split, pack, sets)
    prepared = PreparedBoxes(dataset, pack, boxes, ignored, sides, groups_of(images, sets), sets.related)
    _require_boxes(prepared)
    return prepared


def strata(boxes: list[Boxes], sets: NDArray[np.int64], free: NDArray[np.bool_]) -> NDArray[np.int64]:
    """A number for each image, so that a split that is fair to each number is fair to each class, `(N,)`.

    Args:
        boxes: Of each image.
        sets: The number of the images that stay together with it, `(N,)`.
        free: Whether it is still to be split, `(N,)`.

    Returns:
        0 for images without boxes and of classes that are too rare to be split, then the others by their rarest class.
    """
    images = Counter(label for one in boxes for label in set(one.labels.tolist()))
    rarest = [min(set(one.labels.tolist()), key=lambda label: (images[label], label), default=-1) for one in boxes]
    found = np.array(rarest, np.int64) + 1
    for _ in range(len(images) + 1):
        owners: dict[int, int] = {}  # as in a split: sets that span several belong to the first
        for one, number in zip(sets[free].tolist(), found[free].tolist(), strict=True):
            owners[one] = min(owners.get(one, number), number)
        counts = Counter(owners.values())
        few = [number for number in np.unique(found).tolist() if number and counts[number] < len(SIDES)]
        if not few:
            break
        found[np.isin(found, few)] = 0
    if found.any() and 0 in found and counts[0] < len(SIDES):  # those join the largest
        found[found == 0] = counts.most_common(1)[0][0]
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def _unsettled(dataset: BoxDataset, usable: NDArray[np.int64], digests: Digests) -> NDArray[np.bool_]:
    """Which of the usable images are in no given validation or test set, `(n,)`."""
    if dataset.sides is None:
        return np.ones(len(usable), np.bool_)
    groups = None if dataset.groups is None else dataset.groups[usable]
    return np.asarray(without_leaks(dataset.sides[usable], digests, groups) == 0)


def _packed(dataset: BoxDataset, preparation: Preparation, report: Report) -> Pack:
    """The images, prepared; those that cannot be opened have no row.

    Raises:
        DataError: When those are more than half of them.
    """
    pack = packs.pack(dataset.source, preparation, report)
    if 2 * len(pack.left_out) > len(dataset):
        first = pack.left_out[0]
        raise DataError(
            f"{dataset.origin}: {len(pack.left_out):,} of the {counted(len(dataset), 'image')} cannot be opened, more "
            f"than half; the first is {printable(first.name)}: {first.reason}"
        )
    return pack


def _placed(dataset: BoxDataset, preparation: Preparation) -> tuple[tuple[Boxes, ...], tuple[Boxes, ...]]:
    """The boxes and the regions that do not count, in pixels of the prepared images."""
    places = [
        Letterbox(width, height, preparation) if width else None for width, height in dataset.sizes.tolist()
    ]  # of an image that cannot be opened no box is used
    boxes, ignored = (
        tuple(one.moved(place.to_input(one.corners)) if place else one for one, place in zip(each, places, strict=True))
        for each in (dataset.boxes, dataset.ignored)
    )
    return boxes, ignored


def _require_enough(dataset: BoxDataset, digests: Digests, boxes_of: list[Boxes]) -> None:
    different = len(set(digests))
    if different < len(SIDES):
        raise DataError(
            f"{dataset.origin} has {counted(different, 'different image')}: a detector needs at least {len(SIDES)}, "
            f"one for each set ({', '.join(SIDES)}), and some hundred to be any good"
        )
    labelled = len({digest for digest, boxes in zip(digests, boxes_of, strict=True) if len(boxes)})
    if labelled < len(SIDES):
        raise DataError(
            f"{dataset.origin} has {counted(labelled, 'different image')} with boxes: a detector needs at least "
            f"{len(SIDES)}, one for each set ({', '.join(SIDES)}): draw boxes on more of them"
        )


def _require_boxes(prepared: PreparedBoxes) -> None:
    """Refuse a split with a set without a single box: nothing could be learned or measured there."""
    remedy = "label some of them, or move images with boxes there"
    if prepared.dataset.sides is None and prepared.dataset.fixed is None:
        remedy = (
            "label some of them; another split (--seed 1) helps only if images with boxes are in several groups, "
            "because near-duplicates and frames of one film stay in one set"
        )
    for side in SIDES:
        here = prepared.indices(side)
        if len(here) and not any(len(prepared.boxes[index]) for index in here.tolist()):
            raise DataError(
                f"{prepared.dataset.origin}: the {side} set has {counted(len(here), 'image')} and no box: {remedy}"
            )
