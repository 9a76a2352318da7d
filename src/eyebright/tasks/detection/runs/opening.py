"""What a training of a detector opens, and what it says and writes about it at the start of a run."""

from collections import Counter
from collections.abc import Iterator
from hashlib import sha256

import numpy as np

from eyebright.data.pictures import Preparation
from eyebright.data.split import ALL_SIDES
from eyebright.data.split_file import to_csv
from eyebright.network import Network
from eyebright.network.zoo.detection import BACKBONE
from eyebright.runs.folder import Run
from eyebright.runs.request import Request
from eyebright.system import files, machine
from eyebright.system.text import printable
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import PreparedBoxes, prepare
from eyebright.tasks.detection.geometry.boxes import REASONS, Unused
from eyebright.tasks.detection.trust.promise import RecallPromise
from eyebright.training.events.event import Emit, Event
from eyebright.training.events.starting import BoxesChecked, RunStarted, SidesNamed
from eyebright.training.mirroring import says_side
from eyebright.training.receivers import reporting

_EXAMPLES = 3


def open_boxes(request: Request, emit: Emit) -> BoxDataset:
    """The images with boxes that a request names; errors as in `train_detector`."""
    return BoxDataset.open(
        request.pictures, seed=request.training.seed if request.split_seed is None else request.split_seed,
        validation=request.validation, test=request.test, group_by=request.group_by, split=request.split,
        exclude=request.names_left_out(), unlabelled=request.unlabelled, one_class=request.one_class,
        report=reporting(emit),
    )  # fmt: skip


def prepared_boxes(dataset: BoxDataset, request: Request, size: int, emit: Emit) -> PreparedBoxes:
    """The images at the size that the detector sees, split as the request says; errors as in `train_detector`."""
    preparation = Preparation(width=size, height=size, fit="pad")
    return prepare(dataset, preparation, report=reporting(emit), hold_back=bool(request.promise))


def require_provable(promise: RecallPromise, prepared: PreparedBoxes) -> None:
    """Refuse a promise that the held-back images cannot prove, even if all objects are found; before the training.

    Raises:
        DataError: With the number of images that it takes.
    """
    held = np.array([index for index in prepared.indices("held_back") if len(prepared.boxes[index])], np.int64)
    groups = prepared.groups_at(held)
    promise.require_enough(len(held if groups is None else np.unique(groups)))


def write_start(run: Run, prepared: PreparedBoxes) -> None:
    """Write split.csv, and the lists of images and boxes that are not used."""
    run.write_left_out(prepared.pack.left_out)
    run.write_unused_boxes(prepared.unused_boxes)
    files.write_file(run.split, split_csv(prepared))


def split_csv(prepared: PreparedBoxes) -> bytes:
    """The content of split.csv: the class of an image is how many boxes of each class it has."""
    classes = prepared.dataset.classes
    found = [
        ", ".join(f"{count} {classes[label]}" for label, count in sorted(Counter(boxes.labels.tolist()).items()))
        for boxes in prepared.dataset.boxes
    ]
    kinds, labels = np.unique(found, return_inverse=True)
    return to_csv(prepared.dataset.source.names, labels, prepared.pack.digests, kinds.tolist(), prepared.sides)


def digest_of(prepared: PreparedBoxes) -> str:
    """The SHA-256 of all that is learned from: the images by name and content, their sets, and their boxes."""
    digest = sha256(split_csv(prepared))
    for boxes in (*prepared.dataset.boxes, *prepared.dataset.ignored):
        digest.update(boxes.corners.tobytes() + boxes.labels.tobytes())
    return digest.hexdigest()


def said_at_start(request: Request, prepared: PreparedBoxes, network: Network) -> Iterator[Event]:
    """What is said at the start of a run."""
    yield _run_started(request, prepared, network)
    if checked := boxes_checked(prepared):
        yield checked
    sided = tuple(printable(name) for name in prepared.dataset.classes if says_side(name))
    if sided and not request.mirror:  # who names "flip" has decided
        yield SidesNamed(classes=sided)


def _run_started(request: Request, prepared: PreparedBoxes, network: Network) -> RunStarted:
    train, validation, test, held_back = (len(prepared.indices(side)) for side in ALL_SIDES)
    return RunStarted(
        pictures=request.pictures, network=f"detector on {BACKBONE}", size=prepared.pack.preparation.width,
        seed=request.training.seed, epochs=request.training.epochs, classes=prepared.dataset.classes,
        train=train, validation=validation, test=test, held_back=held_back,
        left_out=tuple(printable(f"{left.name}: {left.reason}") for left in prepared.pack.left_out),
        leaking=int(np.count_nonzero((prepared.sides < 0) & (prepared.pack.rows >= 0))), leaks=prepared.leaks,
        parameters=network.parameter_count, versions=machine.versions(), data_sha256=digest_of(prepared),
    )  # fmt: skip


def boxes_checked(prepared: PreparedBoxes) -> BoxesChecked | None:
    """The event of boxes that are not used, and of all that is to be said of the labels; None where that is nothing."""
    dataset, unused = prepared.dataset, prepared.unused_boxes
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
