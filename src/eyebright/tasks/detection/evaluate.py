"""How good a detector is on images with boxes, and on which; those that it was trained on can be left out."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.split import Side
from eyebright.model.card import Seen
from eyebright.system.errors import DataError
from eyebright.system.progress import Report, quiet
from eyebright.system.text import all_of, listed
from eyebright.tasks.detection.boxes import Boxes
from eyebright.tasks.detection.finding import Detections
from eyebright.tasks.detection.matching import Matches, Truth, match
from eyebright.tasks.detection.metrics import DetectionEvaluation, evaluate_matches
from eyebright.tasks.detection.placing import Placing
from eyebright.tasks.detection.prepare import PreparedBoxes
from eyebright.tasks.detection.thresholds import RecallPromised

Find = Callable[[NDArray[np.uint8]], Sequence[Detections]]
"""What finds objects: from prepared images `(n, height, width, 3)` to what is in each, in their pixels."""
_BATCH_SIZE = 16
_SHOWN = 10


class Judge(NamedTuple):
    """What a detector shows, and what it was made of: all that an evaluation asks of it beside its detections.

    Args:
        classes: Names of its classes.
        thresholds: The confidence that a detection of each class needs, `(classes,)`.
        seen: The images that it was trained on or selected by.
        promised: What it promises; None for nothing.
    """

    classes: tuple[str, ...]
    thresholds: NDArray[np.float64]
    seen: Seen = Seen()
    promised: RecallPromised | None = None


class DetectionTested(NamedTuple):
    """An evaluation, and what was found in each of its images.

    Args:
        evaluation: The metrics.
        positions: Which of the prepared images were evaluated, `(N,)`.
        found: What was found in each, also below the threshold, in pixels of the upright originals.
        truth: The boxes of each, labelled with the classes of the detector.
        matches: What meets what.
    """

    evaluation: DetectionEvaluation
    positions: NDArray[np.int64]
    found: tuple[Detections, ...]
    truth: tuple[Truth, ...]
    matches: Matches


def evaluate_detector(
    find: Find, judge: Judge, prepared: PreparedBoxes, side: Side | None = None, *, report: Report = quiet
) -> DetectionTested:
    """Evaluate a detector on prepared images, without those that it was trained on.

    Args:
        find: What finds objects in prepared images.
        judge: The rest of the detector.
        prepared: The images with their boxes.
        side: The set to evaluate on; all images by default.
        report: Receives the progress.

    Raises:
        DataError: When no image is left, or one has a box of a class that the detector does not know.
    """
    usable = np.flatnonzero(prepared.pack.rows >= 0) if side is None else prepared.indices(side)
    new = usable[~judge.seen.contains(prepared.pack.digests.at(usable))]
    if not len(new):
        raise DataError(
            f"the detector was trained on {all_of(len(usable), 'image')} that can be opened, or selected by them: "
            "evaluate it on other images"
        )
    truth, found = truths(prepared, new, judge.classes), tuple(found_in(find, prepared, new, report))
    matches = match(found, truth)
    evaluation = evaluate_matches(
        matches, judge.classes, judge.thresholds, groups=prepared.groups_at(new), promised=judge.promised
    )
    counts = {"seen": len(usable) - len(new), "left_out": len(prepared.pack.left_out)}
    return DetectionTested(msgspec.structs.replace(evaluation, **counts), new, found, truth, matches)


def found_in(
    find: Find, prepared: PreparedBoxes, indices: NDArray[np.int64], report: Report = quiet
) -> Iterator[Detections]:
    """What is found in some prepared images, in pixels of the upright originals.

    Args:
        find: What finds objects in prepared images.
        prepared: The images.
        indices: Which of them.
        report: Receives the progress.
    """
    for at in range(0, len(indices), _BATCH_SIZE):
        here = indices[at : at + _BATCH_SIZE]
        for index, found in zip(here.tolist(), find(prepared.pack.read(here)), strict=True):
            width, height = prepared.dataset.sizes[index].tolist()
            place = Placing(width, height, prepared.pack.preparation)
            corners = place.to_original(found.corners).clip(0, [width, height, width, height])
            yield Detections(corners, found.labels, found.scores)
        report("evaluating", at + len(here), len(indices))


def truths(prepared: PreparedBoxes, indices: NDArray[np.int64], classes: Sequence[str]) -> tuple[Truth, ...]:
    """The boxes of some images, labelled by name with the classes of a detector, whatever their order.

    Raises:
        DataError: When there are boxes of a class that the detector does not know.
    """
    dataset = prepared.dataset
    unknown = [name for name in dataset.classes if name not in classes]
    if unknown:
        raise DataError(
            f"there are boxes of classes that the detector does not know: {listed(unknown, _SHOWN)}; its classes are "
            f"{listed(classes, _SHOWN)}: leave out these images, or name their classes as the detector does"
        )
    numbers = np.array([classes.index(name) for name in dataset.classes], np.int64)

    def named(boxes: Boxes) -> Boxes:
        return Boxes(boxes.corners, numbers[boxes.labels])

    return tuple(
        Truth.of_boxes(named(dataset.boxes[index]), named(dataset.ignored[index])) for index in indices.tolist()
    )
