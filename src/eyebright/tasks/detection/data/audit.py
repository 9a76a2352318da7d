"""Is anything wrong with images and their boxes? Objects without a box, two boxes for one object, wrong classes.

Some findings need what a detector finds in the images. One that was trained on the same labels has learned some of
their faults too, so it does not find all; benchmarks/README.md has how many.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.examine import examine
from eyebright.data.audit.findings import Finding
from eyebright.system.records import Record
from eyebright.system.text import percent, printable
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.geometry.boxes import areas, intersections, iou
from eyebright.tasks.detection.geometry.finding import Detections

BoxFindingKind: TypeAlias = Literal[
    "not labelled", "probably another class", "two classes", "almost twice", "tiny", "huge", "copies differ",
]  # fmt: skip
BOX_FINDING_KINDS: dict[BoxFindingKind, str] = {
    "not labelled": "an object that was found with confidence, without a box",
    "probably another class": "an object that was found with confidence in another class",
    "two classes": "boxes of two classes around the same object",
    "almost twice": "boxes of one class around the same object",
    "tiny": "few pixels are left of it when the image is resized",
    "huge": "as large as the image",
    "copies differ": "the same image twice, with other boxes",
}
"""All kinds in the order in which they are shown, each with an explanation that fits on its line."""
CONFIDENT = 0.5
"""More probably right than wrong, as confidences are calibrated."""
SAME, TWICE, TOUCHES, INSIDE = 0.5, 0.7, 0.3, 0.5  # overlaps of boxes; neighbours in a crowd touch without being one
HUGE = 0.9  # of the area of the image
TINY_PX = 4  # of the resized image: half a cell of the map in which objects are found
_NEAR = 0.6  # least overlap of the boxes of copies


class BoxFinding(Record, frozen=True, kw_only=True):
    """One finding about a box, or about two.

    Args:
        kind: What was found.
        picture: The name of the image, as `printable` shows it.
        corners: x1, y1, x2, y2 of each box, in pixels of the upright original.
        classes: The class of each.
        figure: The number behind the finding, in the unit that the sentence gives.
        sentence: The finding for people.
    """

    kind: BoxFindingKind
    picture: str
    corners: tuple[tuple[float, float, float, float], ...]
    classes: tuple[str, ...]
    figure: float
    sentence: str


class BoxAudit(Record, frozen=True, kw_only=True):
    """All findings about images with boxes.

    Args:
        format: Version of audit.json.
        origin: The folder or file with the labels.
        pictures: Number of images.
        classes: Number of boxes of each class that are used.
        findings: What was found about boxes, kind by kind, the surest first.
        images: What was found about images, whatever their boxes, kind by kind.
        unused: The boxes that are not used: "image", "reason", and "box" as the file gives it.
        notes: What else is to be said of the labels, and what was not checked.
    """

    format: Literal[1] = 1
    origin: str
    pictures: int
    classes: dict[str, int]
    findings: tuple[BoxFinding, ...]
    images: tuple[Finding, ...] = ()
    unused: tuple[dict[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, kind: BoxFindingKind) -> tuple[BoxFinding, ...]:
        """The findings of one kind."""
        return tuple(one for one in self.findings if one.kind == kind)


def audit_boxes(prepared: PreparedBoxes, found: Sequence[Detections | None] | None = None) -> BoxAudit:
    """Find what may be wrong with images and their boxes.

    Args:
        prepared: The images with their boxes.
        found: For each image what a detector finds, labelled with the classes of the data set, in pixels of the
            original; None where nothing is known.
    """
    dataset = prepared.dataset
    findings = [*_copies(prepared)]
    for index in range(len(dataset)):
        findings += [*_overlapping(dataset, index), *_odd_sizes(prepared, index)]
        if found is not None and (detections := found[index]) is not None:
            findings += _against(dataset, index, detections.above(CONFIDENT))
    order = {kind: number for number, kind in enumerate(BOX_FINDING_KINDS)}
    findings.sort(key=lambda one: (order[one.kind], -one.figure if one.kind != "tiny" else one.figure))
    labels = np.concatenate([boxes.labels for boxes in dataset.boxes])
    counts = np.bincount(labels, minlength=len(dataset.classes)).tolist()
    return BoxAudit(
        origin=printable(str(dataset.origin)),
        pictures=len(dataset),
        classes={printable(name): count for name, count in zip(dataset.classes, counts, strict=True)},
        findings=tuple(findings),
        images=examine(dataset.as_classified(), prepared.pack).findings,
        unused=tuple({key: printable(text) for key, text in one._asdict().items()} for one in prepared.unused_boxes),
        notes=tuple(dataset.notices),
    )


def _finding(
    dataset: BoxDataset, kind: BoxFindingKind, index: int, corners: NDArray[np.float64], labels: Sequence[int],
    figure: float, sentence: str,
) -> BoxFinding:  # fmt: skip
    return BoxFinding(
        kind=kind, picture=printable(dataset.source.names[index]),
        corners=tuple((x1, y1, x2, y2) for x1, y1, x2, y2 in np.round(corners.reshape(-1, 4), 2).tolist()),
        classes=tuple(printable(dataset.classes[label]) for label in labels), figure=round(float(figure), 4),
        sentence=sentence,
    )  # fmt: skip


def _overlapping(dataset: BoxDataset, index: int) -> Iterator[BoxFinding]:
    """Pairs of boxes around the same object."""
    boxes = dataset.boxes[index]
    overlaps = np.triu(iou(boxes.corners, boxes.corners), 1)
    for one, other in np.argwhere(overlaps >= TWICE).tolist():
        labels = boxes.labels[[one, other]].tolist()
        kind: BoxFindingKind = "two classes" if labels[0] != labels[1] else "almost twice"
        figure, names = overlaps[one, other], " and ".join(printable(dataset.classes[label]) for label in labels)
        sentence = f"{names}, overlap {percent(figure, 0)}"
        yield _finding(dataset, kind, index, boxes.corners[[one, other]], labels, figure, sentence)


def _odd_sizes(prepared: PreparedBoxes, index: int) -> Iterator[BoxFinding]:
    """Boxes that nearly vanish when the image is resized, and those as large as the image."""
    dataset, boxes = prepared.dataset, prepared.dataset.boxes[index]
    resized = prepared.boxes[index].corners
    sides = (resized[:, 2:] - resized[:, :2]).min(axis=1, initial=math.inf)
    shares = areas(boxes.corners) / max(dataset.sizes[index].prod(), 1)
    size = prepared.pack.preparation
    for at in np.flatnonzero(sides < TINY_PX).tolist():
        sentence = f"{sides[at]:.1f} pixels when the image is resized to {size.width} x {size.height}"
        yield _finding(dataset, "tiny", index, boxes.corners[at], [int(boxes.labels[at])], sides[at], sentence)
    for at in np.flatnonzero(shares > HUGE).tolist():
        sentence = f"{percent(shares[at], 0)} of the image"
        yield _finding(dataset, "huge", index, boxes.corners[at], [int(boxes.labels[at])], shares[at], sentence)


def _against(dataset: BoxDataset, index: int, found: Detections) -> Iterator[BoxFinding]:
    """Confident detections that no box explains, or a box of another class."""
    boxes, ignored = dataset.boxes[index], dataset.ignored[index]
    overlaps = iou(found.corners, boxes.corners)
    excused = _within(found.corners, ignored.corners)
    for at, (label, score) in enumerate(zip(found.labels.tolist(), found.scores.tolist(), strict=True)):
        name, sure = printable(dataset.classes[label]), percent(score, 0)
        if excused[at]:
            continue
        if overlaps[at].max(initial=0) < TOUCHES:
            sentence = f"{name} was found ({sure}), there is no box"
            yield _finding(dataset, "not labelled", index, found.corners[at], [label], score, sentence)
            continue
        same = overlaps[at] >= SAME
        best = int(overlaps[at].argmax())
        if same[best] and label not in boxes.labels[same]:
            labelled = int(boxes.labels[best])
            sentence = f"labelled {printable(dataset.classes[labelled])}, {name} was found ({sure})"
            both = np.stack([boxes.corners[best], found.corners[at]])
            yield _finding(dataset, "probably another class", index, both, [labelled, label], score, sentence)


def _within(corners: NDArray[np.float64], regions: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether half of each box is in a region that does not count, `(n,)`."""
    common = intersections(corners, regions)
    return np.asarray(common.max(axis=1, initial=0) >= INSIDE * areas(corners))


def _copies(prepared: PreparedBoxes) -> Iterator[BoxFinding]:
    """Images whose pixels another image has too, with boxes that the other one lacks."""
    first: dict[bytes, int] = {}
    for index, digest in enumerate(prepared.pack.digests):
        if not digest or (other := first.setdefault(digest, index)) == index:
            continue
        dataset = prepared.dataset
        own, others = dataset.boxes[index], dataset.boxes[other]
        for mine, theirs, where in ((own, others, index), (others, own, other)):
            same = (iou(mine.corners, theirs.corners) >= _NEAR) & (mine.labels[:, None] == theirs.labels[None])
            alone = np.flatnonzero(~same.any(axis=1))
            if len(alone):
                copy = printable(dataset.source.names[index if where == other else other])
                sentence = f"its copy {copy} does not have {'this box' if len(alone) == 1 else 'these boxes'}"
                labels = mine.labels[alone].tolist()
                yield _finding(dataset, "copies differ", where, mine.corners[alone], labels, len(alone), sentence)
