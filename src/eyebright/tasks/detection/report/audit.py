"""The findings of an audit of boxes for people: as text, and as contact sheets."""

import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from eyebright.data.pictures import decode
from eyebright.report.screen import HEADING
from eyebright.report.sheets import MAX_SHOWN
from eyebright.report.tables import findings_text, kind_text
from eyebright.system.errors import PictureError
from eyebright.system.text import counted, printable
from eyebright.tasks.detection.data.audit import BOX_FINDING_KINDS, BoxAudit, BoxFinding, BoxFindingKind
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.geometry.boxes import REASONS
from eyebright.tasks.detection.report.mistakes import around
from eyebright.tasks.detection.report.overlay import Framed, class_frame, draw_boxes

_WIDTH = 80
_COLUMNS = 5  # pictures in a row of a sheet
_OF_A_DETECTOR: tuple[BoxFindingKind, ...] = ("not labelled", "probably another class")


def box_audit_text(audit: BoxAudit) -> Text:
    """What an audit found, in 80 columns: each kind with its first examples, and how many boxes are not used."""
    counts = sorted(audit.classes.values())
    each = f"{counts[0]:,}" if counts[0] == counts[-1] else f"{counts[0]:,} to {counts[-1]:,}"
    classes = "1 class" if len(counts) == 1 else f"{len(counts)} classes of {each}"
    text = Text(f"Found {counted(audit.pictures, 'image')} with {counted(sum(counts), 'box')} in {classes}.\n")
    for kind, about in BOX_FINDING_KINDS.items():
        if found := audit.of(kind):
            images = counted(len({one.picture for one in found}), "image")
            title = f"{kind}: {counted(len(found), 'finding')} in {images}"
            text.append(kind_text(title, about, [((one.picture,), one.sentence) for one in found]))
    text.append(findings_text(audit.images))
    if audit.unused:
        text.append(f"\nnot used: {counted(len(audit.unused), 'box')}\n", HEADING)
        unused = Counter(one["reason"] for one in audit.unused)
        text.append("".join(f"  {unused[key]:,}: {words}\n" for key, words in REASONS.items() if unused[key]))
    text.append("" if audit.findings or audit.images or audit.unused else "\nNo problem found.\n")
    for note in audit.notes:
        text.append(f"\n{textwrap.fill(note, _WIDTH)}\n")
    return text


def draw_findings(dataset: BoxDataset, findings: Sequence[BoxFinding], title: str = "") -> bytes | None:
    """A contact sheet of the first findings, as the content of a PNG file; None where there are none.

    Each picture is the surroundings of the boxes, with these boxes; what a detector has found has its confidence.
    """
    index_of = {printable(name): index for index, name in enumerate(dataset.source.names)}
    framed = []
    for one in findings[:MAX_SHOWN]:
        try:
            pixels = np.asarray(decode(dataset.source.open(index_of[one.picture])))
        except PictureError:
            continue
        framed.append(_framed(pixels, one, [printable(name) for name in dataset.classes]))
    return draw_boxes(framed, title=title, columns=_COLUMNS) if framed else None


def _framed(pixels: NDArray[np.uint8], one: BoxFinding, classes: Sequence[str]) -> Framed:
    """The surroundings of the boxes of a finding, these boxes, and the confidence of what a detector has found."""
    corners = np.array(one.corners)
    left, top, right, bottom = around(corners, pixels.shape[1], pixels.shape[0])
    scores = [None] * (len(corners) - 1) + [one.figure if one.kind in _OF_A_DETECTOR else None]  # the last is found
    frames = [
        class_frame(classes.index(name), name, (box - [left, top, left, top]).tolist(), score)
        for box, name, score in zip(corners, one.classes, scores, strict=True)
    ]
    return Framed(pixels[top:bottom, left:right], frames, PurePath(one.picture).name)
