"""Which boxes a training does not use, and the event that says so."""

from collections import Counter

from eyebright.system.text import printable
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.geometry.boxes import REASONS, Unused
from eyebright.training.events import BoxesChecked

_EXAMPLES = 3


def unused_boxes(prepared: PreparedBoxes) -> list[Unused]:
    """Every box that is not used: those of the files, and those of images that cannot be decoded."""
    dataset = prepared.dataset
    known = list(dataset.unused)
    closed = {left.name for left in prepared.pack.left_out}
    for name, boxes in zip(dataset.source.names, dataset.boxes, strict=True):
        if name in closed:
            known += [
                Unused(name, "no image", " ".join([dataset.classes[label], *(f"{value:g}" for value in corners)]))
                for corners, label in zip(boxes.corners.tolist(), boxes.labels.tolist(), strict=True)
            ]
    return known


def boxes_checked(prepared: PreparedBoxes) -> BoxesChecked | None:
    """The event of boxes that are not used, and of all that is to be said of the labels; None where that is nothing."""
    dataset, unused = prepared.dataset, unused_boxes(prepared)
    if not (unused or dataset.clipped or dataset.notices):
        return None
    counts = Counter(box.reason for box in unused)
    found = [reason for reason in REASONS if counts[reason]]
    return BoxesChecked(
        unused={REASONS[reason]: counts[reason] for reason in found},
        examples={REASONS[reason]: _examples([box for box in unused if box.reason == reason]) for reason in found},
        clipped=dataset.clipped, notices=dataset.notices,
    )  # fmt: skip


def _examples(unused: list[Unused]) -> tuple[str, ...]:
    return tuple(printable(f"{box.image} ({box.box})") for box in unused[:_EXAMPLES])
