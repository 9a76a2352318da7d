"""How good a detector is on images with boxes, and on which; those that it was trained on can be left out."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.split import Side
from eyebright.system.errors import DataError
from eyebright.system.progress import Report, quiet
from eyebright.system.text import all_of, listed
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.geometry.boxes import Boxes
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.model.card import DetectorCard
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.predictor import DetectionPredictor
from eyebright.tasks.detection.trust.matching import Matches, Truth, match
from eyebright.tasks.detection.trust.metrics import DetectionEvaluation, evaluate_matches

_BATCH_SIZE = 16
_SHOWN = 10


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
    detector: Detector, pictures: BoxDataset | PreparedBoxes, side: Side | None = None, *, report: Report = quiet
) -> DetectionTested:
    """Evaluate a detector on images with boxes, without those that it was trained on.

    Args:
        detector: The detector.
        pictures: The images with their boxes, prepared or not.
        side: The set of prepared images to evaluate on; all images by default.
        report: Receives the progress.

    Raises:
        DataError: When no image is left, or one has a box of a class that the detector does not know.
    """
    card, prepared = detector.card, pictures
    if isinstance(prepared, BoxDataset):
        prepared = PreparedBoxes.whole(prepared, card.preparation, report)
    usable = np.flatnonzero(prepared.pack.rows >= 0) if side is None else prepared.indices(side)
    new = usable[~card.seen.contains(prepared.pack.digests.at(usable))]
    if not len(new):
        raise DataError(
            f"the detector was trained on {all_of(len(usable), 'image')} that can be opened, or selected by them: "
            "evaluate it on other images"
        )
    truths(prepared, new[:0], card.classes)  # an unknown class is refused before the work
    tested = evaluate_found(card, prepared, new, found_in(detector.predictor, prepared, new, report))
    counts = {"seen": len(usable) - len(new), "left_out": len(prepared.pack.left_out)}
    return tested._replace(evaluation=msgspec.structs.replace(tested.evaluation, **counts))


def evaluate_found(
    card: DetectorCard,
    prepared: PreparedBoxes,
    indices: NDArray[np.int64],
    found: Sequence[Detections],
) -> DetectionTested:
    """Evaluate what a detector has found.

    Args:
        card: Of the detector.
        prepared: The images.
        indices: Which of them.
        found: What was found in each, with calibrated confidences.
    """
    truth = truths(prepared, indices, card.classes)
    matches = match(found, truth)
    evaluation = evaluate_matches(
        matches, card.classes, np.array(card.thresholds), groups=prepared.groups_at(indices), promised=card.promise
    )
    return DetectionTested(evaluation, indices, tuple(found), truth, matches)


def found_in(
    predictor: DetectionPredictor, prepared: PreparedBoxes, indices: NDArray[np.int64], report: Report = quiet
) -> tuple[Detections, ...]:
    """What is found in some prepared images, also below the threshold, in pixels of the upright originals.

    Args:
        predictor: What finds objects.
        prepared: The images.
        indices: Which of them.
        report: Receives the progress.
    """
    found: list[Detections] = []
    for at in range(0, len(indices), _BATCH_SIZE):
        here = indices[at : at + _BATCH_SIZE]
        sizes = [(width, height) for width, height in prepared.dataset.sizes[here].tolist()]
        found += predictor.detections(prepared.pack.read(here), sizes)
        report("evaluating", len(found), len(indices))
    return tuple(found)


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
