"""Is anything wrong with the boxes? Objects without a box, two boxes for one object, odd sizes, wrong classes.

Some findings need what a detector finds in the images. One that was trained on the same labels has learned some of
their faults too, so it does not find all.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import PurePath
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import decode
from eyebright.report.sheets import MAX_SHOWN
from eyebright.system.errors import PictureError
from eyebright.system.records import Record
from eyebright.system.text import percent, printable
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.geometry.boxes import areas, intersections, iou
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.predictor import FoundObjects
from eyebright.tasks.detection.report.drawing import Frame, Framed, class_frame, draw_boxes

Kind: TypeAlias = Literal[
    "not labelled", "probably another class", "two classes", "almost twice", "tiny", "huge", "copies differ",
]  # fmt: skip
KINDS: dict[Kind, str] = {
    "not labelled": "an object that was found with confidence, without a box",
    "probably another class": "an object that was found with confidence in another class",
    "two classes": "boxes of two classes around the same object",
    "almost twice": "boxes of one class around the same object",
    "tiny": "few pixels are left of it when the image is resized",
    "huge": "as large as the image",
    "copies differ": "the same image twice, with other boxes",
}
"""All kinds in the order in which they are shown, each with an explanation that fits on its line."""
CONFIDENT = 0.6  # a calibrated share of correct detections; the other thresholds are overlaps of boxes
SAME, TWICE, TOUCHES, INSIDE = 0.5, 0.7, 0.1, 0.5
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

    kind: Kind
    picture: str
    corners: tuple[tuple[float, float, float, float], ...]
    classes: tuple[str, ...]
    figure: float
    sentence: str


def audit_boxes(
    prepared: PreparedBoxes, found: Sequence[Detections | None] | None = None, *, confident: float = CONFIDENT
) -> list[BoxFinding]:
    """Find what may be wrong with the boxes of a data set, kind by kind, the surest first.

    Args:
        prepared: The images with their boxes.
        found: For each image what a detector with the same classes finds, in pixels of the original; None where
            nothing is known.
        confident: The confidence from which on a detection counts.
    """
    findings: list[BoxFinding] = []
    for index in range(len(prepared.dataset)):
        findings += [*_overlapping(prepared.dataset, index), *_odd_sizes(prepared, index)]
        if found is not None and (detections := found[index]) is not None:
            findings += _against(prepared.dataset, index, detections.above(confident))
    findings += _copies(prepared)
    order = {kind: number for number, kind in enumerate(KINDS)}
    return sorted(findings, key=lambda one: (order[one.kind], -one.figure if one.kind != "tiny" else one.figure))


def found_in(dataset: BoxDataset, detector: Detector, *, confident: float = CONFIDENT) -> list[Detections | None]:
    """What a detector finds in the images of a data set, as `audit_boxes` takes it; classes go by name.

    Args:
        dataset: The images.
        detector: A detector; what it finds of classes that the data set does not have is passed over.
        confident: The least confidence.
    """
    source, labels = dataset.source, {name: label for label, name in enumerate(dataset.classes)}
    images = ((name, partial(source.open, index)) for index, name in enumerate(source.names))
    return [
        _detections(answer, labels) if isinstance(answer, FoundObjects) else None
        for answer in detector.stream(images, threshold=confident)
    ]


def _detections(found: FoundObjects, labels: Mapping[str, int]) -> Detections:
    known = [one for one in found.objects if one.label in labels]
    return Detections(
        np.array([one.box for one in known], np.float64).reshape(-1, 4),
        np.array([labels[one.label] for one in known], np.int64),
        np.array([one.confidence for one in known], np.float64),
    )


def draw_findings(
    dataset: BoxDataset, findings: Sequence[BoxFinding], kind: Kind, *, most: int = MAX_SHOWN
) -> bytes | None:
    """A contact sheet of the findings of one kind, as the content of a PNG file; None where there are none.

    Each picture is the surroundings of the boxes, with these boxes drawn.
    """
    index_of = {printable(name): index for index, name in enumerate(dataset.source.names)}
    framed = []
    for one in [one for one in findings if one.kind == kind][:most]:
        try:
            pixels = np.asarray(decode(dataset.source.open(index_of[one.picture])))
        except PictureError:
            continue
        framed.append(_framed(pixels, one, dataset.classes))
    return draw_boxes(framed, title=f"{kind}: {KINDS[kind]}") if framed else None


def count_kinds(findings: Iterable[BoxFinding]) -> dict[Kind, int]:
    """How many findings there are of each kind, in the order of `KINDS`, without kinds that were not found."""
    counts = Counter(one.kind for one in findings)
    return {kind: counts[kind] for kind in KINDS if counts[kind]}


def _finding(
    dataset: BoxDataset, kind: Kind, index: int, corners: NDArray[np.float64], labels: Sequence[int], figure: float,
    sentence: str,
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
        kind: Kind = "two classes" if labels[0] != labels[1] else "almost twice"
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


def _framed(pixels: NDArray[np.uint8], one: BoxFinding, classes: Sequence[str]) -> Framed:
    """The surroundings of the boxes of a finding: three times as wide and as high as they are, at least 64 pixels."""
    corners = np.array(one.corners)
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    middle, reach = (low + high) / 2, np.maximum((high - low) * 1.5, 32)
    left, top = np.maximum(middle - reach, 0).astype(int)
    right, bottom = np.ceil(middle + reach).astype(int)
    position: Callable[[str], int] = [printable(name) for name in classes].index
    frames: list[Frame] = [
        class_frame(position(name), name, (box - [left, top, left, top]).tolist())
        for box, name in zip(corners, one.classes, strict=True)
    ]
    return Framed(pixels[top:bottom, left:right], frames, f"{PurePath(one.picture).name}: {one.sentence}")
