"""Which detections meet which labelled boxes: all figures of a detector rest on this.

The detections of one class in one image take their box in turn, the most confident first: the free box that they
overlap most. One that reaches no box is a mistake. A box that is to be ignored (a crowd, or difficult) makes neither a
hit nor a mistake of what lies on it.

Source: the evaluation of COCO (Lin et al. 2014, "Microsoft COCO", and pycocotools 2.0.11), which the tests compare.
Where we differ: boxes that Pascal VOC calls difficult are ignored as COCO ignores crowds.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.tasks.detection.geometry.boxes import Boxes, areas, intersections
from eyebright.tasks.detection.geometry.finding import Detections

OVERLAPS: NDArray[np.float64] = np.linspace(0.5, 0.95, 10)
"""The intersections over union from which on a detection meets a box; the first is what "correct" means elsewhere."""
SIZES = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""The ranges of area of boxes, in pixels of the original image, both ends included."""
MOST_COUNTED = 100
"""Detections of one class in one image that count, the most confident ones."""
MISS, HIT, IGNORED = 0, 1, 2
_BOUNDS: NDArray[np.float64] = np.array(list(SIZES.values()))[:, :, None]  # (sizes, 2, 1)


class Truth(NamedTuple):
    """The labelled boxes of one image.

    Args:
        corners: x1, y1, x2, y2 in pixels of the upright original, `(n, 4)`.
        labels: The class of each, `(n,)`, int64.
        ignored: Whether each is a crowd or difficult, so that it does not count, `(n,)`.
    """

    corners: NDArray[np.float64]
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]

    @classmethod
    def of(cls, corners: NDArray[np.float64], labels: NDArray[np.int64]) -> "Truth":
        """Boxes that all count."""
        return cls(corners, labels, np.zeros(len(labels), np.bool_))

    @classmethod
    def of_boxes(cls, boxes: Boxes, ignored: Boxes) -> "Truth":
        """The boxes of an image, and those of it that do not count."""
        corners = np.concatenate([boxes.corners, ignored.corners])
        labels = np.concatenate([boxes.labels, ignored.labels])
        return cls(corners, labels, np.arange(len(labels)) >= len(boxes))


class Matches(NamedTuple):
    """What became of the detections and the boxes of some images.

    Detections come by image, class and confidence, boxes by image and then as they were given.

    Args:
        images: Number of images.
        image: The image of each detection, `(D,)`.
        place: Its position among those of its image, `(D,)`.
        label: Its class, `(D,)`.
        score: Its confidence, `(D,)`.
        outcome: `MISS`, `HIT` or `IGNORED`, for each size of `SIZES` and overlap of `OVERLAPS`, `(sizes, overlaps, D)`.
        box: Which box it meets at the first overlap, `(D,)`; -1 for none that counts.
        box_image: The image of each box, `(B,)`.
        box_label: Its class, `(B,)`.
        box_area: Its area in square pixels of the original image, `(B,)`.
        counted: Whether the box counts for each size, `(sizes, B)`.
        found_at: The confidence of the detection that meets the box at the first overlap, `(B,)`; -inf for none.
    """

    images: int
    image: NDArray[np.int64]
    place: NDArray[np.int64]
    label: NDArray[np.int64]
    score: NDArray[np.float64]
    outcome: NDArray[np.int8]
    box: NDArray[np.int64]
    box_image: NDArray[np.int64]
    box_label: NDArray[np.int64]
    box_area: NDArray[np.float64]
    counted: NDArray[np.bool_]
    found_at: NDArray[np.float64]

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each detection meets a box at the first overlap, `(D,)`."""
        return np.asarray(self.outcome[0, 0] == HIT)

    @property
    def evaluated(self) -> NDArray[np.bool_]:
        """Whether each detection is right or wrong at the first overlap, and not ignored, `(D,)`."""
        return np.asarray(self.outcome[0, 0] != IGNORED)


def match(found: Sequence[Detections], truth: Sequence[Truth]) -> Matches:
    """Compare detections with labelled boxes.

    Args:
        found: The detections of each image; scores may be in any order.
        truth: The boxes of each of these images.
    """
    parts, found_at, before = [], [], 0
    for number, (ours, theirs) in enumerate(zip(found, truth, strict=True)):
        reached = np.full(len(theirs.labels), -np.inf)
        for label in np.unique(ours.labels).tolist():
            of_class = np.flatnonzero(ours.labels == label)
            rows = of_class[np.argsort(-ours.scores[of_class], kind="stable")][:MOST_COUNTED]
            boxes = np.flatnonzero(theirs.labels == label)
            scores = ours.scores[rows].astype(np.float64)
            outcome, taken = _in_turn(
                ours.corners[rows].astype(np.float64), theirs.corners[boxes], theirs.ignored[boxes]
            )
            reached[boxes[taken[taken >= 0]]] = scores[taken >= 0]
            met = np.append(before + boxes, -1)[taken]
            parts.append((np.full(len(rows), number), rows, np.full(len(rows), label), scores, outcome, met))
        found_at.append(reached)
        before += len(reached)
    all_corners, labels, ignored = (np.concatenate(every) for every in zip(*truth, strict=True))
    box_image = np.repeat(np.arange(len(truth)), [len(one.labels) for one in truth])
    counted = _within(all_corners) & ~ignored
    return Matches(
        len(truth), *_joined(parts), box_image, labels, areas(all_corners), counted, np.concatenate(found_at),
    )  # fmt: skip


def overlap(found: NDArray[np.float64], boxes: NDArray[np.float64], ignored: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Intersection over union of each detection and each box, `(D, B)`; for ignored ones, the share that lies in it.

    Args:
        found: Corners of the detections, `(D, 4)`.
        boxes: Corners of the boxes, `(B, 4)`.
        ignored: Whether each box does not count, `(B,)`.
    """
    shared, area = intersections(found, boxes), areas(found)[:, None]
    union = np.where(ignored, area, area + areas(boxes) - shared)
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def _in_turn(
    found: NDArray[np.float64], boxes: NDArray[np.float64], ignored: NDArray[np.bool_]
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """The outcomes `(sizes, overlaps, D)` of detections of one class in one image, the most confident first.

    Also which box each of them takes at the first overlap, `(D,)`; -1 for none that counts.
    """
    outcome = np.full((len(SIZES), len(OVERLAPS), len(found)), MISS, np.int8)
    outcome[:] = np.where(_within(found), MISS, IGNORED)[:, None]
    taken = np.full(len(found), -1)
    shared, counted = overlap(found, boxes, ignored), _within(boxes) & ~ignored
    free = np.ones((*outcome.shape[:2], len(boxes)), np.bool_)
    sizes, overlaps = np.ogrid[: len(SIZES), : len(OVERLAPS)]
    for row in np.flatnonzero((shared >= OVERLAPS[0]).any(axis=1)).tolist():
        rank = np.empty(len(boxes), np.int64)  # of equal overlaps the last box is best, as in pycocotools
        rank[np.argsort(shared[row], kind="stable")] = np.arange(len(boxes))
        value = rank + len(boxes) * counted  # boxes that count come first
        value = np.where(free & (shared[row] >= OVERLAPS[:, None]), value[:, None], -1)
        best = value.argmax(axis=2)
        reached = value[sizes, overlaps, best] >= 0
        outcome[..., row] = np.where(
            reached, np.where(counted[sizes, best], HIT, IGNORED), outcome[..., row]
        )  # fmt: skip
        free[sizes, overlaps, best] &= ~reached | ignored[best]
        if outcome[0, 0, row] == HIT:
            taken[row] = best[0, 0]
    return outcome, taken


def _within(corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each box has each size of `SIZES`, `(sizes, n)`."""
    area = areas(corners)
    return (_BOUNDS[:, 0] <= area) & (area <= _BOUNDS[:, 1])


_Part: TypeAlias = tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int8], NDArray[np.int64]
]  # of one class in one image: image, place, label, score, outcome and box of each detection


def _joined(parts: Sequence[_Part]) -> _Part:
    none = np.zeros(0, np.int64)
    first = none, none, none, np.zeros(0), np.zeros((len(SIZES), len(OVERLAPS), 0), np.int8), none
    image, place, label, score, outcome, box = zip(first, *parts, strict=True)
    return (
        np.concatenate(image), np.concatenate(place), np.concatenate(label), np.concatenate(score),
        np.concatenate(outcome, axis=2), np.concatenate(box),
    )  # fmt: skip
