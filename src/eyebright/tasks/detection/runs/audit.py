"""audit(): images with boxes to findings, and a folder with them and with contact sheets."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from eyebright.data.pictures import Preparation
from eyebright.runs.request import Unlabelled
from eyebright.system import files, records
from eyebright.system.progress import Report
from eyebright.system.text import listed, printable
from eyebright.tasks.detection.data.audit import BOX_FINDING_KINDS, BoxAudit, audit_boxes
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.evaluate import found_in
from eyebright.tasks.detection.report.audit import draw_findings
from eyebright.tasks.detection.runs.recipe import choose_size
from eyebright.training.events.event import Event
from eyebright.training.receivers import reporting, to_all

FINDINGS = "audit.json"
"""The file by which a folder is known as that of an audit."""
_SHOWN = 5


class BoxesAudited(NamedTuple):
    """What an audit found.

    Args:
        dataset: The images with their boxes.
        audit: The findings.
    """

    dataset: BoxDataset
    audit: BoxAudit


def audit(
    pictures: str | Path,
    detector: Detector | None = None,
    *,
    unlabelled: Unlabelled = "refuse",
    callbacks: Iterable[Callable[[Event], None]] = (),
) -> BoxesAudited:
    """Check a set of images with boxes.

    Args:
        pictures: Whatever `BoxDataset.open` takes; it is only read.
        detector: What it finds with confidence shows objects without a box, and boxes of a wrong class; without one
            neither is looked for.
        unlabelled: What an image without labels is, as for a training.
        callbacks: Receive the progress.

    Raises:
        DataError: When there are no boxes, images have no labels, or a file is damaged.
    """
    report = reporting(to_all(callbacks))
    one_class = detector is not None and detector.card.one_class
    dataset = BoxDataset.open(pictures, unlabelled=unlabelled, one_class=one_class, report=report)
    size = choose_size(dataset).size  # as a training would choose it
    preparation = Preparation(width=size, height=size, fit="pad") if detector is None else detector.preparation
    prepared = PreparedBoxes.whole(dataset, preparation, report)
    found = None if detector is None else _found(detector, prepared, report)
    made = audit_boxes(prepared, found)
    strangers = [] if detector is None else [name for name in dataset.classes if name not in detector.classes]
    if strangers:
        names = listed(list(map(printable, strangers)), _SHOWN)
        note = f"The detector does not know the classes {names}: objects of these were not looked for."
        made = msgspec.structs.replace(made, notes=(*made.notes, note))
    return BoxesAudited(dataset, made)


def _found(detector: Detector, prepared: PreparedBoxes, report: Report) -> list[Detections | None]:
    """What is found in each image, with the classes of the data set by name; without objects of other classes."""
    classes, usable = prepared.dataset.classes, np.flatnonzero(prepared.pack.rows >= 0)
    numbers = np.array([classes.index(name) if name in classes else -1 for name in detector.classes], np.int64)
    named: list[Detections | None] = [None] * len(prepared.dataset)
    for index, one in zip(usable.tolist(), found_in(detector.predictor, prepared, usable, report), strict=True):
        labels = numbers[one.labels]
        named[index] = Detections(one.corners, labels, one.scores).at(labels >= 0)
    return named


def write_findings(found: BoxesAudited, folder: Path, *, overwrite: bool = False) -> None:
    """Write a folder with audit.json and, for each kind of finding about boxes, a contact sheet.

    Raises:
        OutputError: When the folder exists and may not be overwritten, or cannot be written.
    """
    with files.new_folder(folder, overwrite=overwrite, made_with=(FINDINGS,)) as new:
        (new / FINDINGS).write_text(records.to_json(found.audit), encoding="utf-8")
        for kind in BOX_FINDING_KINDS:
            if sheet := draw_findings(found.dataset, found.audit.of(kind), f"{kind}: {BOX_FINDING_KINDS[kind]}"):
                (new / f"{kind.replace(' ', '_')}.png").write_bytes(sheet)
